// Package crowd tests a library by its rules: many readers borrow and return at several
// write services and look at several read services, while one service or another is killed
// and comes back. Then every answer that they were given is explained by the log, or the
// test fails.
package crowd

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/library"
)

// A Service is one of the library's, which can be killed in the middle of whatever it does,
// and started again at the same address.
type Service interface {
	// URL returns its address, without a slash at the end.
	URL() string
	Kill()
	Restart()
}

// A Crowd says how many come, and how often. Make one in full: nothing has a default.
type Crowd struct {
	// Readers is how many there are, and Hands at how many desks each is at once.
	Readers, Hands int
	// Turns is how often each hand borrows or returns.
	Turns int
	// Every is how often a service is killed, and Down for how long it is away.
	Every, Down time.Duration
	// Seed decides what they want, and what is killed, though not who comes first.
	Seed uint64
}

// books is how many books there are.
const books = 20

// copiesOf returns how many copies there are of the n-th book: some are sought after, and
// there are enough of all that a reader comes to want a sixth.
func copiesOf(n int) int64 { return int64(1 + n%10) }

// Run runs a crowd against the services of the library in a store, which is empty.
func (c Crowd) Run(t *testing.T, store daybook.Store, writes, reads []Service) {
	t.Helper()
	copies := make(map[library.ISBN]int64)
	shelf := func(yield func(library.BookAdded, error) bool) {
		for n, book := range library.Classics[:books] {
			book.Copies = copiesOf(n)
			copies[book.ISBN] = book.Copies
			if !yield(book, nil) {
				return
			}
		}
	}
	if _, err := library.Record(t.Context(), store, shelf, time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	info, err := store.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shelved := info.Head.String()

	crowded, enough := context.WithCancel(t.Context())
	defer enough()
	kills := 0
	var killing sync.WaitGroup
	killing.Go(func() {
		all := slices.Concat(writes, reads)
		chance := rand.New(rand.NewPCG(c.Seed, 0))
		for {
			select {
			case <-crowded.Done():
				return
			case <-time.After(c.Every):
			}
			s := all[chance.IntN(len(all))]
			s.Kill()
			time.Sleep(c.Down)
			s.Restart()
			kills++
		}
	})
	told := make([][]said, c.Readers*c.Hands)
	var crowd sync.WaitGroup
	for n := range told {
		crowd.Go(func() {
			p := newPatron(t, n, n/c.Hands, shelved, rand.New(rand.NewPCG(c.Seed, uint64(n+1))), writes, reads)
			for turn := range c.Turns {
				p.turn(turn)
			}
			told[n] = p.said
		})
	}
	crowd.Wait()
	enough()
	killing.Wait()

	log := readLog(t, store)
	log.holds(t, copies)
	var answers []said
	for _, all := range told {
		answers = append(answers, all...)
	}
	log.explains(t, answers, copies)
	done := 0
	for _, e := range log {
		if e.reader != "" {
			done++
		}
	}
	t.Attr("cases", strconv.Itoa(kills))
	t.Logf("%d kills, %d loans and returns, %d answers", kills, done, len(answers))
	if kills == 0 || done < c.Readers || len(answers) != len(told)*c.Turns {
		t.Errorf("%d answers were expected, and at least %d loans and returns, and a kill", len(told)*c.Turns, c.Readers)
	}
}
