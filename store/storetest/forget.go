package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What is forgotten, and what it still means.
var forgetPromises = []promise{
	{sentence: "events below a truncation that stand before it are hidden at once", check: checkTruncated},
	{sentence: "what is recorded after a truncation is never hidden by it", check: checkTruncatedAhead},
	{sentence: "of several truncations each hides what stands before it", check: checkTruncations},
	{sentence: "a deleted stream reads as nothing, and its versions go on", check: checkDeleted},
	{sentence: "a deleted stream is new and at version zero", check: checkDeletedIsNew},
	{sentence: "a tombstoned stream reads as nothing and takes no event", check: checkTombstoned},
	{sentence: "no clause about a tombstoned stream holds", check: checkTombstonedClauses},
	{sentence: "a tombstone is looked at after the ids and before the condition", check: checkTombstonedOrder},
	{sentence: "nothing is hidden but the events of the stream itself", check: checkOthersStay},
	{sentence: "what is hidden is yielded, marked, to whoever asks by id or for what is forgotten", check: checkHiddenOnRequest},
	{sentence: "every kind of query passes over what is hidden", check: checkHiddenFromQueries},
	{sentence: "bounds, limits and direction are about what is yielded", check: checkHiddenInSpans},
	{sentence: "what was known at a time is read without what was forgotten since", check: checkHiddenKnownAt},
	{sentence: "ids of hidden events stay recorded", check: checkHiddenIDs},
	{sentence: "a condition on a query counts what is hidden", check: checkHiddenConditions},
	{sentence: "a condition on a query that names a stream fails once it is forgotten", check: checkGuardedQuery},
	{sentence: "a clause about a stream that fails names the newest event of the stream or about it", check: checkForgottenPositions},
	{sentence: "what is recorded about a stream is an event like others", check: checkAboutEvents},
	{sentence: "a stream about a stream takes nothing but what is forgotten of it", check: checkAboutInvalid},
	{sentence: "forgetting is conditional and repeated like any append", check: checkForgettingConditions},
	{sentence: "one append may record, forget and record again", check: checkForgettingInOneAppend},
	{sentence: "a reading begun before a deletion shows what it showed then", check: checkReadingBeforeDeletion},
	{sentence: "following passes over what is hidden and goes on", check: checkFollowingForgotten},
	{sentence: "of an append and a tombstone that race one comes first", check: checkTombstoneRace},
	{sentence: "of those who race to change or to delete a stream at one version one wins", check: checkDeletionRace},
	{sentence: "what is forgotten stays so when a store is opened again", check: checkReopenForgotten, needs: reopening},
}

// forgotten returns the events as a reading yields them that asks for what is
// forgotten: marked.
func forgotten(events ...daybook.Recorded) []daybook.Recorded {
	events = slices.Clone(events)
	for i := range events {
		events[i].Forgotten = true
	}
	return events
}

// yields reads and compares: these events, each whole and marked as it is here.
func (t *trial) yields(q daybook.Query, span daybook.Span, want ...daybook.Recorded) {
	t.Helper()
	got := t.read(q, span)
	t.same(describe(q, span), got, want)
	for i, e := range got {
		if e.Forgotten != want[i].Forgotten || (e.Stub != nil) != (want[i].Stub != nil) {
			t.Fatalf("%s: position %d is forgotten: %t, a stub: %t, want %t and %t", describe(q, span), e.Position, e.Forgotten, e.Stub != nil, want[i].Forgotten, want[i].Stub != nil)
		}
	}
}

func checkTruncated(t *trial) {
	stream := t.each(events(5, "order-1", "Placed", "x")...)
	about := t.each(daybook.Truncated("order-1", 4))
	q := daybook.Stream("order-1")
	t.yields(q, daybook.Span{}, stream[3:]...)
	t.yields(daybook.All(), daybook.Span{}, append(slices.Clone(stream[3:]), about...)...)
	t.append(and(daybook.At("order-1", 5), daybook.Exists("order-1")), event("order-1", "Paid"))
	if v := t.record(event("order-1", "Paid")).Versions["order-1"]; v != 7 {
		t.Errorf("the truncated stream is at version %d, want 7", v)
	}
	if got := t.read(q, daybook.Span{}); len(got) != 4 || got[0].Version != 4 || got[3].Version != 7 {
		t.Errorf("the truncated stream reads %s, want versions 4 to 7", recordedList(got))
	}
}

