package logstore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
)

// cloned returns an event that shares nothing with another one.
func cloned(r daybook.Recorded) daybook.Recorded {
	r.Stream, r.Type, r.ContentType = strings.Clone(r.Stream), strings.Clone(r.Type), strings.Clone(r.ContentType)
	r.Data, r.Metadata = append([]byte(nil), r.Data...), append([]byte(nil), r.Metadata...)
	r.Tags = append([]string(nil), r.Tags...)
	for i := range r.Tags {
		r.Tags[i] = strings.Clone(r.Tags[i])
	}
	return r
}

func TestBorrowedEventsAreThoseThatOthersGet(t *testing.T) {
	s, _ := manySegments(t, 10, Options{})
	for i := range 100 {
		e := daybook.Event{Type: "Noted", Data: fmt.Append(nil, i)}
		if i%3 == 0 {
			e.Stream, e.Tags, e.Metadata = "note-1", []string{"a", fmt.Sprintf("b:%d", i)}, []byte(`{}`)
		}
		if i%5 == 0 {
			e.Tags, e.ContentType = []string{"c"}, "text/plain"
		}
		if _, err := s.Append(t.Context(), []daybook.Event{e, {Type: "Plain"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, q := range map[string]daybook.Query{"all": daybook.All(), "a stream": daybook.Stream("note-1")} {
		for _, span := range []daybook.Span{{}, {Backward: true}, {After: 7, Limit: 50}} {
			owned, err := s.Read(t.Context(), q, span)
			if err != nil {
				t.Fatal(err)
			}
			want, err := owned.Collect()
			if err != nil {
				t.Fatal(err)
			}
			span.Borrowed = true
			borrowed, err := s.Read(t.Context(), q, span)
			if err != nil {
				t.Fatal(err)
			}
			var got []daybook.Recorded
			for e, err := range borrowed.Events() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, cloned(e))
			}
			if diff := cmp.Diff(want, got); diff != "" || len(got) < 20 {
				t.Errorf("%s, %+v: %d events are borrowed (-owned +borrowed):\n%s", name, span, len(got), diff)
			}
		}
	}
}

func TestBorrowingAllocatesNothingForAnEvent(t *testing.T) {
	s, _ := manySegments(t, 0, Options{})
	const events = 2000
	for range events / 100 {
		batch := make([]daybook.Event, 100)
		for i := range batch {
			batch[i] = daybook.Event{Stream: "note-1", Type: "Noted", Tags: []string{"a", "b"}, Data: []byte("1")}
		}
		if _, err := s.Append(t.Context(), batch, nil); err != nil {
			t.Fatal(err)
		}
	}
	allocations := testing.AllocsPerRun(5, func() {
		r, err := s.Read(t.Context(), daybook.All(), daybook.Span{Borrowed: true})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range r.Events() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != events {
			t.Errorf("read %d events, want %d", n, events)
		}
	})
	if allocations > events/10 {
		t.Errorf("reading %d events allocates %.0f times", events, allocations)
	}
}
