package daybook

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestQuerySelects(t *testing.T) {
	id, other := uuid.New(), uuid.New()
	placed := Event{ID: id, Stream: "order-42", Type: "Placed", Tags: []string{"book:1984", "reader:ada"}}
	loose := Event{ID: other, Type: "Placed", Tags: []string{"book:1984"}}
	for _, c := range []struct {
		name                 string
		q                    Query
		ofPlaced, ofNoStream bool
	}{
		{"everything", All(), true, true},
		{"the zero query", nil, false, false},
		{"no items", Query{}, false, false},
		{"an item that names nothing", Query{{}}, false, false},
		{"an item of empty lists", Query{{Types: []string{}}}, false, false},
		{"its stream", Stream("order-42"), true, false},
		{"another stream", Stream("order-4"), false, false},
		{"the empty stream", Query{{Streams: []string{""}}}, false, false},
		{"one of streams", Query{{Streams: []string{"order-1", "order-42"}}}, true, false},
		{"its category", Query{{Categories: []string{"order"}}}, true, false},
		{"the empty category", Query{{Categories: []string{""}}}, false, false},
		{"another category", Query{{Categories: []string{"order-42"}}}, false, false},
		{"its id", Query{{IDs: []uuid.UUID{id}}}, true, false},
		{"one of ids", Query{{IDs: []uuid.UUID{uuid.New(), other}}}, false, true},
		{"its type", Query{{Types: []string{"Paid", "Placed"}}}, true, true},
		{"one tag", Query{{Tags: []string{"book:1984"}}}, true, true},
		{"both tags", Query{{Tags: []string{"reader:ada", "book:1984"}}}, true, false},
		{"a tag too many", Query{{Tags: []string{"reader:ada", "book:1984", "x"}}}, false, false},
		{"type and tag", Query{{Types: []string{"Placed"}, Tags: []string{"reader:ada"}}}, true, false},
		{"type and another tag", Query{{Types: []string{"Placed"}, Tags: []string{"x"}}}, false, false},
		{"all five", Query{{IDs: []uuid.UUID{id}, Streams: []string{"order-42"}, Categories: []string{"order"}, Types: []string{"Placed"}, Tags: []string{"reader:ada"}}}, true, false},
		{"the second item", Query{{Types: []string{"Paid"}}, {Tags: []string{"reader:ada"}}}, true, false},
		{"neither item", Query{{Types: []string{"Paid"}}, {Tags: []string{"x"}}}, false, false},
	} {
		if got := c.q.Selects(placed); got != c.ofPlaced {
			t.Errorf("%s selects an event of a stream: %t", c.name, got)
		}
		if got := c.q.Selects(loose); got != c.ofNoStream {
			t.Errorf("%s selects an event of no stream: %t", c.name, got)
		}
	}
	if !All()[0].IsAll() || (Item{}).IsAll() || Stream("s")[0].IsAll() {
		t.Error("All alone is all")
	}
}

func TestQueryValidate(t *testing.T) {
	for _, valid := range []Query{nil, {}, All(), Stream("$$order-42"), {{Types: []string{"$deleted"}}}, {{Categories: []string{""}}}, {{IDs: []uuid.UUID{{}}}}} {
		if err := valid.Validate(); err != nil {
			t.Errorf("%+v: %v", valid, err)
		}
	}
	for what, q := range map[string]Query{
		"query item 1 names nothing":            {{}},
		"query item 2 names nothing":            {{Types: []string{"Paid"}}, {}},
		`query item 1: stream "" is empty`:      Stream(""),
		`query item 1: type "a\x00b" has the`:   {{Types: []string{"Paid", "a\x00b"}}},
		`query item 2: tag "\xff" is not valid`: {All()[0], {Tags: []string{"\xff"}}},
		`query item 1: category "a\nb" has the`: {{Categories: []string{"a\nb"}}},
	} {
		err := q.Validate()
		var invalid *InvalidError
		what = strings.Replace(what, ` "" `, " ", 1) // an empty value is not shown
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v is answered %v, want %q", q, err, what)
		}
	}
}

func TestSpanValidate(t *testing.T) {
	stream := Stream("order-42")
	for _, c := range []struct {
		q    Query
		span Span
		says string
	}{
		{All(), Span{}, ""},
		{All(), Span{After: 5, Before: 3, Backward: true, Limit: 1, KnownAt: time.Unix(5, 0)}, ""},
		{stream, Span{AfterVersion: 1, BeforeVersion: 5}, ""},
		{Query{{Streams: []string{"a"}, Types: []string{"Paid"}}}, Span{AfterVersion: 1}, ""},
		{All(), Span{Limit: -1}, "limit is negative"},
		{All(), Span{KnownAt: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}, "known at"},
		{All(), Span{AfterVersion: 1}, "exactly one stream"},
		{append(stream, stream...), Span{BeforeVersion: 1}, "exactly one stream"},
		{Query{{Streams: []string{"a", "b"}}}, Span{AfterVersion: 1}, "exactly one stream"},
		{nil, Span{AfterVersion: 1}, "exactly one stream"},
	} {
		err := c.span.Validate(c.q)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%+v of %+v: %v", c.span, c.q, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%+v of %+v is answered %v, want %q", c.span, c.q, err, c.says)
		}
	}
}

func TestReadingCondition(t *testing.T) {
	q, snapshot := Stream("order-42"), Point{Log: uuid.New(), Incarnation: uuid.New(), Position: 7}
	for _, c := range []struct {
		span    Span
		partial bool
	}{
		{Span{}, false}, {Span{After: 3}, false}, {Span{AfterVersion: 3}, false}, {Span{Backward: true}, false},
		{Span{Limit: 1}, true}, {Span{Before: 9}, true}, {Span{BeforeVersion: 9}, true}, {Span{KnownAt: time.Unix(1, 0)}, true},
	} {
		r := NewReading(q, c.span, snapshot, nil)
		if r.Snapshot() != snapshot {
			t.Errorf("the snapshot of %+v is %v", c.span, r.Snapshot())
		}
		cond := r.Condition()
		if len(cond) != 1 || cond[0].Kind != NothingSelected || cond[0].After != snapshot || cond[0].Partial != c.partial {
			t.Errorf("the condition of a reading of %+v is %+v", c.span, cond)
		}
		if err := cond.Validate(); (err != nil) != c.partial {
			t.Errorf("the condition of a reading of %+v is answered %v", c.span, err)
		}
		for range r.Events() {
			t.Error("a reading without events yields one")
		}
	}
}
