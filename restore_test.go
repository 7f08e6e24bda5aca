package daybook_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// A target is a store that is copied to. It notes what it is handed at a time, and fails
// when it has been handed so many batches; less than one means never.
type target struct {
	*memstore.Store
	batches [][]daybook.Recorded
	fails   int
}

var errFull = errors.New("the target is full")

func (c *target) Restore(ctx context.Context, events []daybook.Recorded) error {
	if len(c.batches)+1 == c.fails {
		c.fails = 0
		return errFull
	}
	c.batches = append(c.batches, events)
	return c.Store.Restore(ctx, events)
}

// appends records n appends of so many events each.
func appends(t *testing.T, store daybook.Store, n, events int) {
	t.Helper()
	for i := range n {
		batch := make([]daybook.Event, events)
		for j := range batch {
			batch[j] = daybook.Event{Stream: fmt.Sprintf("order-%d", i%7), Type: "Placed", Data: []byte("{}")}
		}
		if _, err := store.Append(t.Context(), batch, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// same fails the test unless two stores hold the same events, forgotten ones included.
func same(t *testing.T, got, want daybook.Store) {
	t.Helper()
	var logs [2][]daybook.Recorded
	for i, store := range []daybook.Store{got, want} {
		reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{Forgotten: true})
		if err == nil {
			logs[i], err = reading.Collect()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(logs[0]) != len(logs[1]) {
		t.Fatalf("the copy has %d events, and the log %d", len(logs[0]), len(logs[1]))
	}
	for i, e := range logs[0] {
		if e.Digest() != logs[1][i].Digest() || e.Forgotten != logs[1][i].Forgotten {
			t.Fatalf("event %d is\n%+v, and in the log\n%+v", i+1, e, logs[1][i])
		}
	}
}

func TestCopyHandsAppendsOverWhole(t *testing.T) {
	from, to := memstore.New(), &target{Store: memstore.New()}
	appends(t, from, 1000, 9)
	appends(t, from, 1, 5000)
	if _, err := from.Append(t.Context(), []daybook.Event{daybook.Deleted("order-1"), daybook.Truncated("order-2", 9)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := from.Scavenge(t.Context()); err != nil {
		t.Fatal(err)
	}
	appends(t, from, 2, 1)
	point, err := daybook.Copy(t.Context(), to, from)
	if err != nil || point.Position != 14004 {
		t.Fatalf("the copy went to %v, %v, want position 14004", point, err)
	}
	same(t, to, from)
	if n := len(to.batches); n < 3 {
		t.Errorf("14004 events were handed over in %d batches", n)
	}
	for i, batch := range to.batches {
		if i > 0 && batch[0].RecordedAt.Equal(to.batches[i-1][len(to.batches[i-1])-1].RecordedAt) {
			t.Errorf("the append at position %d is split over two batches", batch[0].Position)
		}
	}
}

func TestCopyGoesOnWhereItStopped(t *testing.T) {
	from, to := memstore.New(), &target{Store: memstore.New(), fails: 2}
	appends(t, from, 3000, 3)
	if _, err := daybook.Copy(t.Context(), to, from); !errors.Is(err, errFull) {
		t.Fatalf("a copy to a target that is full: %v", err)
	}
	first := to.batches[0]
	to.batches = nil
	if _, err := daybook.Copy(t.Context(), to, from); err != nil {
		t.Fatal(err)
	}
	same(t, to, from)
	if got, want := to.batches[0][0].Position, first[len(first)-1].Position; got != want {
		t.Errorf("the copy goes on at position %d, want the last one that was there, %d", got, want)
	}
	for range 2 {
		appends(t, from, 1, 3)
		if _, err := from.Append(t.Context(), []daybook.Event{daybook.Deleted("order-1")}, nil); err != nil {
			t.Fatal(err)
		}
		point, err := daybook.Copy(t.Context(), to, from)
		info, _ := from.Info(t.Context())
		if err != nil || point != info.Head {
			t.Errorf("the copy went to %v, %v, want the head, %v", point, err, info.Head)
		}
		same(t, to, from)
	}
}

func TestCopyOfAnEmptyLogIsEmpty(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	point, err := daybook.Copy(t.Context(), to, from)
	if info, _ := from.Info(t.Context()); err != nil || point != info.Head {
		t.Errorf("the copy went to %v, %v, want %v", point, err, info.Head)
	}
	same(t, to, from)
}

func TestCopyRefusesATargetThatIsNoPrefix(t *testing.T) {
	from := memstore.New()
	appends(t, from, 2, 3)
	longer, other, apart := memstore.New(), memstore.New(), memstore.New()
	appends(t, other, 1, 2)
	appends(t, from, 1, 3)
	appends(t, longer, 10, 1)
	// A log with an event where the other one has a gap.
	gap := memstore.New()
	appends(t, apart, 1, 4)
	reading, err := from.Read(t.Context(), daybook.All(), daybook.Span{Before: 7})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	for i := range events[3:] {
		events[3+i].Position += 10
	}
	if err := gap.Restore(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		to   daybook.Restorer
		from daybook.Store
		says string
	}{
		"a longer log":             {longer, from, "ends at position 10, where the log that is copied has no event"},
		"another log":              {other, from, "at position 2 is not what the log has there"},
		"a log that ends in a gap": {apart, gap, "ends at position 4, where the log that is copied has no event"},
	} {
		before, err := c.to.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = daybook.Copy(t.Context(), c.to, c.from)
		if invalid := (*daybook.InvalidError)(nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an InvalidError that says %q", name, err, c.says)
		}
		if after, _ := c.to.Info(t.Context()); after != before {
			t.Errorf("%s: it was at %v, and is at %v", name, before.Head, after.Head)
		}
	}
}

// A broken store yields an error in the middle of a reading.
type broken struct{ daybook.Store }

func (s broken) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := s.Store.Read(ctx, q, span)
	return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
		next, stop := iter.Pull2(reading.Events())
		defer stop()
		for range 5 {
			if e, err, more := next(); !more || !yield(e, err) {
				return
			}
		}
		yield(daybook.Recorded{}, errFull)
	}), err
}

func TestCopyEndsWithTheErrorOfTheLog(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	appends(t, from, 10, 1)
	if _, err := daybook.Copy(t.Context(), to, broken{from}); !errors.Is(err, errFull) {
		t.Errorf("a copy of a log that cannot be read: %v", err)
	}
	if info, _ := to.Info(t.Context()); info.Head.Position > 5 {
		t.Errorf("%d events were copied of the 5 that could be read", info.Head.Position)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var unavailable *daybook.UnavailableError
	if _, err := daybook.Copy(ended, to, from); !errors.As(err, &unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("a copy in a context that has ended: %v", err)
	}
}
