package storetest

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// wrongIDs are stores that err about ids and repeats.
var wrongIDs = []wrong{
	{mistake: "gives random ids", breaks: []string{
		"an event without an id gets one of version 7",
	}, bend: onEvent(func(e *daybook.Event) {
		if e.ID == uuid.Nil {
			e.ID = uuid.New()
		}
	})},
	{mistake: "keeps the ids of RFC 4122 alone", breaks: []string{
		"an id of any version is kept",
	}, bend: onEvent(func(e *daybook.Event) {
		if v := e.ID.Version(); v < 1 || v > 5 && v != 7 {
			e.ID = uuid.New()
		}
	})},
	{mistake: "lets one id through twice", breaks: []string{
		"one id twice in an append is invalid",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		events = slices.Clone(events)
		for i := range events {
			for j := range i {
				if events[i].ID == events[j].ID {
					events[i].ID = uuid.New()
				}
			}
		}
		return events, cond
	})},
	{mistake: "records repeats again", breaks: []string{
		"an append repeated records nothing and gives the receipt of the first",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if receipt.Repeated {
				events = slices.Clone(events)
				for i := range events {
					events[i].ID = uuid.New()
				}
				return s.Append(ctx, events, cond)
			}
			return receipt, err
		}}
	}},
	{mistake: "forgets ids after a while", breaks: []string{
		"a repeat is a repeat whatever was recorded since",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if info, _ := s.Info(ctx); receipt.Repeated && info.Head.Position > receipt.Position+100 {
				return daybook.Receipt{}, &daybook.ReusedError{ID: events[0].ID}
			}
			return receipt, err
		}}
	}},
	{mistake: "does not say that a repeat is one", breaks: []string{
		"an append repeated records nothing and gives the receipt of the first",
		"an event appended by many at once is recorded once, and all get its position",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error { r.Repeated = false; return err })},
	{mistake: "knows whole appends alone as repeats", breaks: []string{
		"some events of an append, next to each other, are a repeat of their own",
	}, bend: func(s daybook.Store) *bent {
		sizes := make(map[daybook.Position]int)
		var mu sync.Mutex
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && !receipt.Repeated {
				sizes[receipt.Position] = len(events)
			}
			if receipt.Repeated && sizes[receipt.Position] != len(events) {
				return daybook.Receipt{}, &daybook.ReusedError{ID: events[0].ID}
			}
			return receipt, err
		}}
	}},
	{mistake: "takes what a repeat brings", breaks: []string{
		"a repeat keeps what was recorded, not what it brings",
	}, bend: func(s daybook.Store) *bent {
		latest := make(map[uuid.UUID]daybook.Event)
		var mu sync.Mutex
		b := onYield(func(e *daybook.Recorded) bool {
			mu.Lock()
			defer mu.Unlock()
			if l, ok := latest[e.ID]; ok {
				e.Data = l.Data
			}
			return true
		})(s)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if err == nil && receipt.Repeated {
				mu.Lock()
				defer mu.Unlock()
				for _, e := range events {
					latest[e.ID] = e
				}
			}
			return receipt, err
		}
		return b
	}},
	{mistake: "records the new ones beside recorded ids", breaks: []string{
		"recorded and new ids in one append are reused",
	}, bend: lenient(func(e daybook.Event, r daybook.Recorded) bool { return true }, true)},
	{mistake: "takes recorded ids in any order and place", breaks: []string{
		"recorded ids in another order are reused",
		"recorded ids that do not stand next to each other are reused",
	}, bend: lenient(func(e daybook.Event, r daybook.Recorded) bool { return e.Stream == r.Stream && e.Type == r.Type }, false)},
	{mistake: "takes a recorded id in any stream", breaks: []string{
		"a recorded id in another stream is reused",
	}, bend: lenient(func(e daybook.Event, r daybook.Recorded) bool { return e.Type == r.Type }, false)},
	{mistake: "takes a recorded id with any type", breaks: []string{
		"a recorded id with another type is reused",
	}, bend: lenient(func(e daybook.Event, r daybook.Recorded) bool { return e.Stream == r.Stream }, false)},
	{mistake: "names the oldest id that is reused", breaks: []string{
		"reused names the first overlapping id in the append's order, and its position",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if kind(err) != "reused" {
				return receipt, err
			}
			var ids []uuid.UUID
			for _, e := range events {
				ids = append(ids, e.ID)
			}
			reading, err := s.Read(ctx, identified(ids...), daybook.Span{})
			if err != nil {
				return receipt, err
			}
			found, err := reading.Collect()
			if err != nil {
				return receipt, err
			}
			return receipt, &daybook.ReusedError{ID: found[0].ID, Position: found[0].Position}
		}}
	}},
	{mistake: "remembers the ids of what it refused", breaks: []string{
		"a refused id may be used again",
	}, bend: func(s daybook.Store) *bent {
		refused := make(map[uuid.UUID]bool)
		var mu sync.Mutex
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				if refused[e.ID] {
					return daybook.Receipt{}, &daybook.ReusedError{ID: e.ID}
				}
			}
			receipt, err := s.Append(ctx, events, cond)
			if err != nil {
				for _, e := range events {
					refused[e.ID] = true
				}
			}
			return receipt, err
		}}
	}},
}

// lenient bends a store so that recorded ids are taken for repeats if each looks
// like what was recorded, in whatever company; others may be recorded beside them.
func lenient(alike func(daybook.Event, daybook.Recorded) bool, beside bool) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if kind(err) != "reused" {
				return receipt, err
			}
			var fresh []daybook.Event
			for _, e := range events {
				reading, readErr := s.Read(ctx, identified(e.ID), daybook.Span{})
				if readErr != nil {
					return receipt, readErr
				}
				found, _ := reading.Collect()
				switch {
				case len(found) == 0 && beside:
					fresh = append(fresh, e)
				case len(found) == 0 || !alike(e, found[0]):
					return receipt, err
				}
			}
			return s.Append(ctx, fresh, nil)
		}}
	}
}
