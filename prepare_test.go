package daybook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

var least = Limits{AppendEvents: LeastAppendEvents, AppendBytes: LeastAppendBytes}

func TestPrepareCompletes(t *testing.T) {
	id, at := uuid.New(), time.Date(2026, 3, 29, 2, 30, 0, 1, time.FixedZone("", 7200))
	given := []Event{{Type: "Placed", Tags: []string{"x"}, HappenedAt: at}, {ID: id, Stream: "order-42", Type: "Paid", ContentType: "text/plain"}}
	got, err := Prepare(given, At("order-42", 0), least)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].ID.Version() != 7 || got[1].ID != id {
		t.Errorf("the ids are %s and %s, want one of version 7 and the one given", got[0].ID, got[1].ID)
	}
	if got[0].ContentType != JSON || got[1].ContentType != "text/plain" {
		t.Errorf("the content types are %q and %q", got[0].ContentType, got[1].ContentType)
	}
	if !got[0].HappenedAt.Equal(at) || got[0].HappenedAt.Location() != time.UTC || !got[1].HappenedAt.IsZero() {
		t.Errorf("the times are %v and %v", got[0].HappenedAt, got[1].HappenedAt)
	}
	if given[0].ID != uuid.Nil || given[0].ContentType != "" || given[0].HappenedAt != at {
		t.Errorf("the caller's event has become %+v", given[0])
	}
}

func TestPrepareRefuses(t *testing.T) {
	ok := Event{ID: uuid.New(), Stream: "order-42", Type: "Placed"}
	with := func(change func(*Event)) []Event {
		e := Event{Stream: "order-42", Type: "Placed"}
		change(&e)
		return []Event{ok, e}
	}
	many := make([]string, MaxTags+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	twice := append([]string{}, many[:40]...)
	twice[39] = twice[3]
	for says, events := range map[string][]Event{
		`event 2: stream "$a" begins with "$"`:                    with(func(e *Event) { e.Stream = "$a" }),
		`event 2: stream "a\x00" has the control character`:       with(func(e *Event) { e.Stream = "a\x00" }),
		`event 2: type is empty`:                                  with(func(e *Event) { e.Type = "" }),
		`event 2: type "$deleted" begins with "$"`:                with(func(e *Event) { e.Type = "$deleted" }),
		`event 2: tag 2 is empty`:                                 with(func(e *Event) { e.Tags = []string{"x", ""} }),
		`event 2: tag 3 "x" is there twice`:                       with(func(e *Event) { e.Tags = []string{"x", "y", "x"} }),
		`event 2: tag 40 "3" is there twice`:                      with(func(e *Event) { e.Tags = twice }),
		`event 2: tags are 1001, and 1000 are allowed`:            with(func(e *Event) { e.Tags = many }),
		`event 2: content type "a\n" has the`:                     with(func(e *Event) { e.ContentType = "a\n" }),
		`is longer than 255 bytes`:                                with(func(e *Event) { e.ContentType = strings.Repeat("x", 256) }),
		`event 2: happened at "3000-01-01`:                        with(func(e *Event) { e.HappenedAt = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		`event 2: id "` + ok.ID.String() + `" is that of event 1`: with(func(e *Event) { e.ID = ok.ID }),
		`append has 1001 events, and 1000 are allowed`:            make([]Event, 1001),
		`bytes, and 921600 are allowed`:                           with(func(e *Event) { e.Data = make([]byte, LeastAppendBytes) }),
	} {
		prepared, err := Prepare(events, nil, least)
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), says) || prepared != nil {
			t.Errorf("the answer is %v, want %q", err, says)
		}
	}
	if _, err := Prepare([]Event{ok}, New(""), least); err == nil || !strings.Contains(err.Error(), "condition clause 1") {
		t.Errorf("an invalid condition is answered %v", err)
	}
	if got, err := Prepare(nil, nil, least); err != nil || len(got) != 0 {
		t.Errorf("an append of nothing is answered %v, %v", got, err)
	}
}

func TestPrepareTakesWhatEveryStoreTakes(t *testing.T) {
	if _, err := Prepare([]Event{{Type: "E", Data: make([]byte, LeastAppendBytes-encodedHeader-1)}}, nil, least); err != nil {
		t.Errorf("an event of exactly %d bytes: %v", LeastAppendBytes, err)
	}
	thousand := make([]Event, LeastAppendEvents)
	for i := range thousand {
		thousand[i].Type = "E"
	}
	if _, err := Prepare(thousand, nil, least); err != nil {
		t.Errorf("a thousand events: %v", err)
	}
}

func TestCheckRead(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	var invalid *InvalidError
	for says, err := range map[string]error{
		"query item 1": CheckRead(ended, Query{{}}, Span{}),
		"span: limit":  CheckRead(ended, All(), Span{Limit: -1}),
	} {
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("the answer is %v, want %q", err, says)
		}
	}
	var unavailable *UnavailableError
	if err := CheckRead(ended, All(), Span{}); !errors.As(err, &unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended is answered %v", err)
	}
	if err := CheckRead(t.Context(), All(), Span{Limit: 1}); err != nil {
		t.Errorf("a sound read is answered %v", err)
	}
}
