package decider_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// Sixty-four clients borrow and return a few books for a few readers over a store
// that loses requests and answers. Whatever they were told, at every moment of the
// log no reader holds too many books, and no more copies are out than there are.
func TestSixtyFourClientsKeepEveryInvariantOverOverlappingBoundaries(t *testing.T) {
	const clients, rounds, copies = 64, 15, 3
	books, readers := []string{"1984", "dune", "emma", "ulysses"}, []string{"ada", "bob", "eve", "joe", "liz"}
	ctx := t.Context()
	store := &daybooktest.Unreliable{Store: memstore.New(), Fault: func(n int) daybooktest.Fault {
		switch {
		case n%11 == 0:
			return daybooktest.AnswerLost
		case n%13 == 0:
			return daybooktest.RequestLost
		}
		return daybooktest.NoFault
	}}
	for _, book := range books {
		for range copies {
			must(decider.Decide(ctx, store, buy(book)))(t)
		}
	}
	cache := decider.NewCache(8)
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			chance := rand.New(rand.NewPCG(1, uint64(client)))
			for range rounds {
				book, reader := books[chance.IntN(len(books))], readers[chance.IntN(len(readers))]
				plan := borrow(book, reader)
				if chance.IntN(3) == 0 {
					plan = returnAny(book, reader)
				}
				_, err := decider.Decide(ctx, store, plan, decider.Attempts(1000), decider.WithSnapshots(cache, 5))
				if err != nil && !errors.Is(err, errNotLent) {
					t.Errorf("client %d: %v", client, err)
				}
			}
		})
	}
	wg.Wait()

	out, held, borrowed := map[string]int{}, map[string]int{}, 0
	for _, event := range all(t, store) {
		facts := must(lendingCodec.Facts(event))(t)
		switch e := facts[0].(type) {
		case Borrowed:
			out[e.Book]++
			held[e.Reader]++
			borrowed++
		case Returned:
			out[e.Book]--
			held[e.Reader]--
		}
		for name, n := range held {
			if n < 0 || n > mostHeld {
				t.Fatalf("at position %d %s holds %d books", event.Position, name, n)
			}
		}
		for name, n := range out {
			if n < 0 || n > copies {
				t.Fatalf("at position %d %d copies of %s are out", event.Position, n, name)
			}
		}
	}
	if borrowed < mostHeld*len(readers) {
		t.Errorf("only %d books were borrowed at all", borrowed)
	}
}

// returnAny returns a book if this reader holds this one: it counts within a
// boundary of one tag pair.
func returnAny(book, reader string) decider.Plan {
	q, _ := about(book, reader)
	q = append(q[:0:0], q[0])
	q[0].Tags = append(q[0].Tags, "reader:"+reader)
	return Lendings.Within(q, Lending{Reader: reader}, func(l Lending) ([]any, error) {
		if l.Held == 0 {
			return nil, fmt.Errorf("%w: %s does not have it", errNotLent, reader)
		}
		return []any{Returned{book, reader}}, nil
	})
}

// A domain may return the same tags for every fact. What an entry adds must not be
// written behind them, where the next entry would write too.
func TestTagsOfAnEntryLeaveThoseOfTheDomainAlone(t *testing.T) {
	type Noted struct{}
	kept := make([]string, 1, 2)
	kept[0] = "note"
	codec := daybook.NewCodec(daybook.KindOf("Noted", func(Noted) []string { return kept }))
	notes := decider.Over("notes", codec, decider.Apply[struct{}, Noted](nil))
	plan := notes.Within(daybook.Query{{Tags: []string{"note"}}}, struct{}{}, func(struct{}) ([]any, error) {
		return []any{decider.Entry{Fact: Noted{}, Tags: []string{"a"}}, decider.Entry{Fact: Noted{}, Tags: []string{"b"}}}, nil
	})
	store := memstore.New()
	if _, err := decider.Decide(t.Context(), store, plan); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a", "b"} {
		if tags := all(t, store)[i].Tags; !slices.Equal(tags, []string{"note", want}) {
			t.Errorf("event %d has the tags %v, want note and %s", i+1, tags, want)
		}
	}
}
