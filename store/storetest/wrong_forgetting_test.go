package storetest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
)

// wrongForgetting are stores that err about what is forgotten and what is scavenged.
var wrongForgetting = []wrong{
	{mistake: "hides nothing", breaks: []string{
		"events below a truncation that stand before it are hidden at once",
		"a deleted stream reads as nothing, and its versions go on",
		"a tombstoned stream reads as nothing and takes no event",
		"every kind of query passes over what is hidden",
		"following passes over what is hidden and goes on",
		"what was forgotten is forgotten where it is restored",
	}, bend: hidingNothing},
	{mistake: "hides what comes after a truncation", breaks: []string{
		"what is recorded after a truncation is never hidden by it",
	}, bend: hiding(func(about []daybook.Recorded, e daybook.Recorded) bool {
		h := horizon(about)
		return h.Hides(e.Version, e.Position) || h.Hides(e.Version, min(e.Position, max(h.Newest, 1)-1)) && h.Deleted == 0
	})},
	{mistake: "knows the last truncation alone", breaks: []string{
		"of several truncations each hides what stands before it",
	}, bend: hiding(func(about []daybook.Recorded, e daybook.Recorded) bool {
		return horizon(about[max(0, len(about)-1):]).Hides(e.Version, e.Position)
	})},
	{mistake: "numbers a deleted stream from one again", breaks: []string{
		"a deleted stream reads as nothing, and its versions go on",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		if e.Version > 3 {
			e.Version -= 3
		}
		return true
	})},
	{mistake: "takes a deleted stream for one that exists", breaks: []string{
		"a deleted stream is new and at version zero",
		"a scavenged stream goes on with its versions",
	}, bend: beforeAppend(func(ctx context.Context, s daybook.Store, _ []daybook.Event, cond daybook.Condition) error {
		for _, c := range cond {
			if c.Kind == daybook.StreamNew && len(readAll(ctx, s, daybook.Stream(c.Stream))) > 0 {
				return &daybook.ConflictError{Failures: []daybook.Failure{{Clause: c}}}
			}
		}
		return nil
	})},
	{mistake: "acknowledges what it does not take for a tombstone", breaks: []string{
		"a tombstoned stream reads as nothing and takes no event",
		"of an append and a tombstone that race one comes first",
	}, bend: onAnswer(func(_ *daybook.Receipt, err error) error {
		if isTombstoned(err) {
			return nil
		}
		return err
	})},
	{mistake: "lets clauses about a tombstoned stream hold", breaks: []string{
		"no clause about a tombstoned stream holds",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			cond = slices.DeleteFunc(slices.Clone(cond), func(c daybook.Clause) bool {
				return c.Stream != "" && horizon(readAll(ctx, s, daybook.Stream(daybook.StreamAbout(c.Stream)))).Tombstoned > 0
			})
			return s.Append(ctx, events, cond)
		}}
	}},
	{mistake: "looks at tombstones before the ids", breaks: []string{
		"a tombstone is looked at after the ids and before the condition",
	}, bend: beforeAppend(func(ctx context.Context, s daybook.Store, events []daybook.Event, _ daybook.Condition) error {
		for i, e := range events {
			if at := horizon(readAll(ctx, s, daybook.Stream(daybook.StreamAbout(e.Stream)))).Tombstoned; at > 0 {
				return daybook.RefuseTombstoned(i, e.Stream, at)
			}
		}
		return nil
	})},
	{mistake: "looks at tombstones after the condition", breaks: []string{
		"a tombstone is looked at after the ids and before the condition",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if isTombstoned(err) {
				if _, err := s.Append(ctx, nil, cond); err != nil {
					return receipt, err
				}
			}
			return receipt, err
		}}
	}},
	{mistake: "hides streams whose names begin alike", breaks: []string{
		"nothing is hidden but the events of the stream itself",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: rereading(s, func(ctx context.Context, e daybook.Recorded) bool {
			for _, about := range readAll(ctx, s, typed(daybook.TypeDeleted, daybook.TypeTruncated)) {
				if stream, _ := daybook.AboutStream(about.Stream); strings.HasPrefix(e.Stream, stream) && e.Position < about.Position {
					return true
				}
			}
			return false
		})}
	}},
	{mistake: "does not mark what is hidden", breaks: []string{
		"what is hidden is yielded, marked, to whoever asks by id or for what is forgotten",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Forgotten = false; return true })},
	{mistake: "hides from those who ask by id", breaks: []string{
		"what is hidden is yielded, marked, to whoever asks by id or for what is forgotten",
		"stubs are yielded to whoever asks by id or for what is forgotten",
	}, bend: onReading(func(_ daybook.Query, span daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			for e, err := range events {
				if (!e.Forgotten || span.Forgotten) && !yield(e, err) {
					return
				}
			}
		}
	})},
	{mistake: "hides from readings of streams alone", breaks: []string{
		"every kind of query passes over what is hidden",
	}, bend: func(s daybook.Store) *bent {
		right, wrong := s.Read, hidingNothing(s).read
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			if len(q) == 1 && len(q[0].Streams) > 0 || span.Forgotten {
				return right(ctx, q, span)
			}
			return wrong(ctx, q, span)
		}}
	}},
	{mistake: "counts what is hidden against a limit", breaks: []string{
		"bounds, limits and direction are about what is yielded",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			if span.Limit == 0 || span.Forgotten {
				return s.Read(ctx, q, span)
			}
			all := span
			all.Forgotten = true
			reading, err := s.Read(ctx, q, all)
			return daybook.NewReading(q, span, reading.Snapshot(), kept(reading, func(e daybook.Recorded) bool { return !e.Forgotten })), err
		}}
	}},
	{mistake: "shows what was known at a time as it was shown then", breaks: []string{
		"what was known at a time is read without what was forgotten since",
	}, bend: func(s daybook.Store) *bent {
		wrong := hidingNothing(s).read
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			if span.KnownAt.IsZero() || span.Forgotten {
				return s.Read(ctx, q, span)
			}
			return wrong(ctx, q, span)
		}}
	}},
	{mistake: "forgets ids with what is hidden", breaks: []string{
		"ids of hidden events stay recorded",
	}, bend: refusingRepeats(func(e daybook.Recorded) bool { return e.Forgotten })},
	{mistake: "counts nothing that is hidden in conditions", breaks: []string{
		"a condition on a query counts what is hidden",
	}, bend: excusing(func(_ daybook.Clause, e daybook.Recorded) bool { return e.Forgotten })},
	{mistake: "guards a stream and nothing that is said about it", breaks: []string{
		"a condition on a query that names a stream fails once it is forgotten",
	}, bend: excusing(func(c daybook.Clause, e daybook.Recorded) bool {
		return strings.HasPrefix(e.Stream, "$$") && !c.Query.Selects(e.Event)
	})},
	{mistake: "names the newest event of a stream though it is one about it", breaks: []string{
		"a clause about a stream that fails names the newest event of the stream or about it",
	}, bend: func(s daybook.Store) *bent {
		return onConflict(func(conflict *daybook.ConflictError) {
			for i, f := range conflict.Failures {
				if stream := readAll(context.Background(), s, daybook.Stream(f.Clause.Stream)); len(stream) > 0 {
					conflict.Failures[i].Position = stream[len(stream)-1].Position
				}
			}
		})(s)
	}},
	{mistake: "keeps out of sight what is recorded about streams", breaks: []string{
		"what is recorded about a stream is an event like others",
	}, bend: onYield(func(e *daybook.Recorded) bool { return !strings.HasPrefix(e.Stream, "$$") })},
	{mistake: "answers nothing to what cannot be said about a stream", breaks: []string{
		"a stream about a stream takes nothing but what is forgotten of it",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if kind(err) == "invalid" && strings.HasPrefix(events[0].Stream, "$$") {
				return s.Append(ctx, nil, cond)
			}
			return receipt, err
		}}
	}},
	{mistake: "forgets whatever the condition", breaks: []string{
		"forgetting is conditional and repeated like any append",
		"of those who race to change or to delete a stream at one version one wins",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		if len(events) > 0 && strings.HasPrefix(events[0].Stream, "$$") {
			cond = nil
		}
		return events, cond
	})},
	{mistake: "forgets at the end of an append", breaks: []string{
		"one append may record, forget and record again",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		events = slices.Clone(events)
		slices.SortStableFunc(events, func(a, b daybook.Event) int {
			return strings.Compare(strings.TrimRight(b.Stream, "-0123456789"), strings.TrimRight(a.Stream, "-0123456789"))
		})
		return events, cond
	})},
	{mistake: "hides from a reading what was deleted since it began", breaks: []string{
		"a reading begun before a deletion shows what it showed then",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			return daybook.NewReading(q, span, reading.Snapshot(), kept(reading, func(e daybook.Recorded) bool {
				return e.Forgotten || !readAll(ctx, s, identified(e.ID))[0].Forgotten
			})), err
		}}
	}},
	{mistake: "has forgotten what it forgot when opened again", breaks: []string{
		"what is forgotten stays so when a store is opened again",
	}, hooks: reopenedAs(hidingNothing)},

	{mistake: "scavenges nothing", breaks: []string{
		"scavenging leaves the id, the place, the time, the hashes and the digest of a forgotten event",
		"a store may be scavenged again, and after more was forgotten",
	}, hooks: func(s *Subject) { s.Scavenge = func(testing.TB, daybook.Store) {} }},
	{mistake: "keeps another digest in stubs", breaks: []string{
		"scavenging leaves the id, the place, the time, the hashes and the digest of a forgotten event",
		"every old id and every old condition gets the answer of a store that was never scavenged",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		if e.Stub != nil {
			stub := *e.Stub
			stub.Digest[0]++
			e.Stub = &stub
		}
		return true
	})},
	{mistake: "scavenges what is not forgotten", breaks: []string{
		"scavenging leaves what is not forgotten as it is",
	}, bend: scavengedYield(func(e *daybook.Recorded) bool { *e = e.AsStub(); return true })},
	{mistake: "loses what is scavenged", breaks: []string{
		"stubs are yielded to whoever asks by id or for what is forgotten",
		"bounds are the same over stubs",
		"appends and readings go on while a store is scavenged",
		"every old id and every old condition gets the answer of a store that was never scavenged",
	}, bend: losingStubs},
	{mistake: "forgets the ids of what is scavenged", breaks: []string{
		"an append of events that were scavenged since is a repeat",
		"every old id and every old condition gets the answer of a store that was never scavenged",
	}, bend: refusingRepeats(func(e daybook.Recorded) bool { return e.Stub != nil })},
	{mistake: "counts no stubs in conditions", breaks: []string{
		"an old condition counts what was scavenged",
		"every old id and every old condition gets the answer of a store that was never scavenged",
	}, bend: excusing(func(_ daybook.Clause, e daybook.Recorded) bool { return e.Stub != nil })},
	{mistake: "numbers a scavenged stream by what is left", breaks: []string{
		"a scavenged stream goes on with its versions",
	}, bend: func(s daybook.Store) *bent {
		return onAnswer(func(receipt *daybook.Receipt, err error) error {
			for stream, version := range receipt.Versions {
				for _, e := range readAll(context.Background(), s, daybook.Stream(stream)) {
					if e.Stub != nil {
						version--
					}
				}
				receipt.Versions[stream] = version
			}
			return err
		})(s)
	}},
	{mistake: "ends a reading where something was scavenged since", breaks: []string{
		"a reading begun before a scavenging is read to its end",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			return daybook.NewReading(q, span, reading.Snapshot(), kept(reading, func(e daybook.Recorded) bool {
				return e.Stub != nil || readAll(ctx, s, identified(e.ID))[0].Stub == nil
			})), err
		}}
	}},
	{mistake: "can be scavenged once", breaks: []string{
		"a store may be scavenged again, and after more was forgotten",
	}, bend: func(daybook.Store) *bent { return new(bent) }, hooks: func(s *Subject) {
		scavenge := s.Scavenge
		s.Scavenge = func(t testing.TB, store daybook.Store) {
			if store.(*bent).scavenged.Load() == 0 {
				scavenge(t, store)
			}
		}
	}},
	{mistake: "has lost what was scavenged when opened again", breaks: []string{
		"what was scavenged stays so when a store is opened again",
	}, hooks: reopenedAs(losingStubs)},
}

