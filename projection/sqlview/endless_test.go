package sqlview_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/daybook-es/daybook"
)

// An endless log has as many events as it is told, the same in every process, of which
// the n-th earns n cents, and takes no memory and no time to make.
type endless struct {
	events  daybook.Position
	streams daybook.Position // how many; zero means 50
	// since, if it is set, is when the log began: there is one event more each millisecond.
	since time.Time
}

// head returns how many events there are now.
func (s endless) head() daybook.Position {
	if s.since.IsZero() {
		return s.events
	}
	return min(s.events, daybook.Position(time.Since(s.since).Milliseconds()))
}

var endlessTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// event returns the event at a position.
func (s endless) event(at daybook.Position) (daybook.Recorded, error) {
	event, err := codec.Event(Earned{int(at)})
	event.ID = fixedLife.Log
	binary.BigEndian.PutUint64(event.ID[8:], uint64(at)|1<<63)
	streams := cmp.Or(s.streams, 50)
	event.Stream = fmt.Sprint("till-", at%streams)
	return daybook.Recorded{Event: event, Position: at, Version: daybook.Version(at/streams + 1), RecordedAt: endlessTime.Add(time.Duration(at))}, err
}

func (s endless) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	head := s.head()
	if span.Before > 0 {
		head = min(head, span.Before-1)
	}
	positions := func(yield func(daybook.Position) bool) {
		for at := span.After + 1; at <= head && (span.Limit == 0 || at <= span.After+daybook.Position(span.Limit)); at++ {
			if !yield(at) {
				return
			}
		}
	}
	if len(q[0].IDs) > 0 {
		positions = func(yield func(daybook.Position) bool) {
			for _, wanted := range q[0].IDs {
				at := daybook.Position(binary.BigEndian.Uint64(wanted[8:]) &^ (1 << 63))
				if at <= head && !yield(at) {
					return
				}
			}
		}
	}
	return daybook.NewReading(q, span, fixedLife.At(head), func(yield func(daybook.Recorded, error) bool) {
		for at := range positions {
			if ctx.Err() != nil {
				yield(daybook.Recorded{}, ctx.Err())
				return
			}
			if !yield(s.event(at)) {
				return
			}
		}
	}), nil
}

func (s endless) Wait(ctx context.Context, _ daybook.Query, after daybook.Position) (daybook.Position, error) {
	for {
		if head := s.head(); after < head {
			return head, nil
		}
		select {
		case <-ctx.Done():
			return after, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s endless) Info(context.Context) (daybook.Info, error) {
	return daybook.Info{Head: fixedLife.At(s.head())}, nil
}

func (endless) Append(context.Context, []daybook.Event, daybook.Condition) (daybook.Receipt, error) {
	return daybook.Receipt{}, errors.New("an endless log is complete")
}

// everything is more than any test applies.
const everything = daybook.Position(math.MaxInt32)
