package publish_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

// A restored store holds what its log held at an earlier moment, and what was recorded
// since: the same log, in another incarnation unless its files were put back by hand.
type restored struct {
	*memstore.Store
	life daybook.Point
}

// restore returns the log as it was at a position.
func restore(t *testing.T, from daybook.Store, to daybook.Position, incarnation bool) restored {
	t.Helper()
	reading, err := from.Read(t.Context(), daybook.All(), daybook.Span{Before: to + 1})
	if err != nil {
		t.Fatal(err)
	}
	store := restored{memstore.New(), reading.Snapshot()}
	if incarnation {
		store.life.Incarnation = uuid.New()
	}
	events, err := reading.Collect()
	if err == nil {
		err = store.Restore(t.Context(), events)
	}
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (s restored) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	receipt, err := s.Store.Append(ctx, events, cond)
	receipt.Point = s.life.At(receipt.Position)
	return receipt, err
}

func (s restored) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := s.Store.Read(ctx, q, span)
	return daybook.NewReading(q, span, s.life.At(reading.Snapshot().Position), reading.Events()), err
}

func (s restored) Info(ctx context.Context) (daybook.Info, error) {
	info, err := s.Store.Info(ctx)
	info.Head = s.life.At(info.Head.Position)
	return info, err
}

// published returns a log of six events, all of which were published but for the third,
// which is set aside with the fifth behind it, and the bookmark.
func published(t *testing.T) (*memstore.Store, *publish.MemoryBookmark) {
	t.Helper()
	store, bookmark := memstore.New(), new(publish.MemoryBookmark)
	for _, stream := range []string{"a", "b", "bad", "a", "bad", "b"} {
		record(t, store, stream, 1)
	}
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Key == "bad" {
			return publish.Refused(errors.New("poison"))
		}
		return nil
	}}
	p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{}))
	stop := run(t, p)
	caughtUp(t, p)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return store, bookmark
}

func TestABookmarkIsTakenOverIntoARestoredLogThatHasItsEvent(t *testing.T) {
	store, bookmark := published(t)
	now, sink := restore(t, store, 6, true), new(receiver)
	record(t, now, "a", 2)
	p := publish.New(now, daybook.All(), sink, bookmark, quick(publish.Options{}))
	stop := run(t, p)
	until(t, "all is sent", func() bool { return sink.count() == 4 })
	caughtUp(t, p)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if a, bad := fmt.Sprint(sink.positions("a")), fmt.Sprint(sink.positions("bad")); a != "[7 8]" || bad != "[3 5]" {
		t.Errorf("there came %s and %s; want what is new, and what was set aside", a, bad)
	}
	if m, _ := bookmark.Load(t.Context()); m.Point.Incarnation != now.life.Incarnation || m.Point.Position != 8 || len(m.Aside) != 0 {
		t.Errorf("the bookmark is %+v; want it in the new incarnation, at 8", m)
	}
}

func TestABookmarkThatStandsAtAnEventThatIsGoneIsRefused(t *testing.T) {
	for what, now := range map[string]func(t *testing.T, store daybook.Store) daybook.Store{
		"restored to before it": func(t *testing.T, store daybook.Store) daybook.Store { return restore(t, store, 4, true) },
		"restored to before it, and another came": func(t *testing.T, store daybook.Store) daybook.Store {
			s := restore(t, store, 4, true)
			record(t, s, "b", 9)
			return s
		},
		"put back from a copy": func(t *testing.T, store daybook.Store) daybook.Store { return restore(t, store, 4, false) },
		"put back from a copy, and another came": func(t *testing.T, store daybook.Store) daybook.Store {
			s := restore(t, store, 4, false)
			record(t, s, "b", 9)
			return s
		},
		"another log": func(t *testing.T, store daybook.Store) daybook.Store {
			s := memstore.New()
			record(t, s, "b", 9)
			return s
		},
	} {
		t.Run(what, func(t *testing.T) {
			store, bookmark := published(t)
			before, _ := bookmark.Load(t.Context())
			sink, log := new(receiver), now(t, store)
			err := publish.New(log, daybook.All(), sink, bookmark, quick(publish.Options{})).Run(t.Context())
			var diverged *publish.DivergedError
			var life *daybook.LifeError
			if !errors.As(err, &diverged) || !errors.As(err, &life) || diverged.Mark.Last != 6 || !strings.Contains(err.Error(), "place the bookmark") {
				t.Fatalf("Run: %v; want a DivergedError that says what to do", err)
			}
			if after, _ := bookmark.Load(t.Context()); after.ID != before.ID || sink.count() > 0 {
				t.Errorf("the bookmark was moved, or %d events were sent", sink.count())
			}
			// Whoever knows what to do says so, and it goes on.
			info, err := log.Info(t.Context())
			if err == nil {
				err = publish.Place(t.Context(), bookmark, log, info.Head.At(2))
			}
			if err != nil {
				t.Fatal(err)
			}
			p := publish.New(log, daybook.All(), sink, bookmark, quick(publish.Options{}))
			stop := run(t, p)
			caughtUp(t, p)
			if err := stop(); err != nil {
				t.Error(err)
			}
			if n := sink.count(); n != int(info.Head.Position)-2 {
				t.Errorf("%d events were sent; want all behind 2 of %d", n, info.Head.Position)
			}
		})
	}
}

