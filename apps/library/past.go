package library

import (
	"context"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
)

// BookAsOf returns a book as it was at a moment, or [ErrNoSuchBook]. It reads the book's
// own events from the store, so it needs no read model: the write service answers its
// commands with it.
func BookAsOf(ctx context.Context, store daybook.Store, isbn ISBN, m Moment) (Book, Shown, error) {
	book := Book{ISBN: isbn}
	there := false
	read, at, err := past.Show(ctx, store, AboutBook(isbn), Books.Codec(), m, func(fact any, at daybook.Recorded) {
		there = true
		book.apply(fact, at)
	})
	switch {
	case err != nil:
		return Book{}, Shown{}, err
	case !there, m.Version > read:
		return Book{}, Shown{At: at}, ErrNoSuchBook
	}
	return book, past.ShownOf(at, uint64(read), inventoryVersion), nil
}

// readerIn returns the reader that an event's tags name; empty if they name none.
func readerIn(tags []string) Card {
	for _, tag := range tags {
		if card, is := strings.CutPrefix(tag, readerTag("")); is {
			return Card(card)
		}
	}
	return ""
}

// pasts is how many moments of the past are kept, for whoever asks about one again.
const pasts = 8

// A pastCache keeps the read models of the moments that were asked for last.
type pastCache struct {
	building chan struct{} // holds one while the others are looked at
	kept     map[pastKey]*memview.View[shelves]
	order    []pastKey // from the one that was built first
}

func newPastCache() pastCache {
	return pastCache{building: make(chan struct{}, 1), kept: make(map[pastKey]*memview.View[shelves])}
}

// A pastKey names a moment, as far as the log had come: facts about it may be recorded
// later.
type pastKey struct {
	asOf, knownAt int64
	head          daybook.Point
}

// past returns the read model as it was at a moment: the same handlers over a part of the
// log.
func (i *Inventory) past(ctx context.Context, m Moment) (*memview.View[shelves], error) {
	if m.Version != 0 {
		return nil, &daybook.InvalidError{What: "version", Reason: "is of a book, and the library has none"}
	}
	head, err := i.Now(ctx)
	if err != nil {
		return nil, err
	}
	key := pastKey{head: head}
	if !m.AsOf.IsZero() {
		key.asOf = m.AsOf.UnixNano()
	}
	if !m.KnownAt.IsZero() {
		key.knownAt = m.KnownAt.UnixNano()
	}
	// One at a time is built, so that questions about the past take one processor at most from
	// those about now; who waited may find that it was the same moment.
	select {
	case i.pasts.building <- struct{}{}:
		defer func() { <-i.pasts.building }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if view, there := i.pasts.kept[key]; there {
		return view, nil
	}
	view := newView()
	if err := projection.Build(ctx, i.store, view, projection.Moment{At: head.Position, AsOf: m.AsOf, KnownAt: m.KnownAt}); err != nil {
		return nil, err
	}
	i.pasts.kept[key] = view
	i.pasts.order = append(i.pasts.order, key)
	if len(i.pasts.order) > pasts {
		delete(i.pasts.kept, i.pasts.order[0])
		i.pasts.order = i.pasts.order[1:]
	}
	return view, nil
}
