package storetest

import (
	"errors"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Which log a store keeps, and which life of it.
var identityPromises = []promise{
	{sentence: "a log has an identity and an incarnation, which stay", check: checkIdentity},
	{sentence: "two logs have different identities", check: checkTwoLogs},
	{sentence: "receipts, readings and conflicts carry the log and its incarnation", check: checkPointsCarryLife},
	{sentence: "a store states its head, its durability, its limits and its stride", check: checkInfo},
	{sentence: "a new incarnation has the same log and the same events", check: checkNewIncarnation, needs: newIncarnation},
	{sentence: "a condition of an earlier incarnation is a conflict", check: checkOldCondition, needs: newIncarnation},
	{sentence: "a checkpoint of an earlier incarnation is not followed", check: checkOldCheckpoint, needs: newIncarnation},
}

func checkIdentity(t *trial) {
	life := t.head()
	if life.Log == uuid.Nil || life.Incarnation == uuid.Nil || life.Log == life.Incarnation {
		t.Errorf("the log is %s and its incarnation %s, want two ids", life.Log, life.Incarnation)
	}
	for range 10 {
		t.record(event("order-1", "Placed"))
		if head := t.head(); head != life.At(head.Position) {
			t.Errorf("the log was %v and has become %v", life, head)
		}
	}
}

func checkTwoLogs(t *trial) {
	other := newTrial(t.TB, t.subject, patience)
	other.use(t.subject.Open(t.TB))
	here, there := t.head(), other.head()
	if here.Log == there.Log || here.Incarnation == there.Incarnation {
		t.Errorf("two logs are %v and %v", here, there)
	}
	e := event("order-1", "Placed")
	t.record(e)
	if receipt := other.record(e); receipt.Repeated || receipt.Position != 1 {
		t.Errorf("an event of one log, recorded in another: %s", answer(receipt, nil))
	}
}

func checkPointsCarryLife(t *trial) {
	life := t.head()
	first := event("order-1", "Placed")
	for what, point := range map[string]daybook.Point{
		"a receipt":                  t.record(first).Point,
		"the receipt of a repeat":    t.record(first).Point,
		"the receipt of no events":   t.record().Point,
		"a snapshot":                 t.reading(daybook.All(), daybook.Span{}).Snapshot(),
		"a snapshot of nothing":      t.reading(tagged("nobody"), daybook.Span{Before: 1}).Snapshot(),
		"the condition of a reading": t.reading(tagged("nobody"), daybook.Span{}).Condition()[0].After,
		"a conflict":                 t.conflict(daybook.New("order-1")).At,
	} {
		if point.Log != life.Log || point.Incarnation != life.Incarnation {
			t.Errorf("%s is of %v, and the log of %v", what, point, life)
		}
	}
}

func checkInfo(t *trial) {
	for n := range 5 {
		info := t.info()
		if info.Head.Position != daybook.Position(n) {
			t.Errorf("after %d events the head is %d", n, info.Head.Position)
		}
		if info.Durability < daybook.Memory || info.Durability > daybook.Quorum || info.Stride == 0 || info.Limits.AppendEvents <= 0 || info.Limits.AppendBytes <= 0 {
			t.Errorf("the store states %+v", info)
		}
		t.record(event("order-1", "Placed"))
	}
}

func checkNewIncarnation(t *trial) {
	t.shelf()
	before, life := t.all(), t.head()
	t.begin()
	head := t.head()
	if head.Log != life.Log || head.Incarnation == life.Incarnation || head.Position != life.Position {
		t.Errorf("the log was %v, and in its new incarnation is %v", life, head)
	}
	t.same("in a new incarnation", t.all(), before)
	if receipt := t.record(before[0].Event); !receipt.Repeated || receipt.Point != head.At(1) {
		t.Errorf("the repeat of an event of an earlier incarnation: %s at %v", answer(receipt, nil), receipt.Point)
	}
}

// begin begins a new incarnation.
func (t *trial) begin() {
	t.Helper()
	t.open = false
	t.use(t.subject.NewIncarnation(t.TB, t.store))
}

func checkOldCondition(t *trial) {
	t.record(event("order-1", "Placed", "x"))
	cond := t.reading(tagged("x"), daybook.Span{}).Condition()
	t.append(cond)
	t.begin()
	t.failures(t.conflict(cond, event("order-1", "Paid")), failed(cond, 0))
	t.append(t.reading(tagged("x"), daybook.Span{}).Condition(), event("order-1", "Paid"))
}

func checkOldCheckpoint(t *trial) {
	checkpoint := t.record(event("order-1", "Placed", "x")).Point
	t.begin()
	_, _, err := t.followUntil(daybook.All(), checkpoint, func(daybook.Point) bool { return true })
	var life *daybook.LifeError
	if !errors.As(err, &life) {
		t.Errorf("following from a checkpoint of an earlier incarnation: %v, want a LifeError", err)
	}
}
