package logstore

import (
	"os"
	"strconv"
	"testing"
)

// A soak is the piece of work that `make soak` asks a test for; see internal/soak.
type soak struct {
	asked bool
	seed  uint64 // that the whole soak was begun with
	piece int    // of this kind of work, counted from 0
}

func soaking(t testing.TB) soak {
	t.Helper()
	seed, asked := os.LookupEnv("DAYBOOK_SOAK_SEED")
	if !asked {
		return soak{}
	}
	s := soak{asked: true}
	var err error
	if s.seed, err = strconv.ParseUint(seed, 10, 64); err != nil {
		t.Fatal(err)
	}
	if s.piece, err = strconv.Atoi(os.Getenv("DAYBOOK_SOAK_PIECE")); err != nil {
		t.Fatal(err)
	}
	return s
}

// choose returns how much a test is to do: in its short form, usually, or in a piece of a soak.
func (s soak) choose(short, usual, soaked int) int {
	switch {
	case s.asked:
		return soaked
	case testing.Short():
		return short
	}
	return usual
}

// base returns a number that is another one for each piece of each soak, so far from the next one that a test can count
// on from it; and the one given where nobody soaks.
func (s soak) base(usual uint64) uint64 {
	if !s.asked {
		return usual
	}
	return (s.seed<<20 + uint64(s.piece) + 1) << 20
}

// tried says, in a form that programs read too, how many cases a test has tried.
func tried(t testing.TB, cases int) {
	t.Attr("cases", strconv.Itoa(cases))
}
