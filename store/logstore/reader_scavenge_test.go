package logstore

import (
	"fmt"
	"testing"

	"github.com/daybook-es/daybook"
)

// Goal: whoever reads beside the owner is not shown less of the past because the owner forgets and scavenges meanwhile.
// Method: a reading is begun, and ranged over only when the files that it was to read have been replaced.
func TestAReadingBesideTheOwnerGoesOnOverWhatWasScavengedSince(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, &Options{SegmentBytes: 1000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	appendAll := func(events ...daybook.Event) {
		for _, e := range events {
			if _, err := s.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 {
		appendAll(daybook.Event{Stream: "order-1", Type: "Placed", Data: make([]byte, 200)}, daybook.Event{Stream: "order-2", Type: "Placed", Data: make([]byte, 200)})
	}
	appendAll(daybook.Truncated("order-1", 3))
	r, err := OpenReader(dir, &Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	begin := func(span daybook.Span) daybook.Reading {
		reading, err := r.Read(t.Context(), daybook.Stream("order-1"), span)
		if err != nil {
			t.Fatal(err)
		}
		return reading
	}
	all, three, backward, forgotten := begin(daybook.Span{}), begin(daybook.Span{Limit: 3}), begin(daybook.Span{Backward: true, Limit: 2}), begin(daybook.Span{Forgotten: true})
	appendAll(daybook.Deleted("order-1"))
	if _, err := s.Scavenge(t.Context(), &ScavengeOptions{Newest: true}); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		reading daybook.Reading
		want    string
	}{
		"everything":        {all, "[3 4 5 6 7 8 9 10]"},
		"three":             {three, "[3 4 5]"},
		"the last two":      {backward, "[10 9]"},
		"what is forgotten": {forgotten, "[1 2 3 4 5 6 7 8 9 10]"},
	} {
		var versions []daybook.Version
		for e, err := range c.reading.Events() {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if e.Forgotten != (e.Stub != nil) {
				t.Errorf("%s: version %d is forgotten %v, with the stub %v", what, e.Version, e.Forgotten, e.Stub)
			}
			versions = append(versions, e.Version)
		}
		if got := fmt.Sprint(versions); got != c.want {
			t.Errorf("a reading of %s begun before yields the versions %s, want %s", what, got, c.want)
		}
	}
}
