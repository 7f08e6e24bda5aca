package storetest

import (
	"time"

	"github.com/daybook-es/daybook"
)

// Which part of the log a reading is of.
var spanPromises = []promise{
	{sentence: "a reading after a position begins with the next", check: checkAfter},
	{sentence: "a reading before a position ends with the one before it", check: checkBefore},
	{sentence: "bounds beyond the log are no bounds, and bounds that cross hold nothing", check: checkOddBounds},
	{sentence: "a backward reading is of the same interval, the newest event first", check: checkBackward},
	{sentence: "a limit yields the first so many, and backward the last", check: checkLimit},
	{sentence: "a reading of one stream may be bounded by versions", check: checkVersionBounds},
	{sentence: "bounds of versions need a query of exactly one stream", check: checkVersionBoundsNeedStream},
	{sentence: "a span that can bound nothing is invalid", check: checkInvalidSpan},
	{sentence: "an upper bound lowers the snapshot", check: checkBoundedSnapshot},
	{sentence: "reading page by page shows every event once", check: checkPages},
	{sentence: "what was known at a time is what had been recorded by then", check: checkKnownAt},
	{sentence: "what was known at a time stays the same for ever", check: checkKnownAtIsStable},
	{sentence: "what is known at this moment stays the same though the clock stands still", check: checkKnownNow, needs: clocks},
}

func checkAfter(t *trial) {
	all := t.shelf()
	for i := range len(all) + 1 {
		t.want(t.read(daybook.All(), daybook.Span{After: daybook.Position(i)}), all[i:]...)
	}
	t.want(t.read(tagged("book:1984"), daybook.Span{After: 2}), all[3], all[4])
	t.want(t.read(daybook.Stream("order-1"), daybook.Span{After: 1}), all[2])
	t.want(t.read(identified(all[0].ID, all[5].ID), daybook.Span{After: 1}), all[5])
}

func checkBefore(t *trial) {
	all := t.shelf()
	for i := range len(all) + 1 {
		t.want(t.read(daybook.All(), daybook.Span{Before: daybook.Position(i + 1)}), all[:i]...)
	}
	t.want(t.read(tagged("book:1984"), daybook.Span{Before: 4}), all[0], all[1])
	t.want(t.read(daybook.Stream("order-1"), daybook.Span{Before: 3}), all[0])
	t.want(t.read(daybook.All(), daybook.Span{After: 2, Before: 5}), all[2], all[3])
}

func checkOddBounds(t *trial) {
	all := t.shelf()
	t.want(t.read(daybook.All(), daybook.Span{Before: 1 << 62}), all...)
	t.want(t.read(daybook.All(), daybook.Span{After: 1 << 62}))
	t.want(t.read(daybook.All(), daybook.Span{After: 7}))
	t.want(t.read(daybook.All(), daybook.Span{After: 4, Before: 5}))
	t.want(t.read(daybook.All(), daybook.Span{After: 5, Before: 3}))
	t.want(t.read(daybook.All(), daybook.Span{After: 5, Before: 3, Backward: true}))
	t.want(t.read(daybook.All(), daybook.Span{Before: 1}))
	t.want(t.read(daybook.All(), daybook.Span{Limit: 1 << 40}), all...)
	t.want(t.read(daybook.Stream("order-1"), daybook.Span{BeforeVersion: 1 << 62}), all[0], all[2])
	t.want(t.read(daybook.Stream("order-1"), daybook.Span{BeforeVersion: ^daybook.Version(0)}), all[0], all[2])
	t.want(t.read(daybook.All(), daybook.Span{Before: ^daybook.Position(0)}), all...)
	t.want(t.read(daybook.All(), daybook.Span{After: ^daybook.Position(0)}))
	t.want(t.read(daybook.Stream("order-1"), daybook.Span{AfterVersion: 1 << 62}))
	t.want(t.read(daybook.Stream("nobody"), daybook.Span{AfterVersion: 1, BeforeVersion: 5}))
}

func checkBackward(t *trial) {
	all := t.shelf()
	for _, span := range []daybook.Span{{}, {After: 2}, {Before: 6}, {After: 2, Before: 6}, {KnownAt: all[4].RecordedAt}} {
		for _, q := range []daybook.Query{daybook.All(), tagged("book:1984"), daybook.Stream("order-1"), {{Types: []string{"Paid"}}, {Categories: []string{"order"}}}} {
			forward := t.read(q, span)
			back := span
			back.Backward = true
			backward := t.read(q, back)
			reversed := make([]daybook.Recorded, len(forward))
			for i := range forward {
				reversed[len(forward)-1-i] = forward[i]
			}
			t.same("backward", backward, reversed)
		}
	}
}

