package daybook

import (
	"context"
	"iter"
)

// Follow yields readings of what q selects after a point, one when there is
// something new, for as long as ctx lasts: together they have every event once, in
// order. It ends with the error that stopped it, the context's included.
//
// The zero Point begins with the first event. To go on later, keep the snapshot of
// the last reading whose events were all dealt with. A point of another
// incarnation of the log is a [*LifeError], before anything was yielded or after
// the log was restored.
//
//	for reading, err := range daybook.Follow(ctx, store, query, checkpoint) {
//		if err != nil {
//			return err
//		}
//		for event, err := range reading.Events() {
//			…
//		}
//		checkpoint = reading.Snapshot()
//	}
func Follow(ctx context.Context, store Store, q Query, after Point) iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) {
		info, err := store.Info(ctx)
		if err == nil {
			err = after.Precedes(info.Head)
		}
		if err != nil {
			yield(Reading{}, err)
			return
		}
		after := after // each range begins anew
		for {
			if _, err := store.Wait(ctx, q, after.Position); err != nil {
				yield(Reading{}, err)
				return
			}
			reading, err := store.Read(ctx, q, Span{After: after.Position})
			if err == nil {
				err = after.Precedes(reading.Snapshot())
			}
			if err != nil {
				yield(Reading{}, err)
				return
			}
			if !yield(reading, nil) {
				return
			}
			after = reading.Snapshot()
		}
	}
}
