package storetest

import (
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What an append of ids that are recorded already does.
var idempotencePromises = []promise{
	{sentence: "an append repeated records nothing and gives the receipt of the first", check: checkRepeat},
	{sentence: "a repeat is a repeat whatever was recorded since", check: checkLateRepeat},
	{sentence: "a repeat is answered whatever its condition", check: checkRepeatIgnoresCondition},
	{sentence: "a repeat keeps what was recorded, not what it brings", check: checkRepeatKeepsFirst},
	{sentence: "some events of an append, next to each other, are a repeat of their own", check: checkPartRepeats},
	{sentence: "events recorded next to each other by two appends are a repeat together", check: checkJoinedRepeat},
	{sentence: "recorded and new ids in one append are reused", check: checkMixedIsReused},
	{sentence: "recorded ids in another order are reused", check: checkReorderedIsReused},
	{sentence: "recorded ids that do not stand next to each other are reused", check: checkApartIsReused},
	{sentence: "a recorded id in another stream is reused", check: checkOtherStreamIsReused},
	{sentence: "a recorded id with another type is reused", check: checkOtherTypeIsReused},
	{sentence: "reused names the first overlapping id in the append's order, and its position", check: checkReusedNamesFirst},
	{sentence: "validity is checked before ids, and ids before the condition", check: checkOrderOfChecks},
	{sentence: "a refused id may be used again", check: checkRefusedIDIsFree},
}

// repeats appends events again, which must be a repeat with this receipt.
func (t *trial) repeats(first daybook.Receipt, cond daybook.Condition, events ...daybook.Event) {
	t.Helper()
	before := t.head()
	again := t.append(cond, events...)
	if !again.Repeated {
		t.Fatalf("the append of %s is not known as a repeat: %s", list(events), answer(again, nil))
	}
	if again.Point != first.Point || !again.RecordedAt.Equal(first.RecordedAt) || again.Durability != first.Durability {
		t.Errorf("the receipt of the repeat is %+v, and that of the first %+v", again, first)
	}
	if len(again.Versions) != len(first.Versions) {
		t.Errorf("the repeat has the versions %v, want %v", again.Versions, first.Versions)
	}
	for stream, version := range first.Versions {
		if again.Versions[stream] != version {
			t.Errorf("the repeat has the versions %v, want %v", again.Versions, first.Versions)
		}
	}
	if head := t.head(); head != before {
		t.Errorf("a repeat moved the head from %d to %d", before.Position, head.Position)
	}
}

func checkRepeat(t *trial) {
	for _, batch := range [][]daybook.Event{
		{event("order-1", "Placed", "x")},
		{event("order-1", "Paid"), event("order-2", "Placed"), event("", "Noted"), event("order-1", "Shipped")},
		{event("", "Noted")},
	} {
		first := t.record(batch...)
		t.repeats(first, nil, batch...)
		t.repeats(first, nil, batch...)
	}
	if n := len(t.all()); n != 6 {
		t.Errorf("%d events are recorded, want 6", n)
	}
}

func checkLateRepeat(t *trial) {
	batch := []daybook.Event{event("order-1", "Placed", "x"), event("order-2", "Placed")}
	first := t.record(batch...)
	for range 20 {
		t.record(events(50, "order-1", "Paid")...)
	}
	t.repeats(first, nil, batch...)
}

func checkRepeatIgnoresCondition(t *trial) {
	start := t.head()
	batch := []daybook.Event{event("order-1", "Placed", "x"), event("order-1", "Paid")}
	cond := and(daybook.New("order-1"), daybook.Nothing(tagged("x"), start))
	first := t.append(cond, batch...)
	t.repeats(first, cond, batch...)
	t.repeats(first, daybook.At("order-1", 77), batch...)
	elsewhere := start
	elsewhere.Incarnation = uuid.New()
	t.repeats(first, daybook.Nothing(tagged("x"), elsewhere), batch...)
}

func checkRepeatKeepsFirst(t *trial) {
	e := full()
	first := t.record(e)
	before := t.all()
	other := e
	other.Data, other.Tags, other.Metadata = []byte(`"other"`), []string{"other"}, nil
	t.repeats(first, nil, other)
	t.same("after a repeat with other data", t.all(), before)
	t.want(t.read(tagged("other"), daybook.Span{}))
}

func checkPartRepeats(t *trial) {
	batch := []daybook.Event{event("order-1", "A"), event("order-2", "B"), event("order-1", "C"), event("", "D")}
	whole := t.record(batch...)
	part := func(position daybook.Position, versions map[string]daybook.Version) daybook.Receipt {
		r := whole
		r.Point, r.Versions = whole.At(position), versions
		return r
	}
	t.repeats(part(1, map[string]daybook.Version{"order-1": 1}), nil, batch[0])
	t.repeats(part(3, map[string]daybook.Version{"order-2": 1, "order-1": 2}), nil, batch[1:3]...)
	t.repeats(part(4, nil), nil, batch[3])
}

func checkJoinedRepeat(t *trial) {
	a, b, c := event("order-1", "A"), event("order-1", "B"), event("order-2", "C")
	t.record(a)
	t.record(b)
	last := t.record(c)
	last.Versions = map[string]daybook.Version{"order-1": 2, "order-2": 1}
	t.repeats(last, nil, a, b, c)
}

func checkMixedIsReused(t *trial) {
	old := event("order-1", "Placed")
	at := t.record(old).Position
	t.reused(old.ID, at, nil, old, event("order-1", "Paid"))
	t.reused(old.ID, at, nil, event("order-1", "Paid"), old)
	t.reused(old.ID, at, nil, event("order-1", "Paid"), old, event("order-1", "Shipped"))
	if n := len(t.all()); n != 1 {
		t.Errorf("%d events are recorded, want 1", n)
	}
}

func checkReorderedIsReused(t *trial) {
	a, b, c := event("order-1", "A"), event("order-1", "B"), event("order-1", "C")
	t.record(a, b, c)
	t.reused(b.ID, 2, nil, b, a)
	t.reused(a.ID, 1, nil, a, c, b)
	t.reused(c.ID, 3, nil, c, b, a)
}

func checkApartIsReused(t *trial) {
	a, b, c := event("order-1", "A"), event("order-1", "B"), event("order-1", "C")
	t.record(a, b, c)
	t.reused(a.ID, 1, nil, a, c)
	d := event("order-1", "D")
	t.record(event("order-2", "Between"))
	t.record(d)
	t.reused(c.ID, 3, nil, c, d)
}

func checkOtherStreamIsReused(t *trial) {
	a, b := event("order-1", "A"), event("", "B")
	t.record(a, b)
	elsewhere, nowhere, somewhere := a, a, b
	elsewhere.Stream, nowhere.Stream, somewhere.Stream = "order-2", "", "order-1"
	t.reused(a.ID, 1, nil, elsewhere)
	t.reused(a.ID, 1, nil, nowhere)
	t.reused(b.ID, 2, nil, somewhere)
	t.reused(a.ID, 1, nil, a, somewhere)
}

func checkOtherTypeIsReused(t *trial) {
	a, b := event("order-1", "A"), event("order-1", "B")
	t.record(a, b)
	other := b
	other.Type = "A"
	t.reused(b.ID, 2, nil, other)
	t.reused(a.ID, 1, nil, a, other)
}

func checkReusedNamesFirst(t *trial) {
	a, b := event("order-1", "A"), event("order-1", "B")
	t.record(a)
	t.record(b)
	t.reused(b.ID, 2, nil, event("order-1", "New"), b, a)
	t.reused(b.ID, 2, nil, event("order-1", "New"), event("order-1", "New"), b, event("order-1", "New"), a)
	t.reused(a.ID, 1, nil, event("order-1", "New"), a, b)
}

func checkOrderOfChecks(t *trial) {
	old := event("order-1", "Placed")
	at := t.record(old).Position
	// Each of these has several things wrong; the earliest check answers.
	t.invalid("a bad name, a reused id and a failing condition", daybook.New("order-1"), old, event("order-1", ""))
	t.invalid("a bad condition, a reused id and a failing clause", and(daybook.New("order-1"), daybook.New("")), old, event("order-1", "Paid"))
	t.invalid("a repeat with a bad condition", daybook.New(""), old)
	t.invalid("a failing condition and a bad one", and(daybook.New("order-1"), daybook.Nothing(nil, daybook.Point{})))
	t.reused(old.ID, at, daybook.New("order-1"), old, event("order-1", "Paid"))
	elsewhere := t.head()
	elsewhere.Log = uuid.New()
	t.reused(old.ID, at, daybook.Nothing(daybook.All(), elsewhere), event("order-1", "Paid"), old)
}

func checkRefusedIDIsFree(t *trial) {
	t.record(event("order-1", "Placed"))
	e := event("order-2", "Placed")
	t.conflict(daybook.New("order-1"), e)
	bad := event("order-2", "")
	t.invalid("a bad name beside it", nil, e, bad)
	if receipt := t.record(e); receipt.Repeated || receipt.Position != 2 {
		t.Errorf("an id that was refused before: %s", answer(receipt, nil))
	}
}
