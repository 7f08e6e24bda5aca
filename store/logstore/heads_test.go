package logstore

import (
	"fmt"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

func TestHeadsAreRememberedForAsManyStreamsAsAreAskedForUpToABound(t *testing.T) {
	var h heads
	name := func(i int) (string, uint64) {
		s := fmt.Sprintf("order-%d", i)
		return s, term.Hash(term.Stream, s)
	}
	remembered := func(from, to int) (n int) {
		for i := from; i < to; i++ {
			s, hash := name(i)
			known, ok := h.get(s, hash)
			if ok && (known.name != s || known.version != daybook.Version(i)) {
				t.Fatalf("the head of %s is that of %s at version %d", s, known.name, known.version)
			}
			if ok {
				n++
			}
		}
		return n
	}
	put := func(from, to int) {
		for i := from; i < to; i++ {
			s, hash := name(i)
			h.put(head{name: s, hash: hash, version: daybook.Version(i), below: 7})
		}
	}

	put(1, 11)
	if len(h.sets) != fewestHeadSets || remembered(1, 11) != 10 {
		t.Errorf("of 10 streams %d are remembered, in %d sets", remembered(1, 11), len(h.sets))
	}
	put(11, 5001)
	if n := remembered(1, 5001); n < 2500 || len(h.sets) >= mostHeadSets {
		t.Errorf("of 5,000 streams %d are remembered, in %d sets", n, len(h.sets))
	}
	const many = 4 * mostHeadSets * headWays
	put(5001, many)
	if n := remembered(1, many); len(h.sets) != mostHeadSets || n < mostHeadSets*headWays*9/10 || n > mostHeadSets*headWays {
		t.Errorf("of %d streams %d are remembered, in %d sets", many, n, len(h.sets))
	}
	s, hash := name(many - 1)
	h.put(head{name: s, hash: hash, version: many - 1, below: 9})
	if known, ok := h.get(s, hash); !ok || known.below != 9 {
		t.Errorf("what was put last is not remembered: %+v, %v", known, ok)
	}
}
