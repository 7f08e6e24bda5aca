package storetest

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
)

// wrongWaits are stores that err about waiting, and about being asked in time.
var wrongWaits = []wrong{
	{mistake: "never wakes who waits", breaks: []string{
		"a wait ends when something that its query selects is recorded",
		"a wait for a position that has not come yet waits",
		"every one of many waits ends",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, _ daybook.Query, _ daybook.Position) (daybook.Position, error) {
		return s.Wait(ctx, nil, 1<<62)
	})},
	{mistake: "wakes at every append", breaks: []string{
		"a wait sleeps through what its query does not select, up to a stride",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		if q.Validate() == nil {
			q = daybook.All()
		}
		return s.Wait(ctx, q, after)
	})},
	{mistake: "does not know a stride", breaks: []string{
		"a wait ends when the head is a stride past its position",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		for {
			position, err := s.Wait(ctx, q, after)
			if err != nil {
				return position, err
			}
			reading, err := s.Read(ctx, q, daybook.Span{After: after, Limit: 1})
			if err != nil {
				return position, err
			}
			if got, _ := reading.Collect(); len(got) > 0 {
				return position, nil
			}
			after = position
		}
	})},
	{mistake: "wakes one of those who wait", breaks: []string{
		"every one of many waits ends",
	}, bend: func(s daybook.Store) *bent {
		var one sync.Mutex
		return &bent{wait: func(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
			if !one.TryLock() {
				return s.Wait(ctx, nil, 1<<62)
			}
			defer one.Unlock()
			return s.Wait(ctx, q, after)
		}}
	}},
	{mistake: "returns from a wait ahead of the reads", breaks: []string{
		"a read begun after a wait sees what it returned for",
		"a wait for what is there already returns at once, above its position",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		position, err := s.Wait(ctx, q, after)
		return position + 1, err
	})},
	{mistake: "returns from a wait at once", breaks: []string{
		"a wait ends when something that its query selects is recorded",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		info, err := s.Info(ctx)
		return info.Head.Position, err
	})},
	{mistake: "answers a wait with the bare error of the context", breaks: []string{
		"a wait whose context ends is unavailable and wraps the context's error",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		position, err := s.Wait(ctx, q, after)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return position, err
	})},
	{mistake: "answers a wait with unavailable when closed", breaks: []string{
		"a wait ends with ErrClosed when the store is closed",
		"following ends with its context, and when the store is closed",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		position, err := s.Wait(ctx, q, after)
		if errors.Is(err, daybook.ErrClosed) {
			err = &daybook.UnavailableError{Doing: "wait", Err: errors.New("closing")}
		}
		return position, err
	})},
	{mistake: "shows the zero point as its head", breaks: []string{
		"following from a point of another log or incarnation is a LifeError",
	}, bend: func(s daybook.Store) *bent {
		zero := func(ctx context.Context) (daybook.Info, error) {
			info, err := s.Info(ctx)
			info.Head = daybook.Point{Position: 0}
			return info, err
		}
		b := onReading(func(_ daybook.Query, _ daybook.Span, snapshot *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
			*snapshot = daybook.Point{}
			return events
		})(s)
		b.info = zero
		return b
	}},
	{mistake: "states a head of the future", breaks: []string{
		"following from a point that has not come yet is invalid",
	}, bend: onInfo(func(i *daybook.Info) { i.Head.Position += 10 })},

	{mistake: "cannot be closed", breaks: []string{
		"after it was closed a store answers ErrClosed to everything",
	}, bend: func(daybook.Store) *bent { return &bent{close: func() error { return nil }} }},
	{mistake: "ends readings silently when closed", breaks: []string{
		"a reading begun before the store was closed is read whole or ends with an error",
	}, bend: func(s daybook.Store) *bent {
		var closed atomic.Bool
		b := onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
			return func(yield func(daybook.Recorded, error) bool) {
				for e, err := range events {
					if closed.Load() || !yield(e, err) {
						return
					}
				}
			}
		})(s)
		b.close = func() error {
			closed.Store(true)
			return s.(io.Closer).Close()
		}
		return b
	}},
	{mistake: "does not look at contexts", breaks: []string{
		"an append whose context ended before is unavailable and records nothing",
		"a read whose context ended before is unavailable",
		"an info whose context ended before is unavailable",
	}, bend: func(s daybook.Store) *bent {
		return &bent{
			append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
				return s.Append(context.WithoutCancel(ctx), events, cond)
			},
			read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
				return s.Read(context.WithoutCancel(ctx), q, span)
			},
			info: func(ctx context.Context) (daybook.Info, error) {
				return s.Info(context.WithoutCancel(ctx))
			},
		}
	}},
	{mistake: "answers with errors of two kinds", breaks: []string{
		"an error is of one kind only",
	}, bend: onAnswer(func(_ *daybook.Receipt, err error) error {
		if err == nil {
			return nil
		}
		return errors.Join(err, &daybook.UnavailableError{Doing: "append", Err: errors.New("")})
	})},
	{mistake: "does not say what was wrong", breaks: []string{
		"an error says what was wrong",
	}, bend: onAnswer(func(_ *daybook.Receipt, err error) error {
		switch err.(type) {
		case *daybook.InvalidError:
			return &daybook.InvalidError{What: "append", Reason: "is bad"}
		case *daybook.ConflictError:
			return &daybook.ConflictError{}
		}
		return err
	})},
}

// onWait bends Wait.
func onWait(wait func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error)) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{wait: func(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
			return wait(ctx, s, q, after)
		}}
	}
}
