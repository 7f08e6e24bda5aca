package daybook

import (
	"context"
	"fmt"
)

// A Restorer is a store that takes events as another log recorded them. Not every store
// is one.
type Restorer interface {
	Store

	// Restore records events with the ids, positions, versions and times that they
	// have, gaps between positions included. The log is empty or holds a prefix of
	// theirs: events at or below its head must be those that it holds, by position and
	// digest, and are passed over, so that an interrupted Restore may be repeated. Stubs
	// are kept as stubs.
	//
	// Positions rise, and so do versions within a stream; events of one RecordedAt are
	// one append, which must be within the store's limits and handed over whole;
	// RecordedAt rises from one append to the next. Positions and versions are below 2^62,
	// and times a year from the last one there is, which leaves room for what is appended
	// later. Anything else is an
	// [*InvalidError] that names the position. Appends are whole in the log or not
	// there; when Restore returns an error, those before the one that it names may have
	// been recorded.
	//
	// The log keeps its identity and incarnation: it is another one than the one that
	// the events come from.
	Restore(ctx context.Context, events []Recorded) error
}

// Batches of a copy: large enough that syncs do not count, and small in memory.
const (
	copyEvents = 4000
	copyBytes  = 4 << 20
)

// Copy copies what a log holds, forgotten events and stubs included, to another one,
// which must be empty or hold a prefix of it. It returns the point of from up to which
// the copy goes. It may be called again to go on, after an error too. If the last event
// of to is not in from at the same position, the error is an [*InvalidError].
func Copy(ctx context.Context, to Restorer, from Store) (Point, error) {
	info, err := to.Info(ctx)
	if err != nil {
		return Point{}, err
	}
	// The last event is handed over again: it shows whether this is a prefix.
	head := info.Head.Position
	reading, err := from.Read(ctx, All(), Span{After: max(head, 1) - 1, Forgotten: true})
	if err != nil {
		return Point{}, err
	}

	var batch []Recorded
	bytes := 0
	for e, err := range reading.Events() {
		if err != nil {
			return Point{}, err
		}
		if head > 0 && len(batch) == 0 && e.Position > head {
			return Point{}, noPrefix(head)
		}
		// An append is not split over two batches.
		if n := len(batch); n > 0 && (n >= copyEvents || bytes >= copyBytes) && !e.RecordedAt.Equal(batch[n-1].RecordedAt) {
			if err := to.Restore(ctx, batch); err != nil {
				return Point{}, err
			}
			head, batch, bytes = 0, nil, 0
		}
		batch = append(batch, e)
		bytes += e.Size()
	}
	if head > 0 && len(batch) == 0 {
		return Point{}, noPrefix(head)
	}
	if err := to.Restore(ctx, batch); err != nil {
		return Point{}, err
	}
	return reading.Snapshot(), nil
}

func noPrefix(head Position) error {
	return &InvalidError{What: "copy", Reason: fmt.Sprintf("goes to a log that ends at position %d, where the log that is copied has no event", head)}
}