func checkLimit(t *trial) {
	all := t.shelf()
	t.want(t.read(daybook.All(), daybook.Span{Limit: 3}), all[0], all[1], all[2])
	t.want(t.read(daybook.All(), daybook.Span{Limit: 3, Backward: true}), all[6], all[5], all[4])
	t.want(t.read(daybook.All(), daybook.Span{Limit: 7}), all...)
	t.want(t.read(daybook.All(), daybook.Span{Limit: 8}), all...)
	t.want(t.read(tagged("book:1984"), daybook.Span{Limit: 2}), all[0], all[1])
	t.want(t.read(tagged("book:1984"), daybook.Span{Limit: 2, Backward: true}), all[4], all[3])
	t.want(t.read(daybook.All(), daybook.Span{After: 2, Limit: 2}), all[2], all[3])
	t.want(t.read(daybook.All(), daybook.Span{Before: 6, Limit: 2, Backward: true}), all[4], all[3])
	t.want(t.read(daybook.Stream("refund-1"), daybook.Span{Limit: 1, Backward: true}), all[6])
	t.want(t.read(tagged("nobody"), daybook.Span{Limit: 1}))
}

func checkVersionBounds(t *trial) {
	var stream []daybook.Recorded
	for range 6 {
		t.record(event("order-2", "Between"))
		stream = append(stream, t.each(event("order-1", "Placed"))...)
	}
	q := daybook.Stream("order-1")
	t.want(t.read(q, daybook.Span{AfterVersion: 2}), stream[2:]...)
	t.want(t.read(q, daybook.Span{BeforeVersion: 3}), stream[:2]...)
	t.want(t.read(q, daybook.Span{BeforeVersion: 1}))
	t.want(t.read(q, daybook.Span{AfterVersion: 2, BeforeVersion: 5}), stream[2], stream[3])
	t.want(t.read(q, daybook.Span{AfterVersion: 2, BeforeVersion: 5, Backward: true}), stream[3], stream[2])
	t.want(t.read(q, daybook.Span{AfterVersion: 1, Limit: 2}), stream[1], stream[2])
	t.want(t.read(q, daybook.Span{BeforeVersion: 6, Limit: 2, Backward: true}), stream[4], stream[3])
	t.want(t.read(q, daybook.Span{AfterVersion: 6}))
	t.want(t.read(q, daybook.Span{AfterVersion: 1, After: stream[2].Position}), stream[3:]...)
	t.want(t.read(q, daybook.Span{AfterVersion: 3, After: stream[0].Position}), stream[3:]...)
	t.want(t.read(q, daybook.Span{BeforeVersion: 5, Before: stream[2].Position}), stream[:2]...)
	t.want(t.read(daybook.Query{{Streams: []string{"order-1"}, Types: []string{"Placed"}}}, daybook.Span{AfterVersion: 4}), stream[4:]...)
}

func checkVersionBoundsNeedStream(t *trial) {
	t.shelf()
	for what, q := range map[string]daybook.Query{
		"everything":  daybook.All(),
		"a tag":       tagged("book:1984"),
		"two streams": {{Streams: []string{"order-1", "order-2"}}},
		"two items":   append(daybook.Stream("order-1"), daybook.Stream("order-1")...),
		"a category":  {{Categories: []string{"order"}}},
		"nothing":     nil,
	} {
		t.invalidRead(what+" after a version", q, daybook.Span{AfterVersion: 1})
		t.invalidRead(what+" before a version", q, daybook.Span{BeforeVersion: 2})
	}
}

func checkInvalidSpan(t *trial) {
	t.shelf()
	t.invalidRead("a negative limit", daybook.All(), daybook.Span{Limit: -1})
	t.invalidRead("what was known in 1500", daybook.All(), daybook.Span{KnownAt: time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC)})
	t.invalidRead("what will be known in 3000", daybook.All(), daybook.Span{KnownAt: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)})
}