func checkTruncatedAhead(t *trial) {
	stream := t.each(events(2, "order-1", "Placed")...)
	t.record(daybook.Truncated("order-1", 100))
	t.yields(daybook.Stream("order-1"), daybook.Span{})
	t.append(daybook.At("order-1", 2))
	after := t.each(events(3, "order-1", "Paid")...)
	t.yields(daybook.Stream("order-1"), daybook.Span{}, after...)
	t.yields(daybook.Stream("order-1"), daybook.Span{Forgotten: true}, append(forgotten(stream...), after...)...)

	t.record(daybook.Truncated("order-2", 10)) // a stream that there is not yet
	t.yields(daybook.Stream("order-2"), daybook.Span{}, t.each(event("order-2", "Placed"))...)
}

func checkTruncations(t *trial) {
	q := daybook.Stream("order-1")
	stream := t.each(events(4, "order-1", "Placed")...)
	t.record(daybook.Truncated("order-1", 4))
	stream = append(stream, t.each(events(4, "order-1", "Placed")...)...)
	t.yields(q, daybook.Span{}, stream[3:]...)
	t.record(daybook.Truncated("order-1", 2)) // no less than before
	t.yields(q, daybook.Span{}, stream[3:]...)
	t.record(daybook.Truncated("order-1", 6))
	t.yields(q, daybook.Span{}, stream[5:]...)
	t.record(daybook.Deleted("order-1"))
	t.yields(q, daybook.Span{})
	stream = append(stream, t.each(events(3, "order-1", "Placed")...)...)
	t.yields(q, daybook.Span{}, stream[8:]...)
	t.record(daybook.Truncated("order-1", 10))
	t.yields(q, daybook.Span{}, stream[9:]...)
}

func checkDeleted(t *trial) {
	q := daybook.Stream("order-1")
	before := t.each(events(3, "order-1", "Placed", "x")...)
	for round := range 3 {
		t.record(daybook.Deleted("order-1"))
		t.yields(q, daybook.Span{})
		t.yields(tagged("x"), daybook.Span{})
		after := t.each(event("order-1", "Placed", "x"))
		if want := daybook.Version(4 + round); after[0].Version != want {
			t.Errorf("after deletion %d the stream goes on with version %d, want %d", round+1, after[0].Version, want)
		}
		t.yields(q, daybook.Span{}, after...)
		t.yields(tagged("x"), daybook.Span{Forgotten: true}, append(forgotten(before...), after...)...)
		before = append(before, after...)
	}
}

func checkDeletedIsNew(t *trial) {
	last := t.record(events(3, "order-1", "Placed")...).Position
	for _, cond := range []daybook.Condition{daybook.New("order-1"), daybook.At("order-1", 0)} {
		t.failures(t.conflict(cond), failed(cond, last))
	}
	at := t.record(daybook.Deleted("order-1")).Position
	t.append(and(daybook.New("order-1"), daybook.At("order-1", 0)))
	for _, cond := range []daybook.Condition{daybook.Exists("order-1"), daybook.At("order-1", 3), daybook.At("order-1", 4)} {
		t.failures(t.conflict(cond), failed(cond, at))
	}
	receipt := t.append(daybook.New("order-1"), event("order-1", "Placed"))
	if v := receipt.Versions["order-1"]; v != 4 {
		t.Errorf("the stream goes on with version %d, want 4", v)
	}
	t.append(and(daybook.Exists("order-1"), daybook.At("order-1", 4)))
	for _, cond := range []daybook.Condition{daybook.New("order-1"), daybook.At("order-1", 0), daybook.At("order-1", 1), daybook.At("order-1", 3)} {
		t.failures(t.conflict(cond), failed(cond, receipt.Position))
	}
	t.record(daybook.Deleted("order-2")) // one that there never was
	t.append(daybook.New("order-2"))
	if v := t.record(event("order-2", "Placed")).Versions["order-2"]; v != 1 {
		t.Errorf("a stream that was deleted before it began has version %d, want 1", v)
	}
}

