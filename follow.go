package daybook

import (
	"context"
	"iter"
)

// Follow yields a reading whenever there is something new after a point, for as long
// as ctx lasts. Together the readings hold every event that q selects, once and in
// order; a reading may hold none, so that a checkpoint moves on past what q does not
// select. It ends by yielding the error that stopped it, such as an
// [*UnavailableError] when ctx ends. Ranging over the result again begins anew at
// the point.
//
// The zero Point begins with the first event. To go on later, keep the snapshot of
// the last reading whose events were all dealt with. A point of another log or
// incarnation is a [*LifeError], also when the log is restored meanwhile; a point
// after the head is an [*InvalidError].
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