func checkBoundedSnapshot(t *trial) {
	all := t.shelf()
	head := t.head()
	for what, c := range map[string]struct {
		q    daybook.Query
		span daybook.Span
		want daybook.Position
	}{
		"before":                         {daybook.All(), daybook.Span{Before: 5}, 4},
		"before, where nothing is":       {tagged("nobody"), daybook.Span{Before: 5}, 4},
		"before the first":               {daybook.All(), daybook.Span{Before: 1}, 0},
		"before what is to come":         {daybook.All(), daybook.Span{Before: 100}, 7},
		"before, backward":               {daybook.All(), daybook.Span{Before: 5, Backward: true}, 4},
		"known at":                       {daybook.All(), daybook.Span{KnownAt: all[2].RecordedAt}, 3},
		"known at, where nothing is":     {tagged("nobody"), daybook.Span{KnownAt: all[2].RecordedAt}, 3},
		"known before the first":         {daybook.All(), daybook.Span{KnownAt: all[0].RecordedAt.Add(-1)}, 0},
		"the lower of two upper bounds":  {daybook.All(), daybook.Span{Before: 6, KnownAt: all[2].RecordedAt}, 3},
		"the other lower of the two":     {daybook.All(), daybook.Span{Before: 3, KnownAt: all[4].RecordedAt}, 2},
		"a lower bound changes nothing":  {daybook.All(), daybook.Span{After: 5}, 7},
		"nor does a limit":               {daybook.All(), daybook.Span{Limit: 2}, 7},
		"nor does a lower version bound": {daybook.Stream("order-1"), daybook.Span{AfterVersion: 1}, 7},
	} {
		if got := t.reading(c.q, c.span).Snapshot(); got != head.At(c.want) {
			t.Errorf("%s: the snapshot is %v, want position %d", what, got, c.want)
		}
	}
	// Up to a version is up to its event: everything before it may be in the snapshot,
	// it and what follows may not.
	if got := t.reading(daybook.Stream("order-1"), daybook.Span{BeforeVersion: 2}).Snapshot().Position; got < 1 || got > 2 {
		t.Errorf("before version 2, which is at position 3, the snapshot is %d, want 1 or 2", got)
	}
}

func checkPages(t *trial) {
	t.shelf()
	t.record(events(20, "order-1", "Paid", "book:1984")...)
	for _, q := range []daybook.Query{daybook.All(), tagged("book:1984"), daybook.Stream("order-1")} {
		want := t.read(q, daybook.Span{})
		for size := 1; size <= 9; size += 2 {
			var forward, backward []daybook.Recorded
			for after := daybook.Position(0); len(forward) <= len(want); {
				page := t.read(q, daybook.Span{After: after, Limit: size})
				if len(page) == 0 {
					break
				}
				forward = append(forward, page...)
				after = page[len(page)-1].Position
			}
			t.want(forward, want...)
			for before := daybook.Position(0); len(backward) <= len(want); {
				page := t.read(q, daybook.Span{Before: before, Limit: size, Backward: true})
				if len(page) == 0 {
					break
				}
				backward = append(backward, page...)
				before = page[len(page)-1].Position
			}
			for i := range backward {
				if len(backward) != len(want) || backward[i].ID != want[len(want)-1-i].ID {
					t.Fatalf("pages of %d backward: %s, want %s", size, recordedList(backward), recordedList(want))
				}
			}
		}
	}
}

func checkKnownAt(t *trial) {
	var receipts []daybook.Receipt
	for i := range 12 {
		receipts = append(receipts, t.record(events(1+i%3, "order-1", "Placed")...))
	}
	all := t.all()
	for i, r := range receipts {
		t.want(t.read(daybook.All(), daybook.Span{KnownAt: r.RecordedAt}), all[:r.Position]...)
		t.want(t.read(daybook.Stream("order-1"), daybook.Span{KnownAt: r.RecordedAt, Backward: true, Limit: 1}), all[r.Position-1])
		before := daybook.Position(0)
		if i > 0 {
			before = receipts[i-1].Position
		}
		t.want(t.read(daybook.All(), daybook.Span{KnownAt: r.RecordedAt.Add(-1)}), all[:before]...)
		t.want(t.read(daybook.All(), daybook.Span{KnownAt: r.RecordedAt.In(time.FixedZone("", 3600)), After: before}), all[before:r.Position]...)
	}
	t.want(t.read(daybook.All(), daybook.Span{KnownAt: receipts[11].RecordedAt.Add(time.Hour)}), all...)
}

func checkKnownAtIsStable(t *trial) {
	type known struct {
		at   time.Time
		want []daybook.Recorded
	}
	var asked []known
	for range 10 {
		at := t.record(event("order-1", "Placed", "x")).RecordedAt
		for _, at := range []time.Time{at, at.Add(-1)} {
			asked = append(asked, known{at, t.read(tagged("x"), daybook.Span{KnownAt: at})})
		}
	}
	for _, k := range asked {
		t.same("known at "+k.at.String(), t.read(tagged("x"), daybook.Span{KnownAt: k.at}), k.want)
	}
}

// checkKnownNow asks what is known while the clock shows the same moment all along, so
// that only the question can keep the next append out of its answer.
func checkKnownNow(t *trial) {
	set := t.clocked()
	for i := range 5 {
		set(noon.Add(time.Duration(i) * time.Minute))
		now := noon.Add(time.Duration(i) * time.Minute)
		t.record(event("order-1", "Placed", "x"))
		known := t.read(tagged("x"), daybook.Span{KnownAt: now})
		for range 3 {
			t.record(event("order-1", "Paid", "x"))
			t.same("known at "+now.String(), t.read(tagged("x"), daybook.Span{KnownAt: now}), known)
		}
	}
}