func checkTombstoned(t *trial) {
	t.record(events(3, "order-1", "Placed", "x")...)
	at := t.record(daybook.Tombstoned("order-1")).Position
	t.record(daybook.Tombstoned("order-2")) // one that there never was
	t.yields(daybook.Stream("order-1"), daybook.Span{})
	before := t.head()
	for what, batch := range map[string][]daybook.Event{
		"an event of a tombstoned stream":                {event("order-1", "Paid")},
		"one of several events in a tombstoned stream":   {event("order-3", "Placed"), event("order-1", "Paid")},
		"an event of one that was tombstoned when empty": {event("order-2", "Placed")},
	} {
		t.invalid(what, nil, batch...)
	}
	_, err := t.store.Append(t.ctx, []daybook.Event{event("order-3", "Placed"), event("order-1", "Paid")}, nil)
	if want := daybook.RefuseTombstoned(1, "order-1", at).Error(); err == nil || err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
	if head := t.head(); head != before {
		t.Errorf("refused appends moved the head from %v to %v", before, head)
	}
	// More may be said about it, and changes nothing.
	t.record(daybook.Deleted("order-1"), daybook.Truncated("order-1", 1))
	t.record(daybook.Tombstoned("order-1"))
	_, err = t.store.Append(t.ctx, []daybook.Event{event("order-1", "Paid")}, nil)
	if want := daybook.RefuseTombstoned(0, "order-1", at).Error(); err == nil || err.Error() != want {
		t.Errorf("after more was said about the stream the error is %q, want %q", err, want)
	}
	t.record(event("order-3", "Placed", "x"))
}

func checkTombstonedClauses(t *trial) {
	t.record(events(3, "order-1", "Placed")...)
	at := t.record(daybook.Tombstoned("order-1")).Position
	for _, cond := range []daybook.Condition{daybook.New("order-1"), daybook.At("order-1", 0), daybook.At("order-1", 3), daybook.Exists("order-1")} {
		t.failures(t.conflict(cond), failed(cond, at))
		t.failures(t.conflict(cond, event("order-2", "Placed")), failed(cond, at))
	}
	t.yields(daybook.Stream("order-2"), daybook.Span{})
}

func checkTombstonedOrder(t *trial) {
	batch := events(2, "order-1", "Placed")
	first := t.record(batch...)
	other := event("order-2", "Placed")
	position := t.record(other).Position
	t.record(daybook.Tombstoned("order-1"))
	t.repeats(first, daybook.New("order-2"), batch...)
	t.reused(other.ID, position, nil, event("order-1", "Paid"), other)
	t.reused(batch[0].ID, 1, nil, batch[0], event("order-1", "Paid"))
	t.invalid("an event of a tombstoned stream and a condition that does not hold", daybook.New("order-2"), event("order-1", "Paid"))
}

func checkOthersStay(t *trial) {
	names := []string{"order-11", "order", "order-", "order-1-1", "Order-1", "order-2", "", "-order-1"}
	var others []daybook.Recorded
	for _, name := range names {
		t.record(event("order-1", "Placed", "x"))
		others = append(others, t.each(event(name, "Placed", "x"), event(name, "Paid", "x"))...)
	}
	for _, forget := range []daybook.Event{daybook.Truncated("order-1", 100), daybook.Deleted("order-1"), daybook.Tombstoned("order-1")} {
		t.record(forget)
		t.yields(tagged("x"), daybook.Span{}, others...)
		t.yields(daybook.Query{{Categories: []string{"order"}, Tags: []string{"x"}}}, daybook.Span{},
			slices.DeleteFunc(slices.Clone(others), func(e daybook.Recorded) bool { return e.Category() != "order" || e.Stream == "" })...)
	}
	t.append(and(daybook.At("order-11", 2), daybook.Exists("order"), daybook.At("order-1-1", 2)))
}

