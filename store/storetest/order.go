package storetest

import (
	"errors"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What an append does to the log.
var orderPromises = []promise{
	{sentence: "events are read in the order in which they were appended", check: checkOrder},
	{sentence: "positions begin at 1 and have no gaps", check: checkPositions},
	{sentence: "the events of one append stand next to each other, in their order", check: checkAdjacent},
	{sentence: "an append that is refused leaves no trace", check: checkRefusedLeavesNoTrace},
	{sentence: "a receipt names the log, its incarnation and the position of the last event", check: checkReceiptPoint},
	{sentence: "a receipt names for each stream the version of its last event", check: checkReceiptVersions},
	{sentence: "a receipt states the time that the events carry", check: checkReceiptTime},
	{sentence: "a receipt states the durability that the store promises", check: checkReceiptDurability},
	{sentence: "a receipt belongs to whoever asked for it", check: checkReceiptIsOwned},
	{sentence: "an append without events records nothing", check: checkEmptyRecordsNothing},
	{sentence: "the receipt of an append without events has the position of the head, no versions and no time", check: checkEmptyReceipt},
	{sentence: "an append may have a thousand events", check: checkThousandEvents},
	{sentence: "an append may have 900 KiB in one event", check: checkLargeEvent},
	{sentence: "an append past the stated limits is invalid", check: checkLimits},
	{sentence: "a read begun after an append sees it", check: checkReadYourWrites},
}

func checkOrder(t *trial) {
	var want []daybook.Event
	for i := range 30 {
		e := event([]string{"order-1", "order-2", ""}[i%3], "Placed")
		want = append(want, e)
		t.record(e)
	}
	got := t.all()
	if len(got) != len(want) {
		t.Fatalf("read %d events, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].ID != want[i].ID {
			t.Fatalf("event %d is %s, want %s", i+1, got[i].ID, want[i].ID)
		}
	}
}

func checkPositions(t *trial) {
	t.record(event("a", "E"))
	t.record(events(3, "b", "E")...)
	t.record(event("", "E"))
	for i, e := range t.all() {
		if e.Position != daybook.Position(i+1) {
			t.Errorf("event %d is at position %d", i+1, e.Position)
		}
	}
	if head := t.head().Position; head != 5 {
		t.Errorf("after 5 events the head is %d", head)
	}
}

func checkAdjacent(t *trial) {
	t.record(event("order-0", "Placed"))
	batch := append(events(3, "order-1", "Placed", "x"), events(2, "order-2", "Paid")...)
	last := t.record(batch...).Position
	t.record(event("order-3", "Placed"))

	for i, e := range batch {
		found := t.read(identified(e.ID), daybook.Span{})
		want := last - daybook.Position(len(batch)-1-i)
		if len(found) != 1 || found[0].Position != want {
			t.Errorf("event %d of the append: %s, want it at position %d", i+1, recordedList(found), want)
		}
	}
}

func checkRefusedLeavesNoTrace(t *trial) {
	first := event("order-1", "Placed", "x")
	t.record(first)
	before := t.all()

	t.conflict(daybook.New("order-1"), event("order-1", "Paid", "x"), event("order-2", "Placed", "x"))
	t.invalid("a type that is not a name", nil, event("order-1", "Paid", "x"), event("order-2", "", "x"))
	t.reused(first.ID, 1, nil, event("order-1", "Paid", "x"), first)

	t.same("after refusals", t.all(), before)
	t.same("after refusals", t.read(tagged("x"), daybook.Span{}), before)
	t.want(t.read(daybook.Stream("order-2"), daybook.Span{}))
	next := t.record(event("order-1", "Paid"))
	if next.Position != 2 || next.Versions["order-1"] != 2 {
		t.Errorf("the append after refusals is at position %d, version %d, want 2 and 2", next.Position, next.Versions["order-1"])
	}
}

func checkReceiptPoint(t *trial) {
	life := t.head()
	receipt := t.record(events(3, "order-1", "Placed")...)
	if want := life.At(3); receipt.Point != want {
		t.Errorf("the receipt is of %v, want %v", receipt.Point, want)
	}
	if receipt.Repeated {
		t.Error("the receipt of a first append says that it is a repeat")
	}
}

func checkReceiptVersions(t *trial) {
	t.record(events(2, "order-1", "Placed")...)
	receipt := t.record(event("order-1", "Paid"), event("order-2", "Placed"), event("", "Noted"), event("order-1", "Shipped"))
	if v := receipt.Versions; len(v) != 2 || v["order-1"] != 4 || v["order-2"] != 1 {
		t.Errorf("the receipt has the versions %v, want order-1 at 4 and order-2 at 1", v)
	}
	if v := t.record(event("", "Noted")).Versions; len(v) != 0 {
		t.Errorf("the receipt of an event in no stream has the versions %v", v)
	}
}

func checkReceiptTime(t *trial) {
	receipt := t.record(events(2, "order-1", "Placed")...)
	for _, e := range t.all() {
		if !e.RecordedAt.Equal(receipt.RecordedAt) {
			t.Errorf("event %d was recorded at %v, and the receipt says %v", e.Position, e.RecordedAt, receipt.RecordedAt)
		}
	}
	if receipt.RecordedAt.IsZero() {
		t.Error("the receipt has no time")
	}
}

func checkReceiptDurability(t *trial) {
	want := t.info().Durability
	if want < daybook.Memory || want > daybook.Quorum {
		t.Errorf("the store promises %v", want)
	}
	first := event("order-1", "Placed")
	for what, receipt := range map[string]daybook.Receipt{
		"a receipt": t.record(first), "the receipt of a repeat": t.record(first), "the receipt of an append of no events": t.record(),
	} {
		if receipt.Durability != want {
			t.Errorf("%s says %v, and the store promises %v", what, receipt.Durability, want)
		}
	}
}

func checkReceiptIsOwned(t *trial) {
	first := event("order-1", "Placed")
	receipt := t.record(first)
	receipt.Versions["order-1"] = 99
	receipt.Versions["order-2"] = 7
	if v := t.record(first).Versions; len(v) != 1 || v["order-1"] != 1 {
		t.Errorf("after a caller changed its receipt, the repeat has the versions %v", v)
	}
	if v := t.record(event("order-1", "Paid")).Versions; len(v) != 1 || v["order-1"] != 2 {
		t.Errorf("after a caller changed its receipt, the next append has the versions %v", v)
	}
}

func checkEmptyRecordsNothing(t *trial) {
	t.record(event("order-1", "Placed"))
	before := t.all()
	t.record()
	t.append(daybook.At("order-1", 1))
	t.append(daybook.New("order-2"))
	t.same("after empty appends", t.all(), before)
	if receipt := t.record(event("order-2", "Placed")); receipt.Position != 2 || receipt.Versions["order-2"] != 1 {
		t.Errorf("the append after empty ones is at position %d", receipt.Position)
	}
}

func checkEmptyReceipt(t *trial) {
	for _, position := range []daybook.Position{0, 1, 2} {
		receipt := t.append(daybook.New("order-2"))
		if want := t.head().At(position); receipt.Point != want {
			t.Errorf("the receipt is of %v, want %v", receipt.Point, want)
		}
		if len(receipt.Versions) != 0 || !receipt.RecordedAt.IsZero() || receipt.Repeated {
			t.Errorf("the receipt has versions %v, time %v, repeated %t; want none of them", receipt.Versions, receipt.RecordedAt, receipt.Repeated)
		}
		t.record(event("order-1", "Placed"))
	}
}

func checkThousandEvents(t *trial) {
	batch := append(events(500, "order-1", "Placed", "x"), events(500, "order-2", "Placed", "x")...)
	t.record(batch...)
	got := t.read(tagged("x"), daybook.Span{})
	if len(got) != len(batch) {
		t.Fatalf("read %d events, want %d", len(got), len(batch))
	}
	for i := range got {
		if got[i].ID != batch[i].ID || got[i].Position != daybook.Position(i+1) || got[i].Version != daybook.Version(i%500+1) {
			t.Fatalf("event %d is %s at position %d, version %d, want %s", i+1, got[i].ID, got[i].Position, got[i].Version, batch[i].ID)
		}
	}
}

func checkLargeEvent(t *trial) {
	large := event("order-1", "Placed", "x")
	large.Data = noise(daybook.LeastAppendBytes - large.Size() + len(large.Data))
	if large.Size() != daybook.LeastAppendBytes {
		t.Fatalf("the event has %d bytes, want %d", large.Size(), daybook.LeastAppendBytes)
	}
	t.record(large)
	t.record(event("order-1", "Paid"))
	got := t.read(daybook.Stream("order-1"), daybook.Span{})
	if len(got) != 2 || string(got[0].Data) != string(large.Data) {
		t.Error("900 KiB of data are not read as they were recorded")
	}
}

func checkLimits(t *trial) {
	limits := t.info().Limits
	if limits.AppendEvents < daybook.LeastAppendEvents || limits.AppendBytes < daybook.LeastAppendBytes {
		t.Errorf("the store states the limits %+v, and every store takes %d events and %d bytes", limits, daybook.LeastAppendEvents, daybook.LeastAppendBytes)
	}
	large := event("order-1", "Placed")
	if limits.AppendBytes <= 64<<20 {
		large.Data = make([]byte, limits.AppendBytes)
		t.invalid("one byte too many", nil, large)
	}
	if limits.AppendEvents <= 1<<20 {
		many := make([]daybook.Event, limits.AppendEvents+1)
		for i := range many {
			many[i] = daybook.Event{ID: uuid.New(), Type: "E"}
		}
		t.invalid("one event too many", nil, many...)
	}
	if n := len(t.all()); n != 0 {
		t.Errorf("%d events of invalid appends are read", n)
	}
}

func checkReadYourWrites(t *trial) {
	for range 50 {
		e := event("order-1", "Placed", "x")
		receipt := t.record(e)
		for _, q := range []daybook.Query{daybook.All(), daybook.Stream("order-1"), tagged("x"), typed("Placed"), identified(e.ID)} {
			reading := t.reading(q, daybook.Span{Backward: true, Limit: 1})
			got := t.events(reading)
			if len(got) != 1 || got[0].Position != receipt.Position {
				t.Fatalf("%+v reads %s after the append at position %d", q, recordedList(got), receipt.Position)
			}
		}
		if head := t.head(); head.Position < receipt.Position {
			t.Fatalf("the head is %d after the append at position %d", head.Position, receipt.Position)
		}
	}
}

// noise returns n bytes that do not compress and are the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

// kind names the kind of an error, as programs tell them apart.
func kind(err error) string {
	var (
		conflict    *daybook.ConflictError
		invalid     *daybook.InvalidError
		reused      *daybook.ReusedError
		unavailable *daybook.UnavailableError
		unknown     *daybook.UnknownError
		corrupt     *daybook.CorruptError
		life        *daybook.LifeError
	)
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &conflict):
		return "conflict"
	case errors.As(err, &invalid):
		return "invalid"
	case errors.As(err, &reused):
		return "reused"
	case errors.As(err, &unavailable):
		return "unavailable"
	case errors.As(err, &unknown):
		return "unknown"
	case errors.As(err, &corrupt):
		return "corrupt"
	case errors.As(err, &life):
		return "life"
	case errors.Is(err, daybook.ErrClosed):
		return "closed"
	}
	return "other"
}