// readAll returns what a query selects, forgotten or not.
func readAll(ctx context.Context, s daybook.Store, q daybook.Query) []daybook.Recorded {
	reading, err := s.Read(ctx, q, daybook.Span{Forgotten: true})
	if err != nil {
		return nil
	}
	events, _ := reading.Collect()
	return events
}

// horizon is what events about a stream say.
func horizon(about []daybook.Recorded) (h daybook.Horizon) {
	for _, e := range about {
		h = h.With(e)
	}
	return h
}

func isTombstoned(err error) bool {
	return kind(err) == "invalid" && strings.Contains(err.Error(), "was tombstoned at")
}

// kept yields those events of a reading that are to be kept.
func kept(reading daybook.Reading, keep func(daybook.Recorded) bool) iter.Seq2[daybook.Recorded, error] {
	return func(yield func(daybook.Recorded, error) bool) {
		for e, err := range reading.Events() {
			if (err != nil || keep(e)) && !yield(e, err) {
				return
			}
		}
	}
}

// rereading reads everything and hides by a rule of its own; what is asked for by id or
// with what is forgotten, it leaves alone.
func rereading(s daybook.Store, hides func(context.Context, daybook.Recorded) bool) func(context.Context, daybook.Query, daybook.Span) (daybook.Reading, error) {
	return func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
		if span.Forgotten || slices.ContainsFunc(q, func(it daybook.Item) bool { return len(it.IDs) > 0 }) {
			return s.Read(ctx, q, span)
		}
		all := span
		all.Forgotten = true
		reading, err := s.Read(ctx, q, all)
		return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
			for e, err := range reading.Events() {
				if e.Forgotten = false; (err != nil || !hides(ctx, e)) && !yield(e, err) {
					return
				}
			}
		}), err
	}
}