func checkHiddenOnRequest(t *trial) {
	stream := t.each(events(4, "order-1", "Placed", "x")...)
	other := t.each(event("order-2", "Placed", "x"))[0]
	about := t.each(daybook.Truncated("order-1", 3))[0]
	gone := forgotten(stream[:2]...)
	q := daybook.Stream("order-1")
	t.yields(q, daybook.Span{Forgotten: true}, append(slices.Clone(gone), stream[2:]...)...)
	t.yields(daybook.All(), daybook.Span{Forgotten: true}, gone[0], gone[1], stream[2], stream[3], other, about)
	t.yields(tagged("x"), daybook.Span{Forgotten: true, Backward: true, Limit: 4}, other, stream[3], stream[2], gone[1])

	t.yields(identified(gone[0].ID), daybook.Span{}, gone[0])
	t.yields(identified(stream[2].ID, gone[1].ID, other.ID), daybook.Span{}, gone[1], stream[2], other)
	t.yields(daybook.Query{{IDs: []uuid.UUID{gone[1].ID, stream[3].ID}, Streams: []string{"order-1"}, Tags: []string{"x"}}}, daybook.Span{}, gone[1], stream[3])
	t.yields(daybook.Query{{IDs: []uuid.UUID{gone[1].ID}, Types: []string{"Paid"}}}, daybook.Span{})
	t.yields(daybook.Query{{Tags: []string{"x"}}, {IDs: []uuid.UUID{gone[1].ID}}}, daybook.Span{}, gone[1], stream[2], stream[3], other)
	t.yields(daybook.Query{{Streams: []string{"order-1"}}, {IDs: []uuid.UUID{other.ID}}}, daybook.Span{}, stream[2], stream[3], other)
}

func checkHiddenFromQueries(t *trial) {
	stream := t.each(event("order-1", "Placed", "x", "y"), event("order-1", "Paid", "x"), event("order-2", "Placed", "x"), event("order-1", "Placed", "x", "y"))
	t.record(daybook.Truncated("order-1", 2))
	for what, q := range map[string]daybook.Query{
		"stream":       daybook.Stream("order-1"),
		"category":     {{Categories: []string{"order"}}},
		"type":         typed("Placed", "Paid"),
		"tag":          tagged("x"),
		"two tags":     tagged("x", "y"),
		"type and tag": {{Types: []string{"Placed"}, Tags: []string{"y"}}},
		"stream, type": {{Streams: []string{"order-1", "order-2"}, Types: []string{"Placed"}}},
		"two items":    {{Types: []string{"Placed"}}, {Streams: []string{"order-1"}}},
	} {
		for _, backward := range []bool{false, true} {
			got := t.read(q, daybook.Span{Backward: backward})
			var want []daybook.Recorded
			for _, e := range stream[1:] {
				if q.Selects(e.Event) {
					want = append(want, e)
				}
			}
			if backward {
				slices.Reverse(want)
			}
			t.same("by "+what, got, want)
		}
	}
	t.yields(daybook.Query{{Categories: []string{"$$order"}}}, daybook.Span{}, t.read(daybook.Stream("$$order-1"), daybook.Span{})...)
}

func checkHiddenInSpans(t *trial) {
	stream := t.each(events(8, "order-1", "Placed", "x")...)
	t.record(daybook.Truncated("order-1", 4))
	q, gone := daybook.Stream("order-1"), forgotten(stream[:3]...)
	t.yields(q, daybook.Span{Limit: 2}, stream[3], stream[4])
	t.yields(tagged("x"), daybook.Span{Limit: 6, Backward: true}, stream[7], stream[6], stream[5], stream[4], stream[3])
	t.yields(q, daybook.Span{Limit: 2, Forgotten: true}, gone[0], gone[1])
	t.yields(q, daybook.Span{Before: 3})
	t.yields(q, daybook.Span{Before: 3, Forgotten: true}, gone[0], gone[1])
	t.yields(q, daybook.Span{After: 2, Before: 6}, stream[3], stream[4])
	t.yields(q, daybook.Span{AfterVersion: 1, BeforeVersion: 6}, stream[3], stream[4])
	t.yields(q, daybook.Span{AfterVersion: 1, BeforeVersion: 6, Forgotten: true, Backward: true}, stream[4], stream[3], gone[2], gone[1])
	t.yields(q, daybook.Span{BeforeVersion: 3})
	head := t.head()
	for _, span := range []daybook.Span{{}, {Forgotten: true}, {Limit: 1}, {Backward: true, Borrowed: true}} {
		if got := t.reading(q, span).Snapshot(); got != head {
			t.Errorf("the snapshot of %s is %v, want the head, %v", describe(q, span), got, head)
		}
	}
	if got := t.reading(q, daybook.Span{Before: 3}).Snapshot(); got != head.At(2) {
		t.Errorf("before position 3 of what is hidden, the snapshot is %v, want position 2", got)
	}
	t.record(daybook.Deleted("order-1"))
	t.yields(q, daybook.Span{})
	if got := t.reading(q, daybook.Span{}).Snapshot(); got != t.head() {
		t.Errorf("the snapshot of a deleted stream's reading is %v, want the head", got)
	}
}

