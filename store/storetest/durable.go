package storetest

import (
	"time"

	"github.com/daybook-es/daybook"
)

// What a store that is closed and opened again has kept.
var durablePromises = []promise{
	{sentence: "a store opened again has every event as it was", check: checkReopenKeeps, needs: reopening},
	{sentence: "a store opened again keeps its log and its incarnation", check: checkReopenIdentity, needs: reopening},
	{sentence: "a store opened again goes on with positions and versions", check: checkReopenContinues, needs: reopening},
	{sentence: "ids stay recorded when a store is opened again", check: checkReopenIDs, needs: reopening},
	{sentence: "conditions and checkpoints stay good when a store is opened again", check: checkReopenConditions, needs: reopening},
	{sentence: "the time of recording rises when a store is opened again", check: checkReopenTime, needs: reopening},
	{sentence: "an empty store may be opened again", check: checkReopenEmpty, needs: reopening},
	{sentence: "a store may be opened again many times", check: checkReopenOften, needs: reopening},
}

func checkReopenKeeps(t *trial) {
	t.shelf()
	t.record(full(), event("日本-1", "🛒", "a b", "דוד"), daybook.Event{Type: "Bare"})
	large := event("order-1", "Placed", "large")
	large.Data = noise(500_000)
	t.record(large)
	t.record(events(1000, "order-2", "Paid", "many")...)
	before := t.all()
	queries := []daybook.Query{tagged("book:1984"), tagged("many"), daybook.Stream("order-1"), typed("Paid"), {{Categories: []string{"order"}}}, identified(before[2].ID, before[8].ID), daybook.Stream("日本-1")}
	var selected [][]daybook.Recorded
	for _, q := range queries {
		selected = append(selected, t.read(q, daybook.Span{}))
	}
	known := t.read(daybook.All(), daybook.Span{KnownAt: before[5].RecordedAt})

	for range 2 {
		t.reopen()
		t.same("opened again", t.all(), before)
		for i, q := range queries {
			t.same("opened again", t.read(q, daybook.Span{}), selected[i])
		}
		t.same("opened again, known at a time", t.read(daybook.All(), daybook.Span{KnownAt: before[5].RecordedAt}), known)
	}
}

func checkReopenIdentity(t *trial) {
	empty := t.head()
	t.reopen()
	if head := t.head(); head != empty {
		t.Errorf("an empty log was %v, and opened again is %v", empty, head)
	}
	t.record(event("order-1", "Placed"))
	before := t.info()
	t.reopen()
	if after := t.info(); after != before {
		t.Errorf("opened again, the store states %+v, and stated %+v", after, before)
	}
}

func checkReopenContinues(t *trial) {
	t.record(events(3, "order-1", "Placed", "x")...)
	t.record(event("order-2", "Placed"), event("", "Noted"))
	for i := range 3 {
		t.reopen()
		receipt := t.append(daybook.At("order-1", daybook.Version(3+i)), event("order-1", "Paid"))
		if receipt.Position != daybook.Position(6+i) || receipt.Versions["order-1"] != daybook.Version(4+i) {
			t.Errorf("opened again, the next event is at position %d, version %d, want %d and %d", receipt.Position, receipt.Versions["order-1"], 6+i, 4+i)
		}
	}
	if v := t.record(event("order-2", "Paid")).Versions["order-2"]; v != 2 {
		t.Errorf("order-2 goes on with version %d, want 2", v)
	}
}

func checkReopenIDs(t *trial) {
	batch := []daybook.Event{event("order-1", "Placed"), event("order-2", "Placed"), event("", "Noted")}
	first := t.record(batch...)
	t.record(event("order-1", "Paid"))
	t.reopen()
	t.repeats(first, daybook.New("order-1"), batch...)
	t.reused(batch[1].ID, 2, nil, event("order-1", "New"), batch[1])
	t.reused(batch[2].ID, 3, nil, batch[2], batch[0])
	t.record(event("order-1", "Shipped"))
	t.reopen()
	t.repeats(first, nil, batch...)
}

func checkReopenConditions(t *trial) {
	checkpoint := t.record(event("order-1", "Placed", "x")).Point
	stale := t.reading(tagged("x"), daybook.Span{}).Condition()
	position := t.record(event("order-1", "Paid", "x")).Position
	fresh := t.reading(tagged("x"), daybook.Span{}).Condition()
	t.reopen()
	t.failures(t.conflict(stale, event("order-1", "Shipped")), failed(stale, position))
	t.failures(t.conflict(daybook.At("order-1", 1)), failed(daybook.At("order-1", 1), position))
	seen, _, err := t.followUntil(daybook.All(), checkpoint, func(daybook.Point) bool { return true })
	if err != nil || len(seen) != 1 || seen[0].Position != position {
		t.Errorf("following from before saw %s (%v), want position %d", recordedList(seen), err, position)
	}
	t.append(and(fresh, daybook.At("order-1", 2)), event("order-1", "Shipped", "x"))
	t.conflict(fresh)
}

func checkReopenTime(t *trial) {
	var last time.Time
	for range 5 {
		for range 10 {
			receipt := t.record(event("order-1", "Placed"))
			if !receipt.RecordedAt.After(last) {
				t.Fatalf("recorded at %v, after an append recorded at %v", receipt.RecordedAt, last)
			}
			last = receipt.RecordedAt
		}
		t.reopen()
	}
}

func checkReopenEmpty(t *trial) {
	for range 3 {
		t.reopen()
		if n := len(t.all()); n != 0 {
			t.Errorf("an empty store opened again has %d events", n)
		}
	}
	t.append(daybook.New("order-1"), event("order-1", "Placed"))
	t.reopen()
	if n := len(t.all()); n != 1 {
		t.Errorf("opened again, the store has %d events, want 1", n)
	}
}

func checkReopenOften(t *trial) {
	var want []daybook.Recorded
	for i := range 20 {
		want = append(want, t.each(events(i%4, "order-1", "Placed", "x")...)...)
		t.reopen()
		t.same("opened again", t.all(), want)
		t.same("opened again", t.read(tagged("x"), daybook.Span{}), want)
	}
}
