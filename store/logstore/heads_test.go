package logstore

import (
	"fmt"
	"hash/maphash"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// someHeads returns heads, and a function that makes the one of the i-th of some streams.
func someHeads() (*heads, func(i int, newest daybook.Position) head) {
	h := &heads{seed: maphash.MakeSeed()}
	return h, func(i int, newest daybook.Position) head {
		name := fmt.Sprintf("order-%d", i)
		return head{term.Hash(term.Stream, name), maphash.String(h.seed, name), daybook.Version(i), newest}
	}
}

func TestHeadsAreRememberedForAsManyStreamsAsAreAskedForUpToABound(t *testing.T) {
	h, of := someHeads()
	remembered := func(from, to int) (n int) {
		for i := from; i < to; i++ {
			want := of(i, daybook.Position(i))
			got, ok := h.get(want.term, want.key)
			if ok && got != want {
				t.Fatalf("the head of stream %d is %+v, want %+v", i, got, want)
			}
			if ok {
				n++
			}
		}
		return n
	}
	put := func(from, to int) {
		for i := from; i < to; i++ {
			h.put(of(i, daybook.Position(i)))
		}
	}
	sets := func() (n int) {
		for i := range h.shards {
			n += len(h.shards[i].sets)
		}
		return n
	}

	put(1, 11)
	if n := remembered(1, 11); sets() > headShards*fewestSets || n != 10 {
		t.Errorf("of 10 streams %d are remembered, in %d sets", n, sets())
	}
	put(11, 5001)
	if n := remembered(1, 5001); n < 2500 || sets() >= headShards*mostSets {
		t.Errorf("of 5,000 streams %d are remembered, in %d sets", n, sets())
	}
	const bound = headShards * mostSets * headWays
	put(5001, 3*bound)
	if n := remembered(1, 3*bound); sets() != headShards*mostSets || n < bound*9/10 || n > bound {
		t.Errorf("of %d streams %d are remembered, in %d sets", 3*bound, n, sets())
	}
}

// Goal: what somebody found in a view that is not the newest any more takes the place of
// nothing newer, not even of what was given up meanwhile.
func TestAHeadThatWasFoundIsNotPutWhereANewerOneMayHaveBeen(t *testing.T) {
	h, of := someHeads()
	found, settled := of(1, 10), of(1, 20)
	h.put(settled)
	h.learn(found, 15)
	if got, _ := h.get(found.term, found.key); got != settled {
		t.Errorf("the head is %+v, want %+v", got, settled)
	}

	// Others take its place, until it is there no more.
	there := true
	for i := 2; there; i++ {
		h.put(of(i, daybook.Position(20+i)))
		_, there = h.get(found.term, found.key)
	}
	h.learn(found, 15)
	if got, there := h.get(found.term, found.key); there {
		t.Errorf("the head is %+v, want none: one of position 20 was given up", got)
	}
	h.learn(settled, 1<<40)
	if got, _ := h.get(found.term, found.key); got != settled {
		t.Errorf("the head is %+v, want %+v", got, settled)
	}
}