func checkHiddenKnownAt(t *trial) {
	stream := t.each(events(3, "order-1", "Placed", "x")...)
	known := daybook.Span{KnownAt: stream[2].RecordedAt}
	t.yields(tagged("x"), known, stream...)
	t.record(daybook.Truncated("order-1", 3))
	t.yields(tagged("x"), known, stream[2])
	t.record(daybook.Deleted("order-1"))
	t.yields(tagged("x"), known)
	t.yields(daybook.Stream("order-1"), daybook.Span{Before: 3})
	known.Forgotten = true
	t.yields(tagged("x"), known, forgotten(stream...)...)
}

func checkHiddenIDs(t *trial) {
	batch := append(events(2, "order-1", "Placed"), event("order-2", "Placed"))
	first := t.record(batch...)
	later := t.record(batch[0], batch[1])
	t.record(daybook.Deleted("order-1"))
	t.repeats(first, nil, batch...)
	t.repeats(later, daybook.Exists("order-1"), batch[0], batch[1])
	t.reused(batch[1].ID, 2, nil, batch[1], batch[0])
	t.reused(batch[0].ID, 1, nil, event("order-3", "Placed"), batch[0])
	moved, changed := batch[0], batch[1]
	moved.Stream, changed.Type = "order-3", "Paid"
	t.reused(moved.ID, 1, nil, moved)
	t.reused(changed.ID, 2, nil, changed)
	t.yields(daybook.Stream("order-1"), daybook.Span{})
}

func checkHiddenConditions(t *trial) {
	t.record(event("order-2", "Opened"))
	point := t.head()
	stream := t.each(event("order-1", "Placed", "x"), event("order-1", "Paid", "y"))
	t.record(daybook.Deleted("order-1"))
	for _, c := range map[string]struct {
		q  daybook.Query
		at daybook.Position
	}{
		"a tag":               {tagged("x"), stream[0].Position},
		"a type":              {typed("Paid"), stream[1].Position},
		"a category":          {daybook.Query{{Categories: []string{"order"}}}, stream[1].Position},
		"an id":               {identified(stream[0].ID), stream[0].Position},
		"a type and a tag":    {daybook.Query{{Types: []string{"Placed"}, Tags: []string{"x"}}}, stream[0].Position},
		"either of two items": {daybook.Query{{Tags: []string{"x"}}, {Tags: []string{"y"}}}, stream[1].Position},
	} {
		cond := daybook.Nothing(c.q, point)
		t.failures(t.conflict(cond, event("order-3", "Placed")), failed(cond, c.at))
		cond = daybook.Nothing(c.q, daybook.Point{})
		t.failures(t.conflict(cond), failed(cond, c.at))
	}
	t.append(t.reading(tagged("x"), daybook.Span{}).Condition(), event("order-3", "Placed"))
}

func checkGuardedQuery(t *trial) {
	for i, forget := range []func(stream string) daybook.Event{
		func(s string) daybook.Event { return daybook.Truncated(s, 2) }, daybook.Deleted, daybook.Tombstoned,
	} {
		stream := fmt.Sprintf("order-%d", i)
		t.record(events(3, stream, "Placed", "x")...)
		t.record(event("cart-1", "Opened"))
		var broken, kept []daybook.Condition
		for _, q := range []daybook.Query{
			daybook.Stream(stream),
			{{Streams: []string{"cart-1", stream}}},
			{{Streams: []string{stream}, Types: []string{"Paid"}, Tags: []string{"nobody"}}},
			{{Tags: []string{"nobody"}}, {Streams: []string{stream}}},
			daybook.Stream("$$" + stream),
			daybook.All(),
		} {
			broken = append(broken, t.reading(q, daybook.Span{}).Condition())
		}
		for _, q := range []daybook.Query{daybook.Stream("cart-1"), daybook.Stream(stream + "1"), tagged("x"), typed("Placed"), {{Categories: []string{"order"}}}} {
			kept = append(kept, t.reading(q, daybook.Span{}).Condition())
		}
		at := t.record(forget(stream)).Position
		for _, cond := range broken {
			t.failures(t.conflict(cond, event("cart-2", "Opened")), failed(cond, at))
		}
		t.append(and(kept...))
	}
}