func TestOfTwoPublishersWithOneBookmarkTheLaterOneGoesOn(t *testing.T) {
	eachBookmark(t, func(t *testing.T, open func() publish.Bookmark) {
		store, bookmark := memstore.New(), open()
		record(t, store, "a", 3)
		one, two := new(receiver), new(receiver)
		first := publish.New(store, daybook.All(), one, bookmark, quick(publish.Options{}))
		stop := run(t, first)
		caughtUp(t, first)
		second := publish.New(store, daybook.All(), two, bookmark, quick(publish.Options{}))
		stopSecond := run(t, second)
		until(t, "the second one runs", func() bool { s := status(t, second); return s.Running && !s.Mark.IsZero() })
		for i := range 50 {
			record(t, store, fmt.Sprint("a", i%3), 1)
		}
		caughtUp(t, second)
		until(t, "the first one has ended", func() bool { return !status(t, first).Running })
		if err := stop(); !errors.Is(err, publish.ErrMoved) {
			t.Errorf("the first one: %v; want ErrMoved", err)
		}
		if err := stopSecond(); err != nil {
			t.Errorf("the second one: %v", err)
		}
		two.taken = append(one.taken[:3:3], two.taken...)
		two.ordered(t, store)
	})
}

// A key was set aside ahead of the mark, at an event that the restored log does not have.
func TestWhatIsSetAsideAheadOfARestoredLogIsForgotten(t *testing.T) {
	store, bookmark, sink := memstore.New(), new(publish.MemoryBookmark), new(receiver)
	record(t, store, "slow", 2)
	receipt := record(t, store, "bad", 4)
	if err := publish.Place(t.Context(), bookmark, store, receipt.At(2)); err != nil {
		t.Fatal(err)
	}
	from, _ := bookmark.Load(t.Context())
	to := from
	to.ID, to.Aside = uuid.New(), []publish.Aside{{Key: "bad", Position: 5, ID: uuid.New()}}
	if err := bookmark.Save(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}

	now := restore(t, store, 3, true)
	record(t, now, "bad", 4)
	p := publish.New(now, daybook.All(), sink, bookmark, quick(publish.Options{}))
	stop := run(t, p)
	until(t, "all is sent", func() bool { return sink.count() == 5 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(sink.positions("bad")); got != "[3 4 5 6 7]" {
		t.Errorf("there came %s; want all behind the mark", got)
	}
}

// The process ended right after an event ahead of the mark was skipped.
func TestWhatWasSkippedAheadOfTheMarkStaysSkipped(t *testing.T) {
	store, bookmark, sink := memstore.New(), new(publish.MemoryBookmark), new(receiver)
	record(t, store, "slow", 2)
	receipt := record(t, store, "bad", 4)
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	to := publish.Mark{
		ID: uuid.New(), Point: receipt.At(1), Last: 1, LastID: events[0].ID,
		Aside:   []publish.Aside{{Key: "bad", Position: 5, ID: events[4].ID, Attempts: 1}},
		Skipped: []publish.Skip{{Key: "bad", Position: 5, ID: events[4].ID}},
	}
	if err := bookmark.Save(t.Context(), publish.Mark{}, to); err != nil {
		t.Fatal(err)
	}
	p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{}))
	stop := run(t, p)
	until(t, "nothing is set aside", func() bool {
		s := status(t, p)
		return s.Running && s.Lag == 0 && s.InHand == 0 && len(s.Mark.Aside) == 0
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
	// What is between the mark and the event was sent before: it is not sent again.
	if slow, bad := fmt.Sprint(sink.positions("slow")), fmt.Sprint(sink.positions("bad")); slow != "[2]" || bad != "[6]" {
		t.Errorf("there came %s and %s; want 2, and what follows the skipped one", slow, bad)
	}
}
