package projection_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

func TestTheKeyOfAnEvent(t *testing.T) {
	id := uuid.MustParse("01980000-0000-7000-8000-000000000001")
	byBook := projection.ByTag("book:")
	for _, c := range []struct {
		what   string
		event  daybook.Event
		stream string // its key by stream
		book   string // and by tag
	}{
		{"in a stream", daybook.Event{ID: id, Stream: "loan-1"}, "loan-1", "loan-1"},
		{"in no stream", daybook.Event{ID: id}, id.String(), id.String()},
		{"with the tag", daybook.Event{ID: id, Tags: []string{"reader:7", "book:emma"}}, id.String(), "book:emma"},
		{"with two such tags", daybook.Event{ID: id, Stream: "loan-1", Tags: []string{"book:emma", "book:1984"}}, "loan-1", "book:emma"},
		{"with a tag that only looks like it", daybook.Event{ID: id, Stream: "loan-1", Tags: []string{"notebook:1"}}, "loan-1", "loan-1"},
	} {
		e := daybook.Recorded{Event: c.event}
		if got := projection.ByStream(e); !slices.Equal(got, []string{c.stream}) {
			t.Errorf("an event %s has the keys %q by stream; want %q", c.what, got, c.stream)
		}
		if got := byBook(e); !slices.Equal(got, []string{c.book}) {
			t.Errorf("an event %s has the keys %q by tag; want %q", c.what, got, c.book)
		}
	}
}