func checkForgottenPositions(t *trial) {
	first := t.record(events(2, "order-1", "Placed")...).Position
	t.record(daybook.Truncated("order-1", 2))
	wrong, exists := daybook.At("order-1", 7), daybook.Exists("order-1")
	t.failures(t.conflict(wrong), failed(wrong, first)) // no truncation fails a clause
	deleted := t.record(daybook.Deleted("order-1")).Position
	t.failures(t.conflict(and(exists, wrong)), failed(exists, deleted), failed(wrong, deleted))
	t.record(daybook.Truncated("order-1", 1))
	t.failures(t.conflict(exists), failed(exists, deleted))
	again := t.record(event("order-1", "Placed")).Position
	t.failures(t.conflict(wrong), failed(wrong, again))
	gone := t.record(daybook.Tombstoned("order-1")).Position
	t.failures(t.conflict(and(wrong, exists)), failed(wrong, gone), failed(exists, gone))
}

func checkAboutEvents(t *trial) {
	t.record(events(3, "order-1", "Placed")...)
	receipt := t.record(daybook.Truncated("order-1", 2), daybook.Deleted("order-1"))
	if v := receipt.Versions["$$order-1"]; v != 2 {
		t.Errorf("the stream about the stream is at version %d, want 2", v)
	}
	t.append(and(daybook.At("$$order-1", 2), daybook.Exists("$$order-1")), daybook.Tombstoned("order-1"))
	t.conflict(daybook.At("$$order-1", 2))
	t.append(daybook.New("$$order-2"))
	about := t.read(daybook.Stream("$$order-1"), daybook.Span{})
	if len(about) != 3 {
		t.Fatalf("the stream about the stream reads %s, want 3 events", recordedList(about))
	}
	for i, want := range []daybook.Event{daybook.Truncated("order-1", 2), daybook.Deleted("order-1"), daybook.Tombstoned("order-1")} {
		e := about[i]
		if e.Type != want.Type || string(e.Data) != string(want.Data) || e.ContentType != daybook.JSON || e.Version != daybook.Version(i+1) || e.Position != daybook.Position(4+i) || e.Forgotten {
			t.Errorf("event %d about the stream is read as %+v", i+1, e)
		}
		t.yields(identified(e.ID), daybook.Span{}, e)
		t.yields(typed(e.Type), daybook.Span{}, e)
	}
	t.yields(daybook.Query{{Categories: []string{"$$order"}}}, daybook.Span{}, about...)
	t.yields(daybook.All(), daybook.Span{}, about...)
	t.yields(daybook.Stream("$$order-1"), daybook.Span{AfterVersion: 1, Backward: true}, about[2], about[1])
}

func checkAboutInvalid(t *trial) {
	t.record(event("order-1", "Placed"))
	valid := func(change func(*daybook.Event)) daybook.Event {
		e := daybook.Truncated("order-1", 2)
		change(&e)
		return e
	}
	for what, e := range map[string]daybook.Event{
		"another type":                 valid(func(e *daybook.Event) { e.Type = "Placed" }),
		"another type of the system":   valid(func(e *daybook.Event) { e.Type = "$forgotten" }),
		"no data":                      valid(func(e *daybook.Event) { e.Data = nil }),
		"data that is spelt otherwise": valid(func(e *daybook.Event) { e.Data = []byte(`{"before": 2}`) }),
		"a truncation before zero":     valid(func(e *daybook.Event) { e.Data = []byte(`{"before":0}`) }),
		"tags":                         valid(func(e *daybook.Event) { e.Tags = []string{"x"} }),
		"a content type":               valid(func(e *daybook.Event) { e.ContentType = "text/plain" }),
		"a stream of the system":       valid(func(e *daybook.Event) { e.Stream = "$$$order-1" }),
		"a stream without a name":      valid(func(e *daybook.Event) { e.Stream = "$$" }),
		"one dollar":                   valid(func(e *daybook.Event) { e.Stream = "$order-1" }),
		"no stream about a stream":     valid(func(e *daybook.Event) { e.Stream = "order-1" }),
		"a deletion with data":         valid(func(e *daybook.Event) { e.Type, e.Data = daybook.TypeDeleted, []byte(`{"before":2}`) }),
	} {
		t.invalid(what, nil, e)
	}
	t.yields(daybook.Stream("order-1"), daybook.Span{}, t.all()...)
}

