package logstore

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// Goal: an append to a stream is refused whose tombstone is not durable yet, and is told so
// only when it is. Method: the disk waits with the tombstone's sync, while the append finds
// nothing wrong with what is durable.
func TestATombstoneOnItsWayRefusesWhatComesBehindIt(t *testing.T) {
	s := openSubject(t, vfs.OS(), quietly)
	write := func(e daybook.Event) error {
		_, err := s.Append(t.Context(), []daybook.Event{e}, nil)
		return err
	}
	if err := write(daybook.Event{Stream: "order-1", Type: "Placed"}); err != nil {
		t.Fatal(err)
	}
	waiting, release := s.gate.shut()
	tombstone := make(chan error, 1)
	go func() { tombstone <- write(daybook.Tombstoned("order-1")) }()
	<-waiting
	late := new(requests).of([]daybook.Event{{ID: uuid.New(), Stream: "order-1", Type: "Paid"}}, nil)
	if _, err := s.precheck(late); err != nil {
		t.Fatalf("as far as the log is durable: %v", err)
	}
	if err := s.order.take(late, false); err != nil {
		t.Fatal(err)
	}
	for taken := false; !taken; runtime.Gosched() {
		s.order.mu.Lock()
		taken = len(s.order.waiting) == 0
		s.order.mu.Unlock()
	}
	select {
	case <-late.done:
		t.Errorf("it is answered before the tombstone is durable: %v", late.err)
	default:
	}
	release()
	if err := <-tombstone; err != nil {
		t.Fatal(err)
	}
	<-late.done
	if invalid := (*daybook.InvalidError)(nil); !errors.As(late.err, &invalid) {
		t.Errorf("behind the tombstone: %v", late.err)
	}
}

// Goal: what is forgotten is told from the segments that say so, wherever they are, and a
// log that forgets nothing asks none. Method: a history is written once into one segment
// and once into many, and read as of each moment.
func TestWhatIsForgottenIsTheSameInOneSegmentAndInMany(t *testing.T) {
	one := openSubject(t, inMemory(), &Options{Logger: quiet})
	many := openSubject(t, inMemory(), &Options{SegmentBytes: 300, Logger: quiet})
	for i := range 120 {
		stream := fmt.Sprintf("order-%d", i%5)
		events := []daybook.Event{{Stream: stream, Type: "Placed"}, {Type: "Noted"}}
		switch {
		case i%13 == 12:
			events = []daybook.Event{daybook.Truncated(stream, daybook.Version(i/6))}
		case i%31 == 30:
			events = []daybook.Event{daybook.Deleted(stream), events[0]}
		case i == 100:
			events = []daybook.Event{daybook.Tombstoned("order-4")}
		}
		events, err := daybook.Prepare(events, nil, limits)
		if err != nil {
			t.Fatal(err)
		}
		a, err := one.Append(t.Context(), events, nil)
		b, other := many.Append(t.Context(), events, nil)
		if fmt.Sprint(err) != fmt.Sprint(other) || !cmp.Equal(a.Versions, b.Versions) {
			t.Fatalf("append %d: %v, %v and %v, %v", i, a, err, b, other)
		}
		if i < 12 && many.home.quiet.Load() == 0 {
			_ = contentsOf(t, many)
			if view := many.view.Load(); i > 3 && many.home.quiet.Load() != view.endPlace().segment {
				t.Errorf("nothing is forgotten, and the segments below %d are known to be quiet, of %d", many.home.quiet.Load(), len(view.segments))
			}
		}
		if i%10 > 0 && i < 110 {
			continue
		}
		want, got := contentsOf(t, one), contentsOf(t, many)
		if len(want) != len(got) {
			t.Fatalf("after append %d the logs have %d and %d events", i, len(want), len(got))
		}
		forgotten := 0
		for n := range want {
			if want[n].ID != got[n].ID || want[n].Forgotten != got[n].Forgotten {
				t.Fatalf("after append %d: event %d is forgotten in one segment: %t, and in many: %t", i, n+1, want[n].Forgotten, got[n].Forgotten)
			}
			if want[n].Forgotten {
				forgotten++
			}
		}
		if i > 20 && forgotten == 0 {
			t.Error("nothing was forgotten")
		}
	}
}
