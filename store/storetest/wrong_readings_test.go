package storetest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
)

// wrongReadings are stores that err about queries, spans and readings.
var wrongReadings = []wrong{
	{mistake: "skips an event", breaks: []string{
		"events are read in the order in which they were appended",
	}, bend: onYield(func(e *daybook.Recorded) bool { return e.Position != 5 })},
	{mistake: "skips the first event", breaks: []string{
		"events are read in the order in which they were appended",
	}, bend: onYield(func(e *daybook.Recorded) bool { return e.Position != 1 })},
	{mistake: "shows an event twice", breaks: []string{
		"a query selects what any of its items selects, each event once and in order",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			for e, err := range events {
				if !yield(e, err) || e.Position == 3 && !yield(e, err) {
					return
				}
			}
		}
	})},
	{mistake: "ends long readings early", breaks: []string{
		"a long reading is read whole",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			n := 0
			for e, err := range events {
				if n++; n > 1000 || !yield(e, err) {
					return
				}
			}
		}
	})},
	{mistake: "hides what ends a reading", breaks: []string{
		"a reading whose context ends stops with an error and does not pretend to be whole",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			for e, err := range events {
				if err != nil || !yield(e, err) {
					return
				}
			}
		}
	})},
	{mistake: "can be ranged over once", breaks: []string{
		"a reading may be ranged over again and yields the same",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		var ranged atomic.Bool
		return func(yield func(daybook.Recorded, error) bool) {
			if !ranged.Swap(true) {
				events(yield)
			}
		}
	})},
	{mistake: "goes on where the last range stopped", breaks: []string{
		"a reading may be left early",
		"several ranges over one reading do not disturb each other",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		at := 0
		return func(yield func(daybook.Recorded, error) bool) {
			i := 0
			for e, err := range events {
				if i++; i <= at {
					continue
				}
				at++
				if !yield(e, err) {
					return
				}
			}
			at = 0
		}
	})},
	{mistake: "reads on into what comes later", breaks: []string{
		"a reading holds what was recorded when it began and nothing recorded later",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if err != nil {
				return reading, err
			}
			return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
				again, err := s.Read(ctx, q, span)
				if err != nil {
					yield(daybook.Recorded{}, err)
					return
				}
				again.Events()(yield)
			}), nil
		}}
	}},
	{mistake: "states the last event read as the snapshot", breaks: []string{
		"the snapshot of a reading is the head at which it began, also when nothing was selected",
	}, bend: onReading(func(_ daybook.Query, span daybook.Span, snapshot *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		var last daybook.Position
		for e := range events {
			last = max(last, e.Position)
		}
		snapshot.Position = last
		return events
	})},
	{mistake: "states the head as the snapshot, whatever the bounds", breaks: []string{
		"an upper bound lowers the snapshot",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if err != nil {
				return reading, err
			}
			info, err := s.Info(ctx)
			return daybook.NewReading(q, span, info.Head, reading.Events()), err
		}}
	}},
	{mistake: "reads what was so a moment ago", breaks: []string{
		"a read begun after an append sees it",
		"whoever has a receipt reads what it stands for, whatever others do",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			info, err := s.Info(ctx)
			if err != nil {
				return daybook.Reading{}, err
			}
			if span.Before == 0 && info.Head.Position > 0 {
				span.Before = info.Head.Position
			}
			return s.Read(ctx, q, span)
		}}
	}},
	{mistake: "now and then reads what was so a moment ago", breaks: []string{
		"a read begun after an append sees it",
	}, bend: func(s daybook.Store) *bent {
		stale := counting(5)
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			info, err := s.Info(ctx)
			if err != nil {
				return daybook.Reading{}, err
			}
			if span.Before == 0 && info.Head.Position > 2 && stale() {
				span.Before = info.Head.Position - 1
			}
			return s.Read(ctx, q, span)
		}}
	}},
	{mistake: "shows a later event before an earlier one now and then", breaks: []string{
		"no reader sees an event appear before one that it has read",
	}, bend: func(s daybook.Store) *bent {
		hide := counting(2)
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if err != nil || !hide() {
				return reading, err
			}
			last := reading.Snapshot().Position
			return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
				for e, err := range reading.Events() {
					if e.Position+1 != last && !yield(e, err) {
						return
					}
				}
			}), nil
		}}
	}},
	{mistake: "shows the event of a checkpoint again", breaks: []string{
		"following shows every event once and in order, while others append",
		"following goes on from a checkpoint without skipping or repeating",
	}, bend: onSpan(func(s *daybook.Span) {
		if s.After > 0 {
			s.After--
		}
	})},
	{mistake: "takes every query for everything once it is past the beginning", breaks: []string{
		"following a query shows what it selects once and in order, while others append",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		if span.After > 0 && q.Validate() == nil {
			q = daybook.All()
		}
		return q, span
	})},
	{mistake: "ignores the direction", breaks: []string{
		"a backward reading is of the same interval, the newest event first",
	}, bend: onSpan(func(s *daybook.Span) { s.Backward = false })},
	{mistake: "ignores limits", breaks: []string{
		"a limit yields the first so many, and backward the last",
	}, bend: onSpan(func(s *daybook.Span) { s.Limit = min(s.Limit, 0) })},
	{mistake: "takes one event more than the limit", breaks: []string{
		"a limit yields the first so many, and backward the last",
	}, bend: onSpan(func(s *daybook.Span) {
		if s.Limit > 0 {
			s.Limit++
		}
	})},
	{mistake: "begins with the position itself", breaks: []string{
		"a reading after a position begins with the next",
	}, bend: onSpan(func(s *daybook.Span) { s.After -= min(s.After, 1) })},
	{mistake: "ends with the position itself", breaks: []string{
		"a reading before a position ends with the one before it",
		"reading page by page shows every event once",
	}, bend: onSpan(func(s *daybook.Span) {
		if s.Before > 0 {
			s.Before++
		}
	})},
	{mistake: "ignores lower bounds that cross the upper", breaks: []string{
		"bounds beyond the log are no bounds, and bounds that cross hold nothing",
	}, bend: onSpan(func(s *daybook.Span) {
		if s.Before > 0 && s.After >= s.Before {
			s.After = 0
		}
	})},
	{mistake: "begins with the version itself", breaks: []string{
		"a reading of one stream may be bounded by versions",
	}, bend: onSpan(func(s *daybook.Span) { s.AfterVersion -= min(s.AfterVersion, 1) })},
	{mistake: "bounds whatever it is asked by versions", breaks: []string{
		"bounds of versions need a query of exactly one stream",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		if len(q) != 1 || len(q[0].Streams) != 1 {
			span.AfterVersion, span.BeforeVersion = 0, 0
		}
		return q, span
	})},
	{mistake: "takes any span", breaks: []string{
		"a span that can bound nothing is invalid",
	}, bend: onSpan(func(s *daybook.Span) {
		s.Limit = max(s.Limit, 0)
		if y := s.KnownAt.Year(); !s.KnownAt.IsZero() && (y < 1678 || y > 2261) {
			s.KnownAt = time.Time{}
		}
	})},
	{mistake: "knows at a time what was recorded before it", breaks: []string{
		"what was known at a time is what had been recorded by then",
	}, bend: onSpan(func(s *daybook.Span) {
		if !s.KnownAt.IsZero() {
			s.KnownAt = s.KnownAt.Add(-1)
		}
	})},
	{mistake: "knows at a time what was recorded a moment later", breaks: []string{
		"what was known at a time stays the same for ever",
	}, bend: onSpan(func(s *daybook.Span) {
		if !s.KnownAt.IsZero() {
			s.KnownAt = s.KnownAt.Add(time.Second)
		}
	})},
	{mistake: "selects everything by the zero query", breaks: []string{
		"the zero query selects nothing",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		if len(q) == 0 {
			q = daybook.All()
		}
		return q, span
	})},
	{mistake: "passes over items that name nothing", breaks: []string{
		"an item that names nothing is invalid",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		return slices.DeleteFunc(slices.Clone(q), func(it daybook.Item) bool {
			return !it.IsAll() && len(it.IDs)+len(it.Streams)+len(it.Categories)+len(it.Types)+len(it.Tags) == 0
		}), span
	})},
	{mistake: "reads as nothing what cannot be asked", breaks: []string{
		"a query that can never be asked is invalid",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		if err := q.Validate(); err != nil && !strings.Contains(err.Error(), "names nothing") {
			return nil, span
		}
		return q, span
	})},
	{mistake: "has no events in no stream", breaks: []string{
		"the query of everything selects every event",
	}, bend: onYield(func(e *daybook.Recorded) bool { return e.Stream != "" })},
	{mistake: "looks at the first item alone", breaks: []string{
		"a query selects what any of its items selects, each event once and in order",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		return q[:min(1, len(q))], span
	})},
	{mistake: "looks at the first tag alone", breaks: []string{
		"any of several ids, streams, categories or types satisfies, and all of several tags must",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			q[i].Tags = q[i].Tags[:min(1, len(q[i].Tags))]
		}
		return q, span
	})},
	{mistake: "looks at the first type alone", breaks: []string{
		"any of several ids, streams, categories or types satisfies, and all of several tags must",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			q[i].Types = q[i].Types[:min(1, len(q[i].Types))]
		}
		return q, span
	})},
	{mistake: "forgets the types where there are tags", breaks: []string{
		"an item selects what satisfies all of its fields",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			if len(q[i].Tags) > 0 {
				q[i].Types = nil
			}
		}
		return q, span
	})},
	{mistake: "takes categories for streams", breaks: []string{
		"a query selects by ids, streams, categories, types and tags",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			if len(q[i].Categories) > 0 && q[i].Categories[0] != "" {
				q[i].Streams, q[i].Categories = q[i].Categories, nil
			}
		}
		return q, span
	})},
	{mistake: "takes tags for types where there are no types", breaks: []string{
		"a name means nothing in another field",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			if len(q[i].Types) == 0 && len(q[i].Tags) == 1 {
				q = append(q, daybook.Item{Types: q[i].Tags})
			}
		}
		return q, span
	})},
}

// onRead bends what is handed to Read.
func onRead(change func(daybook.Query, daybook.Span) (daybook.Query, daybook.Span)) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			q, span = change(q, span)
			return s.Read(ctx, q, span)
		}}
	}
}

// onSpan bends spans.
func onSpan(change func(*daybook.Span)) func(daybook.Store) *bent {
	return onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		change(&span)
		return q, span
	})
}

// onReading bends the events that a reading yields and the point up to which it goes.
func onReading(change func(q daybook.Query, span daybook.Span, snapshot *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error]) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if err != nil {
				return reading, err
			}
			snapshot := reading.Snapshot()
			events := change(q, span, &snapshot, reading.Events())
			return daybook.NewReading(q, span, snapshot, events), nil
		}}
	}
}