func checkForgettingConditions(t *trial) {
	stream := t.each(events(2, "order-1", "Placed")...)
	stale := t.reading(daybook.Stream("order-1"), daybook.Span{}).Condition()
	stream = append(stream, t.each(event("order-1", "Paid"))...)
	for _, cond := range []daybook.Condition{daybook.At("order-1", 2), stale, daybook.New("order-1")} {
		t.conflict(cond, daybook.Deleted("order-1"))
	}
	t.yields(daybook.Stream("order-1"), daybook.Span{}, stream...)
	deletion := daybook.Deleted("order-1")
	deletion.ID = uuid.Must(uuid.NewV7())
	receipt := t.append(and(daybook.At("order-1", 3), t.reading(daybook.Stream("order-1"), daybook.Span{}).Condition()), deletion)
	t.yields(daybook.Stream("order-1"), daybook.Span{})
	after := t.each(event("order-1", "Placed"))
	t.repeats(receipt, daybook.New("order-1"), deletion)
	t.yields(daybook.Stream("order-1"), daybook.Span{}, after...) // a repeat forgets nothing anew
}

func checkForgettingInOneAppend(t *trial) {
	before, middle, after := event("order-1", "Placed"), event("order-1", "Paid"), event("order-1", "Shipped")
	receipt := t.append(daybook.New("order-1"), before, daybook.Deleted("order-1"), middle, daybook.Truncated("order-1", 3), after)
	if receipt.Versions["order-1"] != 3 || receipt.Versions["$$order-1"] != 2 {
		t.Errorf("the receipt has the versions %v, want 3 and 2", receipt.Versions)
	}
	all := t.read(daybook.All(), daybook.Span{Forgotten: true})
	for i, hidden := range []bool{true, false, true, false, false} {
		if len(all) != 5 || all[i].Forgotten != hidden {
			t.Fatalf("the append reads %s, the %d. of which should be forgotten: %t", recordedList(all), i+1, hidden)
		}
	}
	t.yields(daybook.Stream("order-1"), daybook.Span{}, all[4])
	t.invalid("an event behind the tombstone of its stream", nil, daybook.Tombstoned("order-1"), event("order-1", "Paid"))
	t.yields(daybook.Stream("order-1"), daybook.Span{}, all[4])
	t.record(event("order-1", "Closed"), daybook.Tombstoned("order-1"))
	t.yields(daybook.Stream("order-1"), daybook.Span{})
}

func checkReadingBeforeDeletion(t *trial) {
	all := t.shelf()
	readings := map[string]daybook.Reading{
		"everything":        t.reading(daybook.All(), daybook.Span{}),
		"the stream":        t.reading(daybook.Stream("order-1"), daybook.Span{}),
		"a tag, backward":   t.reading(tagged("book:1984"), daybook.Span{Backward: true}),
		"known at a time":   t.reading(daybook.All(), daybook.Span{KnownAt: all[5].RecordedAt}),
		"what is forgotten": t.reading(daybook.All(), daybook.Span{Forgotten: true}),
		"by id":             t.reading(identified(all[0].ID, all[1].ID), daybook.Span{}),
	}
	ranged := t.reading(daybook.All(), daybook.Span{})
	shown := make(map[string][]daybook.Recorded)
	for what, reading := range readings {
		shown[what] = t.events(reading)
	}
	n := 0
	for e, err := range ranged.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			t.record(daybook.Deleted("order-1"), daybook.Truncated("order-2", 2), daybook.Tombstoned("refund-1"))
		}
		if e.ID != all[n].ID || e.Forgotten {
			t.Fatalf("event %d of a range during which much was deleted is at position %d, forgotten: %t", n+1, e.Position, e.Forgotten)
		}
		n++
	}
	if n != len(all) {
		t.Errorf("a range during which much was deleted had %d events, want %d", n, len(all))
	}
	for what, reading := range readings {
		got := t.events(reading)
		t.same(what, got, shown[what])
		for _, e := range got {
			if e.Forgotten {
				t.Errorf("%s: position %d is marked as forgotten, and was not when the reading began", what, e.Position)
			}
		}
	}
}

