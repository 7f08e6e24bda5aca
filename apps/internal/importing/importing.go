// Package importing is what the imports of the applications have in common: they find the
// tables that another system published, read them row by row with mistakes that name file
// and line, count what is odd instead of dropping it, and hand over many things at a time.
//
// [Find] finds [Tables], whose [Row]s an application makes its own things of; [Batches]
// hands those to whoever records them.
package importing

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"
)

// Batches hands over what things yields, so many at a time and so many times at once, to
// record, and returns how many things were read. A store that syncs once for all who wait
// has the more of them in each sync.
//
// The first error, of the things or of record, ends it: no more is read, and what was
// handed over before is waited for.
func Batches[T any](ctx context.Context, things iter.Seq2[T, error], size, atOnce int, record func(context.Context, []T) error) (read int, err error) {
	group, recording := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	hand := func(batch []T) {
		if len(batch) > 0 {
			group.Go(func() error { return record(recording, batch) })
		}
	}
	var batch []T
	for thing, err := range things {
		if err == nil {
			err = recording.Err()
		}
		if err != nil {
			// Where recording failed, that is why the reading stopped.
			if failed := group.Wait(); failed != nil {
				err = failed
			}
			return read, err
		}
		read++
		if batch = append(batch, thing); len(batch) == size {
			hand(batch)
			batch = nil
		}
	}
	hand(batch)
	return read, group.Wait()
}