// hiding bends what is hidden by what is recorded about a stream.
func hiding(hides func(about []daybook.Recorded, e daybook.Recorded) bool) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{read: rereading(s, func(ctx context.Context, e daybook.Recorded) bool {
			return hides(readAll(ctx, s, daybook.Stream(daybook.StreamAbout(e.Stream))), e)
		})}
	}
}

func hidingNothing(s daybook.Store) *bent {
	return hiding(func([]daybook.Recorded, daybook.Recorded) bool { return false })(s)
}

func losingStubs(s daybook.Store) *bent {
	return onYield(func(e *daybook.Recorded) bool { return e.Stub == nil })(s)
}

// scavengedYield bends what is yielded once the store was scavenged.
func scavengedYield(change func(*daybook.Recorded) bool) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		var b *bent
		b = onYield(func(e *daybook.Recorded) bool { return b.scavenged.Load() == 0 || change(e) })(s)
		return b
	}
}

// beforeAppend refuses appends for reasons of its own.
func beforeAppend(refuse func(context.Context, daybook.Store, []daybook.Event, daybook.Condition) error) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			if err := refuse(ctx, s, events, cond); err != nil {
				return daybook.Receipt{}, err
			}
			return s.Append(ctx, events, cond)
		}}
	}
}

// refusingRepeats takes repeats of some events for ids that are reused.
func refusingRepeats(of func(daybook.Recorded) bool) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if !receipt.Repeated {
				return receipt, err
			}
			for _, e := range events {
				if found := readAll(ctx, s, identified(e.ID)); of(found[0]) {
					return daybook.Receipt{}, &daybook.ReusedError{ID: e.ID, Position: found[0].Position}
				}
			}
			return receipt, err
		}}
	}
}

// excusing forgives conflicts of clauses on queries with some events.
func excusing(excuse func(daybook.Clause, daybook.Recorded) bool) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			conflict, is := err.(*daybook.ConflictError)
			if !is {
				return receipt, err
			}
			for _, f := range conflict.Failures {
				if f.Clause.Kind != daybook.NothingSelected || f.Position == 0 {
					return receipt, err
				}
				reading, readErr := s.Read(ctx, daybook.All(), daybook.Span{After: f.Position - 1, Before: f.Position + 1, Forgotten: true})
				if readErr != nil {
					return receipt, readErr
				}
				if at, _ := reading.Collect(); len(at) != 1 || !excuse(f.Clause, at[0]) {
					return receipt, err
				}
			}
			return s.Append(ctx, events, nil)
		}}
	}
}

// reopenedAs bends what is opened again.
func reopenedAs(bend func(daybook.Store) *bent) func(*Subject) {
	return func(s *Subject) {
		reopen := s.Reopen
		s.Reopen = func(t testing.TB, store daybook.Store) daybook.Store {
			if b, is := store.(*bent); is {
				store = b.Store
			}
			again := reopen(t, store)
			b := bend(again)
			b.Store = again
			return b
		}
	}
}