func checkFollowingForgotten(t *trial) {
	t.record(events(3, "order-1", "Placed", "x")...)
	t.record(daybook.Deleted("order-1"))
	kept := t.each(event("order-1", "Placed", "x"), event("order-2", "Placed", "x"))
	end := t.head()
	for _, q := range []daybook.Query{tagged("x"), {{Categories: []string{"order"}}}} {
		seen, point, err := t.followUntil(q, daybook.Point{}, func(p daybook.Point) bool { return p.Position >= end.Position })
		if err != nil || point != end {
			t.Errorf("following came to %v (%v), want %v", point, err, end)
		}
		t.same("followed", seen, kept)
	}
}

// checkTombstoneRace lets appenders write to a stream while somebody tombstones it: what
// was recorded stands before the tombstone, and what was refused is not there.
func checkTombstoneRace(t *trial) {
	for round := range 10 {
		stream := fmt.Sprintf("order-%d", round)
		var mu sync.Mutex
		var last, tombstone daybook.Position
		recorded := 0
		race(12, func(i int) {
			if i == 5 {
				receipt, err := t.store.Append(t.ctx, []daybook.Event{daybook.Tombstoned(stream)}, nil)
				if err != nil {
					t.Errorf("the tombstone: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				tombstone = receipt.Position
				return
			}
			for range 4 {
				receipt, err := t.store.Append(t.ctx, []daybook.Event{event(stream, "Placed")}, nil)
				var invalid *daybook.InvalidError
				if err != nil && !errors.As(err, &invalid) {
					t.Errorf("an append beside the tombstone: %v", err)
				}
				mu.Lock()
				if err == nil {
					recorded, last = recorded+1, max(last, receipt.Position)
				}
				mu.Unlock()
			}
		})
		if last > tombstone {
			t.Errorf("position %d was recorded behind the tombstone at %d", last, tombstone)
		}
		t.yields(daybook.Stream(stream), daybook.Span{})
		if got := t.read(daybook.Stream(stream), daybook.Span{Forgotten: true}); len(got) != recorded {
			t.Errorf("%d appends were acknowledged, and the stream has %s", recorded, recordedList(got))
		}
	}
}

func checkDeletionRace(t *trial) {
	version := daybook.Version(0)
	for range 20 {
		version = t.record(event("order-1", "Placed")).Versions["order-1"]
		t.oneWins(12, daybook.At("order-1", version), func(i int) daybook.Event {
			if i%2 == 0 {
				return daybook.Deleted("order-1")
			}
			return event("order-1", "Paid")
		})
	}
}

func checkReopenForgotten(t *trial) {
	all := t.shelf()
	first := daybook.Receipt{Point: t.head().At(1), Versions: map[string]daybook.Version{"order-1": 1}, RecordedAt: all[0].RecordedAt, Durability: t.info().Durability}
	t.record(daybook.Deleted("order-1"), daybook.Truncated("order-2", 2))
	gone := t.record(daybook.Tombstoned("refund-1")).Position
	stale := t.reading(daybook.Stream("order-2"), daybook.Span{}).Condition()
	for range 2 {
		t.reopen()
		t.yields(daybook.Query{{Categories: []string{"order", "refund"}}}, daybook.Span{}, all[5])
		t.yields(daybook.Query{{Categories: []string{"order"}}}, daybook.Span{Forgotten: true}, append(forgotten(all[:3]...), all[5])...)
		t.append(and(daybook.New("order-1"), daybook.At("order-2", 2), stale))
		t.failures(t.conflict(daybook.Exists("refund-1")), failed(daybook.Exists("refund-1"), gone))
		t.invalid("an event of a tombstoned stream", nil, event("refund-1", "Paid"))
		t.repeats(first, nil, all[0].Event)
	}
	if v := t.record(event("order-1", "Placed")).Versions["order-1"]; v != 3 {
		t.Errorf("opened again, the deleted stream goes on with version %d, want 3", v)
	}
	at := t.record(daybook.Truncated("order-2", 3)).Position
	t.reopen()
	t.yields(daybook.Stream("order-2"), daybook.Span{})
	t.failures(t.conflict(stale), failed(stale, at))
}
