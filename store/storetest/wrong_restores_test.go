package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// wrongRestores are stores that err about what is restored into them, and about what is
// lent.
var wrongRestores = []wrong{
	{mistake: "restores nothing", breaks: []string{
		"an empty log takes events with the ids, positions, versions and times that they have",
		"waits and followers see what is restored",
		"a copy of a log is the log, and goes on with it",
	}, bend: onRestore(func(context.Context, daybook.Restorer, []daybook.Recorded) error { return nil })},
	{mistake: "gives what is restored positions without gaps", breaks: []string{
		"an empty log takes events with the ids, positions, versions and times that they have",
		"readings know the gaps of a restored log",
	}, bend: onRestore(func(ctx context.Context, s daybook.Restorer, events []daybook.Recorded) error {
		events = slices.Clone(events)
		info, err := s.Info(ctx)
		if err != nil {
			return err
		}
		for i := range events {
			events[i].Position = info.Head.Position + daybook.Position(i) + 1
		}
		return s.Restore(ctx, events)
	})},
	{mistake: "stamps what is restored with its own time", breaks: []string{
		"an empty log takes events with the ids, positions, versions and times that they have",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.RecordedAt = e.RecordedAt.Add(time.Hour); return true })},
	{mistake: "becomes another log when it is restored into", breaks: []string{
		"a log keeps its identity and its incarnation when events are restored into it",
	}, bend: func(s daybook.Store) *bent {
		b := new(bent)
		b.info = func(ctx context.Context) (daybook.Info, error) {
			info, err := s.Info(ctx)
			if b.restored.Load() > 0 {
				info.Head.Incarnation = uuid.New()
			}
			return info, err
		}
		return b
	}},
	{mistake: "can be restored into while it is empty", breaks: []string{
		"events that a log holds already are passed over when they are restored",
		"a copy of a log is the log, and goes on with it",
	}, bend: onRestore(func(ctx context.Context, s daybook.Restorer, events []daybook.Recorded) error {
		if info, err := s.Info(ctx); err != nil || info.Head.Position > 0 && len(events) > 0 {
			return errors.Join(err, daybook.NotRestorable(events[0], "is not restored into an empty log"))
		}
		return s.Restore(ctx, events)
	})},
	{mistake: "passes over whatever is not above its head", breaks: []string{
		"a log that holds other events takes none",
		"a log that is no prefix of another is no copy of it",
	}, bend: onRestore(func(ctx context.Context, s daybook.Restorer, events []daybook.Recorded) error {
		info, err := s.Info(ctx)
		if err != nil {
			return err
		}
		return s.Restore(ctx, slices.DeleteFunc(slices.Clone(events), func(e daybook.Recorded) bool { return e.Position <= info.Head.Position }))
	})},
	{mistake: "passes over what it cannot restore", breaks: []string{
		"what no log records is not restored, and the error names the position",
		"what does not go on from the log is not restored, and the error names the position",
		"a log that holds other events takes none",
	}, bend: onRestore(func(ctx context.Context, s daybook.Restorer, events []daybook.Recorded) error {
		if err := s.Restore(ctx, events); kind(err) != "invalid" {
			return err
		}
		return nil
	})},
	{mistake: "does not say where it cannot restore", breaks: []string{
		"what no log records is not restored, and the error names the position",
		"what does not go on from the log is not restored, and the error names the position",
	}, bend: onRestore(func(ctx context.Context, s daybook.Restorer, events []daybook.Recorded) error {
		err := s.Restore(ctx, events)
		if kind(err) == "invalid" {
			return &daybook.InvalidError{What: "restore", Reason: "cannot be done"}
		}
		return err
	})},
	{mistake: "restores an append as far as it can", breaks: []string{
		"an append is restored whole or not at all",
	}, bend: onRestore(func(ctx context.Context, s daybook.Restorer, events []daybook.Recorded) error {
		err := s.Restore(ctx, events)
		for n := len(events) - 1; n > 0 && kind(err) == "invalid"; n-- {
			if s.Restore(ctx, events[:n]) == nil {
				break
			}
		}
		return err
	})},
	{mistake: "goes on at the time of its clock", breaks: []string{
		"appends go on above the positions, versions and times that were restored",
	}, bend: onAnswer(func(receipt *daybook.Receipt, err error) error {
		receipt.RecordedAt = time.Now()
		return err
	})},
	{mistake: "takes what a gap lies between for apart", breaks: []string{
		"ids that were restored are recorded, and stand next to each other over a gap",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if receipt.Repeated {
				first := readAll(ctx, s, identified(events[0].ID))[0]
				if first.Position+daybook.Position(len(events))-1 != receipt.Position {
					return daybook.Receipt{}, &daybook.ReusedError{ID: first.ID, Position: first.Position}
				}
			}
			return receipt, err
		}}
	}},
	{mistake: "checks no condition against what was restored", breaks: []string{
		"conditions hold or fail by what was restored",
	}, bend: func(s daybook.Store) *bent {
		b := new(bent)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			if b.restored.Load() > 0 {
				cond = nil
			}
			return s.Append(ctx, events, cond)
		}
		return b
	}},
	{mistake: "takes stubs for events that are empty", breaks: []string{
		"stubs are restored as stubs",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Stub = nil; return true })},
	{mistake: "restores whatever the context", breaks: []string{
		"a restore into a closed store or in a context that has ended restores nothing",
	}, bend: onRestore(func(_ context.Context, s daybook.Restorer, events []daybook.Recorded) error {
		return s.Restore(context.Background(), events)
	})},
	{mistake: "has lost what was restored when opened again", breaks: []string{
		"what was restored stays so when a store is opened again",
	}, hooks: func(s *Subject) {
		s.Reopen = func(t testing.TB, store daybook.Store) daybook.Store { return openRig(t) }
	}},
	{mistake: "lends events without their data", breaks: []string{
		"a borrowed reading yields the same as an owned one",
	}, bend: onReading(func(_ daybook.Query, span daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			for e, err := range events {
				if span.Borrowed {
					e.Data = nil
				}
				if !yield(e, err) {
					return
				}
			}
		}
	})},
	{mistake: "lends nothing but what comes forward", breaks: []string{
		"a borrowed reading yields the same as an owned one",
	}, bend: onSpan(func(s *daybook.Span) { s.Backward = s.Backward && !s.Borrowed })},
}

// onRestore bends what Restore does.
func onRestore(restore func(context.Context, daybook.Restorer, []daybook.Recorded) error) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{restore: func(ctx context.Context, events []daybook.Recorded) error {
			return restore(ctx, s.(daybook.Restorer), events)
		}}
	}
}
