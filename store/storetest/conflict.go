package storetest

import (
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What a condition guards, and what a conflict says.
var conflictPromises = []promise{
	{sentence: "the zero condition always holds", check: checkZeroCondition},
	{sentence: "a condition on the version of a stream holds at this version and at no other", check: checkStreamAt},
	{sentence: "a stream without events is at version zero", check: checkStreamAtZero},
	{sentence: "a condition that a stream is new holds while it has no events", check: checkStreamNew},
	{sentence: "a condition that a stream exists holds while it has events", check: checkStreamExists},
	{sentence: "a condition on a query fails for every event that it selects after its point", check: checkNothingSelected},
	{sentence: "an event that a condition's query does not select is no conflict", check: checkUnselectedIsNoConflict},
	{sentence: "an event at or before a condition's point is no conflict", check: checkPastIsNoConflict},
	{sentence: "a condition on a query from the zero point guards from the beginning", check: checkGuardFromBeginning},
	{sentence: "a condition may be about streams and tags that the append does not write", check: checkUnwrittenIsGuarded},
	{sentence: "a condition is not about the events of its own append", check: checkOwnEventsAreNoConflict},
	{sentence: "all clauses of a condition must hold", check: checkAllClauses},
	{sentence: "each clause on a query guards from a point of its own", check: checkOwnPoints},
	{sentence: "the conditions of several readings combine", check: checkReadingsCombine},
	{sentence: "an append whose condition does not hold records nothing", check: checkConflictRecordsNothing},
	{sentence: "a conflict names every clause that failed, in the order of the condition", check: checkConflictNamesClauses},
	{sentence: "a conflict gives for each clause the position of the newest event that failed it", check: checkConflictPositions},
	{sentence: "a clause that no event failed is named with position zero", check: checkConflictWithoutEvent},
	{sentence: "a conflict states the point at which the condition was checked", check: checkConflictPoint},
	{sentence: "a condition read in another log or incarnation is a conflict", check: checkForeignConditionIsConflict},
	{sentence: "the condition of a reading holds until something that it selects is recorded", check: checkReadingCondition},
	{sentence: "the condition of a reading is the same however far one iterates", check: checkConditionAfterBreak},
	{sentence: "the condition of a reading with a limit or an upper bound is invalid", check: checkPartialCondition},
	{sentence: "the condition of a backward reading or one with a lower bound is valid", check: checkWholeConditions},
	{sentence: "a clause on the zero query is invalid", check: checkZeroQueryClause},
	{sentence: "a clause that can never be checked is invalid", check: checkInvalidClauses},
	{sentence: "an append without events checks its condition", check: checkEmptyChecks},
	{sentence: "a condition forgets nothing, however many appends came between", check: checkManyRounds},
}

func checkZeroCondition(t *trial) {
	t.append(nil, event("order-1", "Placed"))
	t.append(daybook.Condition{}, event("order-1", "Paid"))
	t.append(nil)
	if n := len(t.all()); n != 2 {
		t.Errorf("%d events are recorded, want 2", n)
	}
}

func checkStreamAt(t *trial) {
	t.append(daybook.At("order-1", 0), event("order-1", "Placed"))
	t.append(daybook.At("order-1", 1), events(2, "order-1", "Paid")...)
	for _, wrong := range []daybook.Version{0, 1, 2, 4, 1 << 40} {
		t.conflict(daybook.At("order-1", wrong), event("order-1", "Shipped"))
	}
	if v := t.append(daybook.At("order-1", 3), event("order-1", "Shipped")).Versions["order-1"]; v != 4 {
		t.Errorf("the stream is at version %d, want 4", v)
	}
}

func checkStreamAtZero(t *trial) {
	t.record(event("order-2", "Placed"))
	t.append(daybook.At("order-1", 0), event("order-1", "Placed"))
	t.conflict(daybook.At("order-1", 0), event("order-1", "Placed"))
}

func checkStreamNew(t *trial) {
	t.record(event("order-2", "Placed"), event("order", "Placed"), event("order-11", "Placed"), event("", "order-1", "order-1"))
	t.append(daybook.New("order-1"), event("order-1", "Placed"))
	t.conflict(daybook.New("order-1"), event("order-1", "Paid"))
	t.conflict(daybook.New("order-1"), event("order-3", "Placed"))
}

func checkStreamExists(t *trial) {
	t.record(event("order-2", "Placed"), event("", "order-1", "order-1"))
	t.conflict(daybook.Exists("order-1"), event("order-1", "Paid"))
	t.append(nil, event("order-1", "Placed"))
	t.append(daybook.Exists("order-1"), event("order-1", "Paid"))
	t.append(daybook.Exists("order-2"), event("order-1", "Shipped"))
}

// queriesFor are queries of every kind that select the event.
func queriesFor(e daybook.Event) map[string]daybook.Query {
	return map[string]daybook.Query{
		"everything": daybook.All(),
		"its id":     identified(e.ID),
		"its stream": daybook.Stream(e.Stream),
		"category":   {{Categories: []string{e.Category()}}},
		"its type":   typed(e.Type),
		"a tag":      tagged(e.Tags[0]),
		"all tags":   tagged(e.Tags...),
		"any of":     {{Streams: []string{"nobody-1", e.Stream}, Types: []string{"Never", e.Type}}},
		"all fields": {{IDs: []uuid.UUID{e.ID}, Streams: []string{e.Stream}, Categories: []string{e.Category()}, Types: []string{e.Type}, Tags: e.Tags}},
		"items":      {{Tags: []string{"nobody"}}, {Types: []string{e.Type}}},
	}
}

func checkNothingSelected(t *trial) {
	e := event("order-1", "Placed", "book:1984", "reader:ada")
	before := t.head()
	for what, q := range queriesFor(e) {
		if _, err := t.store.Append(t.ctx, nil, daybook.Nothing(q, before)); err != nil {
			t.Errorf("before anything was recorded, nothing selected by %s does not hold: %v", what, err)
		}
	}
	position := t.record(e).Position
	t.record(event("other-1", "Other", "other"))
	for what, q := range queriesFor(e) {
		conflict := t.conflict(daybook.Nothing(q, before), event("other-2", "Other"))
		if what != "everything" && conflict.Position() != position {
			t.Errorf("the conflict of %s names position %d, want %d", what, conflict.Position(), position)
		}
	}
}

func checkUnselectedIsNoConflict(t *trial) {
	before := t.head()
	e := event("order-1", "Placed", "book:1984", "reader:ada")
	t.record(e)
	for what, q := range map[string]daybook.Query{
		"another id":                   identified(uuid.New()),
		"another stream":               daybook.Stream("order-2"),
		"a stream of that prefix":      daybook.Stream("order"),
		"another category":             {{Categories: []string{"orders"}}},
		"the stream as a category":     {{Categories: []string{"order-1"}}},
		"another type":                 typed("Paid"),
		"another tag":                  tagged("book:1985"),
		"the type as a tag":            tagged("Placed"),
		"the tag as a type":            typed("book:1984"),
		"one tag more":                 tagged("book:1984", "reader:ada", "shelf:3"),
		"its stream with another type": {{Streams: []string{"order-1"}, Types: []string{"Paid"}}},
		"its type with another tag":    {{Types: []string{"Placed"}, Tags: []string{"book:1985"}}},
		"its id with another stream":   {{IDs: []uuid.UUID{e.ID}, Streams: []string{"order-2"}}},
		"several items, none of them":  {{Types: []string{"Paid"}}, {Tags: []string{"shelf:3"}}},
	} {
		if _, err := t.store.Append(t.ctx, []daybook.Event{event("unrelated", "Unrelated")}, daybook.Nothing(q, before)); err != nil {
			t.Errorf("nothing selected by %s does not hold: %v", what, err)
		}
	}
}

func checkPastIsNoConflict(t *trial) {
	var points []daybook.Point
	for range 5 {
		points = append(points, t.record(event("order-1", "Placed", "x")).Point)
	}
	for i, point := range points {
		cond := daybook.Nothing(tagged("x"), point)
		if i == len(points)-1 {
			t.append(cond)
			continue
		}
		if got := t.conflict(cond).Position(); got != 5 {
			t.Errorf("after position %d the conflict names position %d, want 5", point.Position, got)
		}
	}
}

func checkGuardFromBeginning(t *trial) {
	t.append(daybook.Nothing(tagged("x"), daybook.Point{}), event("", "E", "x"))
	t.conflict(daybook.Nothing(tagged("x"), daybook.Point{}), event("", "E", "x"))
	t.append(daybook.Nothing(tagged("y"), daybook.Point{}), event("", "E", "y"))
}

func checkUnwrittenIsGuarded(t *trial) {
	before := t.record(event("book-1984", "Acquired", "book:1984")).Point
	guards := []daybook.Condition{daybook.At("book-1984", 1), daybook.New("reader-ada"), daybook.Nothing(tagged("book:1984"), before), daybook.Nothing(daybook.Stream("book-1984"), before)}
	t.append(and(guards...), event("loan-1", "Lent"))
	t.append(daybook.Exists("book-1984"), event("loan-1", "Extended"))
	t.conflict(daybook.Exists("reader-ada"), event("loan-2", "Lent"))
	t.record(event("book-1984", "Lost", "book:1984"), event("reader-ada", "Joined"))
	for _, guard := range guards {
		t.conflict(guard, event("loan-2", "Lent"))
	}
	if n := len(t.read(daybook.Stream("loan-2"), daybook.Span{})); n != 0 {
		t.Errorf("%d events of conflicts are recorded", n)
	}
}

func checkOwnEventsAreNoConflict(t *trial) {
	before := t.head()
	batch := events(3, "order-1", "Placed", "x")
	t.append(and(daybook.New("order-1"), daybook.At("order-1", 0), daybook.Nothing(tagged("x"), before), daybook.Nothing(daybook.All(), before)), batch...)
	if n := len(t.all()); n != 3 {
		t.Errorf("%d events are recorded, want 3", n)
	}
}

func checkAllClauses(t *trial) {
	before := t.record(event("order-1", "Placed", "x")).Point
	holding := []daybook.Condition{daybook.At("order-1", 1), daybook.New("order-2"), daybook.Exists("order-1"), daybook.Nothing(tagged("x"), before), daybook.Nothing(typed("Paid"), daybook.Point{})}
	failing := []daybook.Condition{daybook.At("order-1", 2), daybook.New("order-1"), daybook.Exists("order-2"), daybook.Nothing(tagged("x"), daybook.Point{}), daybook.Nothing(typed("Placed"), daybook.Point{})}
	t.append(and(holding...))
	for i, fails := range failing {
		for place := range len(holding) + 1 {
			conditions := append(append(append([]daybook.Condition{}, holding[:place]...), fails), holding[place:]...)
			conflict := t.conflict(and(conditions...), event("order-3", "Placed"))
			if len(conflict.Failures) != 1 || conflict.Failures[0].Clause.Kind != fails[0].Kind {
				t.Errorf("clause %d at place %d: the conflict is %v, want it to name that clause alone", i, place, conflict)
			}
		}
	}
}

func checkOwnPoints(t *trial) {
	start := t.head()
	x := t.record(event("", "E", "x")).Point
	y := t.record(event("", "E", "y")).Point
	t.append(and(daybook.Nothing(tagged("x"), x), daybook.Nothing(tagged("y"), y)))
	t.failures(t.conflict(and(daybook.Nothing(tagged("x"), x), daybook.Nothing(tagged("y"), x))), failed(daybook.Nothing(tagged("y"), x), y.Position))
	t.failures(t.conflict(and(daybook.Nothing(tagged("x"), start), daybook.Nothing(tagged("y"), y))), failed(daybook.Nothing(tagged("x"), start), x.Position))
}

func checkReadingsCombine(t *trial) {
	t.record(event("", "E", "x"), event("", "E", "y"))
	x := t.reading(tagged("x"), daybook.Span{}).Condition()
	y := t.reading(tagged("y"), daybook.Span{}).Condition()
	t.append(append(x, y...), event("", "E", "z"))
	position := t.record(event("", "E", "y")).Position
	conflict := t.conflict(append(x, y...), event("", "E", "z"))
	t.failures(conflict, failed(y, position))
}

func checkConflictRecordsNothing(t *trial) {
	before := t.record(event("order-1", "Placed", "x")).Point
	t.record(event("order-1", "Paid", "x"))
	recorded := t.all()
	for _, cond := range []daybook.Condition{daybook.At("order-1", 1), daybook.New("order-1"), daybook.Exists("order-2"), daybook.Nothing(tagged("x"), before)} {
		t.conflict(cond, event("order-1", "Shipped", "x"), event("order-2", "Placed", "x"))
		t.same("after a conflict", t.all(), recorded)
	}
	// The events are as good as new: without the condition they are recorded.
	e := event("order-1", "Shipped")
	t.conflict(daybook.New("order-1"), e)
	if receipt := t.record(e); receipt.Repeated || receipt.Position != 3 {
		t.Errorf("after a conflict the event is recorded at position %d (repeated: %t), want 3", receipt.Position, receipt.Repeated)
	}
}

func checkConflictNamesClauses(t *trial) {
	start := t.head()
	t.record(event("order-1", "Placed", "x"))
	t.record(event("order-2", "Placed", "y"))
	cond := and(
		daybook.Nothing(tagged("y"), start),
		daybook.At("order-1", 1), // holds
		daybook.New("order-1"),
		daybook.Exists("order-3"),
		daybook.Nothing(tagged("z"), start), // holds
		daybook.At("order-2", 0),
		daybook.Nothing(tagged("x"), start),
	)
	t.failures(t.conflict(cond, event("order-3", "Placed")),
		failed(cond[0:1], 2), failed(cond[2:3], 1), failed(cond[3:4], 0), failed(cond[5:6], 2), failed(cond[6:7], 1))
}

func checkConflictPositions(t *trial) {
	start := t.head()
	t.record(event("order-1", "Placed", "x"), event("order-1", "Paid", "x"), event("order-2", "Placed"))
	t.record(event("order-1", "Shipped"), event("order-2", "Paid"))
	t.failures(t.conflict(daybook.At("order-1", 1)), failed(daybook.At("order-1", 1), 4))
	t.failures(t.conflict(daybook.New("order-2")), failed(daybook.New("order-2"), 5))
	t.failures(t.conflict(daybook.Nothing(tagged("x"), start)), failed(daybook.Nothing(tagged("x"), start), 2))
	any := daybook.Query{{Tags: []string{"x"}}, {Types: []string{"Shipped"}}}
	t.failures(t.conflict(daybook.Nothing(any, start)), failed(daybook.Nothing(any, start), 4))
	if got := t.conflict(and(daybook.Nothing(tagged("x"), start), daybook.New("order-2"))).Position(); got != 5 {
		t.Errorf("the conflict as a whole names position %d, want 5", got)
	}
}

func checkConflictWithoutEvent(t *trial) {
	t.record(event("order-2", "Placed"))
	t.failures(t.conflict(daybook.Exists("order-1")), failed(daybook.Exists("order-1"), 0))
	t.failures(t.conflict(daybook.At("order-1", 3)), failed(daybook.At("order-1", 3), 0))
}

func checkConflictPoint(t *trial) {
	t.record(event("order-1", "Placed"))
	t.record(events(2, "order-2", "Placed")...)
	if at, want := t.conflict(daybook.New("order-1")).At, t.head().At(3); at != want {
		t.Errorf("the conflict was found at %v, want %v", at, want)
	}
}

func checkForeignConditionIsConflict(t *trial) {
	here := t.record(event("order-1", "Placed", "x")).Point
	otherLog, otherIncarnation := here, here
	otherLog.Log = uuid.New()
	otherIncarnation.Incarnation = uuid.New()
	for what, point := range map[string]daybook.Point{"another log": otherLog, "another incarnation": otherIncarnation, "the beginning of another incarnation": otherIncarnation.At(0)} {
		cond := daybook.Nothing(tagged("nobody"), point)
		conflict := t.conflict(cond, event("order-2", "Placed"))
		if len(conflict.Failures) != 1 || conflict.Failures[0].Position != 0 {
			t.Errorf("the condition of %s fails with %v, want one failure without a position", what, conflict.Failures)
		}
		t.conflict(cond)
	}
	t.append(daybook.Nothing(tagged("nobody"), here), event("order-2", "Placed"))
}

func checkReadingCondition(t *trial) {
	t.record(event("order-1", "Placed", "x"))
	reading := t.reading(tagged("x"), daybook.Span{})
	t.record(event("order-2", "Placed", "y"))
	t.append(reading.Condition(), event("order-1", "Paid", "y"))
	t.append(reading.Condition(), event("order-1", "Shipped", "x"))
	t.conflict(reading.Condition(), event("order-1", "Closed", "x"))

	empty := t.reading(tagged("nobody yet"), daybook.Span{})
	t.append(empty.Condition(), event("", "E", "nobody yet"))
	t.conflict(empty.Condition(), event("", "E", "nobody yet"))
}

func checkConditionAfterBreak(t *trial) {
	t.record(events(5, "order-1", "Placed", "x")...)
	never := t.reading(tagged("x"), daybook.Span{})
	early := t.reading(tagged("x"), daybook.Span{})
	for _, err := range early.Events() {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	whole := t.reading(tagged("x"), daybook.Span{})
	t.events(whole)
	for what, reading := range map[string]daybook.Reading{"never ranged over": never, "left early": early, "read whole": whole} {
		cond := reading.Condition()
		if len(cond) != 1 || cond[0].After != t.head() {
			t.Errorf("the condition of a reading %s guards from %+v, want %v", what, cond, t.head())
		}
		t.append(cond)
	}
	t.record(event("order-1", "Paid", "x"))
	for _, reading := range []daybook.Reading{never, early, whole} {
		t.conflict(reading.Condition())
	}
}

func checkPartialCondition(t *trial) {
	receipt := t.record(events(3, "order-1", "Placed")...)
	for what, span := range map[string]daybook.Span{
		"limit":                  {Limit: 2},
		"limit above the count":  {Limit: 100},
		"position before":        {Before: 3},
		"position in the future": {Before: 100},
		"version before":         {BeforeVersion: 2},
		"known at":               {KnownAt: receipt.RecordedAt},
	} {
		reading := t.reading(daybook.Stream("order-1"), span)
		t.invalid("the condition of a reading with a "+what, reading.Condition(), event("order-1", "Paid"))
		t.invalid("the condition of a reading with a "+what+", and no events", reading.Condition())
		t.invalid("a whole and a partial condition", and(daybook.At("order-1", 3), reading.Condition()), event("order-1", "Paid"))
	}
	if n := len(t.all()); n != 3 {
		t.Errorf("%d events are recorded, want 3", n)
	}
}

func checkWholeConditions(t *trial) {
	t.record(events(3, "order-1", "Placed")...)
	for _, span := range []daybook.Span{{}, {Backward: true}, {After: 2}, {After: 3}, {AfterVersion: 1}, {AfterVersion: 1, Backward: true}} {
		cond := t.reading(daybook.Stream("order-1"), span).Condition()
		if _, err := t.store.Append(t.ctx, nil, cond); err != nil {
			t.Errorf("the condition of the reading %+v: %v", span, err)
		}
	}
}

func checkZeroQueryClause(t *trial) {
	t.invalid("a clause on the zero query", daybook.Nothing(nil, daybook.Point{}), event("order-1", "Placed"))
	t.invalid("a clause on the zero query, and no events", daybook.Nothing(daybook.Query{}, t.head()))
	t.invalid("the condition of a reading of the zero query", t.reading(nil, daybook.Span{}).Condition(), event("order-1", "Placed"))
}

func checkInvalidClauses(t *trial) {
	head := t.record(event("order-1", "Placed")).Point
	for what, cond := range map[string]daybook.Condition{
		"a clause about no stream":                  daybook.New(""),
		"a clause about a name no stream has":       daybook.At("order\n1", 1),
		"a clause about a stream that is not UTF-8": daybook.Exists("order-\xff"),
		"an item that names nothing":                daybook.Nothing(daybook.Query{{}}, head),
		"one item of two that names nothing":        daybook.Nothing(daybook.Query{{Types: []string{"Paid"}}, {}}, head),
		"a tag that no event has":                   daybook.Nothing(tagged(""), head),
		"a position without its log":                daybook.Nothing(typed("Paid"), daybook.Point{Position: 1}),
		"a kind of clause that there is not":        {{Kind: 99, Stream: "order-1"}},
		"the zero clause":                           {{}},
	} {
		t.invalid(what, cond, event("order-2", "Placed"))
		t.invalid(what+", and no events", cond)
		t.invalid("a clause that holds and "+what, and(daybook.At("order-1", 1), cond), event("order-2", "Placed"))
	}
}

func checkEmptyChecks(t *trial) {
	before := t.record(event("order-1", "Placed", "x")).Point
	t.append(and(daybook.At("order-1", 1), daybook.Nothing(tagged("x"), before), daybook.New("order-2")))
	position := t.record(event("order-1", "Paid", "x")).Position
	for _, cond := range []daybook.Condition{daybook.At("order-1", 1), daybook.New("order-1"), daybook.Nothing(tagged("x"), before)} {
		t.failures(t.conflict(cond), failed(cond, position))
	}
}

// checkManyRounds moves several boundaries on, each guarded from its last point,
// so that a store that keeps only what is recent, or confuses two boundaries, errs.
func checkManyRounds(t *trial) {
	boundaries := []string{"a", "b", "c", "d", "e"}
	points := make(map[string]daybook.Point)
	start := t.head()
	old := t.record(event("old-1", "E", "old")).Position
	for round := range 60 {
		tag := boundaries[round*round%len(boundaries)]
		stale := points[tag]
		receipt := t.append(daybook.Nothing(tagged(tag), points[tag]), event("s-"+tag, "E", tag))
		points[tag] = receipt.Point
		if got := t.conflict(daybook.Nothing(tagged(tag), stale)).Position(); got != receipt.Position {
			t.Fatalf("round %d: the conflict names position %d, want %d", round, got, receipt.Position)
		}
		for _, other := range boundaries {
			if _, err := t.store.Append(t.ctx, nil, daybook.Nothing(tagged(other), points[other])); err != nil {
				t.Fatalf("round %d: nothing tagged %s was recorded since position %d: %v", round, other, points[other].Position, err)
			}
		}
	}
	for _, cond := range []daybook.Condition{daybook.Nothing(tagged("old"), start), daybook.Nothing(daybook.Stream("old-1"), daybook.Point{}), daybook.New("old-1"), daybook.At("old-1", 0)} {
		if got := t.conflict(cond).Position(); got != old {
			t.Errorf("in the end the conflict of %v names position %d, want %d", cond[0], got, old)
		}
	}
}
