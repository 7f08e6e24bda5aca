package storetest

import (
	"fmt"
	"iter"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What a query selects, and what a reading is.
var readingPromises = []promise{
	{sentence: "a query selects by ids, streams, categories, types and tags", check: checkQueryFields},
	{sentence: "an item selects what satisfies all of its fields", check: checkFieldsAreAnded},
	{sentence: "any of several ids, streams, categories or types satisfies, and all of several tags must", check: checkAnyAndAll},
	{sentence: "a query selects what any of its items selects, each event once and in order", check: checkItemsAreOred},
	{sentence: "the query of everything selects every event", check: checkAll},
	{sentence: "the zero query selects nothing", check: checkZeroQuery},
	{sentence: "an item that names nothing is invalid", check: checkEmptyItem},
	{sentence: "a query that can never be asked is invalid", check: checkInvalidQuery},
	{sentence: "an empty log reads as nothing, up to position zero", check: checkEmptyLog},
	{sentence: "a reading holds what was recorded when it began and nothing recorded later", check: checkSnapshotIsFixed},
	{sentence: "the snapshot of a reading is the head at which it began, also when nothing was selected", check: checkSnapshot},
	{sentence: "a reading may be ranged over again and yields the same", check: checkRangeAgain},
	{sentence: "a reading may be left early", check: checkLeaveEarly},
	{sentence: "several ranges over one reading do not disturb each other", check: checkNestedRanges},
	{sentence: "a long reading is read whole", check: checkLongReading},
	{sentence: "a borrowed reading yields the same as an owned one", check: checkBorrowed},
}

// shelf records events of several kinds and returns them.
func (t *trial) shelf() []daybook.Recorded {
	t.Helper()
	return t.each(
		event("order-1", "Placed", "customer:ada", "book:1984"),
		event("order-2", "Placed", "customer:bob", "book:1984"),
		event("order-1", "Paid", "customer:ada"),
		event("", "Noted", "book:1984"),
		event("refund-1", "Paid", "customer:ada", "book:1984", "reason:torn"),
		event("order-2", "Shipped"),
		event("refund-1", "Closed"),
	)
}

func checkQueryFields(t *trial) {
	all := t.shelf()
	for what, c := range map[string]struct {
		item daybook.Item
		want []int
	}{
		"id":                      {daybook.Item{IDs: []uuid.UUID{all[3].ID}}, []int{3}},
		"an id that there is not": {daybook.Item{IDs: []uuid.UUID{uuid.New()}}, nil},
		"stream":                  {daybook.Item{Streams: []string{"order-1"}}, []int{0, 2}},
		"category":                {daybook.Item{Categories: []string{"order"}}, []int{0, 1, 2, 5}},
		"type":                    {daybook.Item{Types: []string{"Paid"}}, []int{2, 4}},
		"tag":                     {daybook.Item{Tags: []string{"book:1984"}}, []int{0, 1, 3, 4}},
		"a stream that is not":    {daybook.Item{Streams: []string{"order-3"}}, nil},
		"a tag that is not":       {daybook.Item{Tags: []string{"book"}}, nil},
	} {
		t.selects(what, daybook.Query{c.item}, all, c.want)
	}
}

// selects reads a query and compares what it selects, by index into all.
func (t *trial) selects(what string, q daybook.Query, all []daybook.Recorded, want []int) {
	t.Helper()
	got := t.read(q, daybook.Span{})
	var indices []int
	for _, e := range got {
		indices = append(indices, int(e.Position-all[0].Position))
	}
	if fmt.Sprint(indices) != fmt.Sprint(want) {
		t.Errorf("%s selects events %v, want %v", what, indices, want)
	}
	backward := t.read(q, daybook.Span{Backward: true})
	for i := range backward {
		if len(backward) != len(got) || backward[i].ID != got[len(got)-1-i].ID {
			t.Errorf("%s selects %s backward, and %s forward", what, recordedList(backward), recordedList(got))
			break
		}
	}
}

func checkFieldsAreAnded(t *trial) {
	all := t.shelf()
	for what, c := range map[string]struct {
		item daybook.Item
		want []int
	}{
		"stream and type":           {daybook.Item{Streams: []string{"order-1"}, Types: []string{"Paid"}}, []int{2}},
		"category and type":         {daybook.Item{Categories: []string{"order"}, Types: []string{"Placed"}}, []int{0, 1}},
		"type and tag":              {daybook.Item{Types: []string{"Paid"}, Tags: []string{"customer:ada"}}, []int{2, 4}},
		"stream and its category":   {daybook.Item{Streams: []string{"refund-1"}, Categories: []string{"refund"}}, []int{4, 6}},
		"stream and other category": {daybook.Item{Streams: []string{"refund-1"}, Categories: []string{"order"}}, nil},
		"id and its stream":         {daybook.Item{IDs: []uuid.UUID{all[2].ID}, Streams: []string{"order-1"}}, []int{2}},
		"id and another type":       {daybook.Item{IDs: []uuid.UUID{all[2].ID}, Types: []string{"Placed"}}, nil},
		"id and a tag":              {daybook.Item{IDs: []uuid.UUID{all[2].ID, all[5].ID}, Tags: []string{"customer:ada"}}, []int{2}},
		"all five":                  {daybook.Item{IDs: []uuid.UUID{all[4].ID, all[0].ID}, Streams: []string{"refund-1"}, Categories: []string{"refund"}, Types: []string{"Paid"}, Tags: []string{"reason:torn", "book:1984"}}, []int{4}},
	} {
		t.selects(what, daybook.Query{c.item}, all, c.want)
	}
}

func checkAnyAndAll(t *trial) {
	all := t.shelf()
	for what, c := range map[string]struct {
		item daybook.Item
		want []int
	}{
		"two ids":                      {daybook.Item{IDs: []uuid.UUID{all[5].ID, uuid.New(), all[1].ID}}, []int{1, 5}},
		"one id twice":                 {daybook.Item{IDs: []uuid.UUID{all[5].ID, all[5].ID}}, []int{5}},
		"two streams":                  {daybook.Item{Streams: []string{"refund-1", "nobody", "order-1"}}, []int{0, 2, 4, 6}},
		"two categories":               {daybook.Item{Categories: []string{"refund", "order"}}, []int{0, 1, 2, 4, 5, 6}},
		"two types":                    {daybook.Item{Types: []string{"Shipped", "Placed"}}, []int{0, 1, 5}},
		"two tags":                     {daybook.Item{Tags: []string{"customer:ada", "book:1984"}}, []int{0, 4}},
		"two tags, the other way":      {daybook.Item{Tags: []string{"book:1984", "customer:ada"}}, []int{0, 4}},
		"one tag twice":                {daybook.Item{Tags: []string{"book:1984", "book:1984"}}, []int{0, 1, 3, 4}},
		"three tags":                   {daybook.Item{Tags: []string{"reason:torn", "book:1984", "customer:ada"}}, []int{4}},
		"two tags that never met":      {daybook.Item{Tags: []string{"customer:ada", "customer:bob"}}, nil},
		"any of types and all of tags": {daybook.Item{Types: []string{"Placed", "Noted"}, Tags: []string{"book:1984"}}, []int{0, 1, 3}},
	} {
		t.selects(what, daybook.Query{c.item}, all, c.want)
	}
}

func checkItemsAreOred(t *trial) {
	all := t.shelf()
	for what, c := range map[string]struct {
		q    daybook.Query
		want []int
	}{
		"two items apart":                   {daybook.Query{{Types: []string{"Shipped"}}, {Streams: []string{"order-1"}}}, []int{0, 2, 5}},
		"two items that overlap":            {daybook.Query{{Tags: []string{"book:1984"}}, {Types: []string{"Placed"}}, {Categories: []string{"order"}}}, []int{0, 1, 2, 3, 4, 5}},
		"the same item twice":               {daybook.Query{{Types: []string{"Paid"}}, {Types: []string{"Paid"}}}, []int{2, 4}},
		"one item selects none":             {daybook.Query{{Types: []string{"Never"}}, {IDs: []uuid.UUID{all[6].ID}}}, []int{6}},
		"everything and one more":           {append(daybook.All(), daybook.Item{Types: []string{"Paid"}}), []int{0, 1, 2, 3, 4, 5, 6}},
		"fields of two items are not mixed": {daybook.Query{{Streams: []string{"order-1"}, Types: []string{"Shipped"}}, {Streams: []string{"order-2"}, Types: []string{"Paid"}}}, nil},
	} {
		t.selects(what, c.q, all, c.want)
	}
}

func checkAll(t *trial) {
	t.shelf()
	if got := t.all(); len(got) != 7 {
		t.Errorf("everything is %s, want 7", recordedList(got))
	}
}

func checkZeroQuery(t *trial) {
	t.shelf()
	for what, q := range map[string]daybook.Query{"nil": nil, "empty": {}} {
		reading := t.reading(q, daybook.Span{})
		if got := t.events(reading); len(got) != 0 {
			t.Errorf("the %s query selects %s", what, recordedList(got))
		}
		if reading.Snapshot() != t.head() {
			t.Errorf("the %s query was read up to %v, want the head", what, reading.Snapshot())
		}
	}
}

// invalidRead reads, which must be invalid, and so must waiting be if the query is
// what is wrong.
func (t *trial) invalidRead(what string, q daybook.Query, span daybook.Span) {
	t.Helper()
	if _, err := t.store.Read(t.ctx, q, span); kind(err) != "invalid" {
		t.Errorf("reading %s answers %v, want it to be invalid", what, err)
	}
	if q.Validate() == nil {
		return
	}
	if _, err := t.store.Wait(t.ctx, q, 0); kind(err) != "invalid" {
		t.Errorf("waiting for %s answers %v, want it to be invalid", what, err)
	}
}

func checkEmptyItem(t *trial) {
	t.shelf()
	t.invalidRead("an item that names nothing", daybook.Query{{}}, daybook.Span{})
	t.invalidRead("an item of empty lists", daybook.Query{{Types: []string{}, Tags: []string{}}}, daybook.Span{})
	t.invalidRead("an item that names nothing, after another", daybook.Query{{Types: []string{"Paid"}}, {}}, daybook.Span{})
	t.invalidRead("an item that names nothing, after everything", append(daybook.All(), daybook.Item{}), daybook.Span{})
}

func checkInvalidQuery(t *trial) {
	t.shelf()
	for what, q := range map[string]daybook.Query{
		"an empty type":        typed(""),
		"an empty stream":      daybook.Stream(""),
		"an empty tag":         tagged("x", ""),
		"text that is no name": tagged("a\x00b"),
		"no UTF-8":             typed("\xff"),
		"a long name":          daybook.Stream(string(make([]byte, 513))),
	} {
		t.invalidRead(what, q, daybook.Span{})
	}
}

func checkEmptyLog(t *trial) {
	for _, q := range []daybook.Query{daybook.All(), tagged("x"), daybook.Stream("order-1"), identified(uuid.New()), nil} {
		for _, span := range []daybook.Span{{}, {Backward: true}, {Limit: 1}, {Before: 10}} {
			reading := t.reading(q, span)
			if got := t.events(reading); len(got) != 0 {
				t.Errorf("%s of an empty log is %s", describe(q, span), recordedList(got))
			}
			if reading.Snapshot() != t.head().At(0) {
				t.Errorf("%s of an empty log goes up to %v, want position 0", describe(q, span), reading.Snapshot())
			}
		}
	}
}

func checkSnapshotIsFixed(t *trial) {
	all := t.shelf()
	early := t.reading(tagged("book:1984"), daybook.Span{})
	backward := t.reading(daybook.All(), daybook.Span{Backward: true})
	ahead := t.reading(daybook.All(), daybook.Span{Before: 1000})
	untouched := t.reading(daybook.Stream("order-1"), daybook.Span{})
	nobody := t.reading(tagged("nobody yet"), daybook.Span{})

	var during []daybook.Recorded
	for e, err := range early.Events() {
		if err != nil {
			t.Fatal(err)
		}
		during = append(during, e)
		t.record(event("order-1", "Placed", "book:1984", "nobody yet"))
		if len(during) > len(all) {
			break
		}
	}
	t.want(during, all[0], all[1], all[3], all[4])
	t.want(t.events(early), all[0], all[1], all[3], all[4])
	t.want(t.events(untouched), all[0], all[2])
	t.want(t.events(backward), all[6], all[5], all[4], all[3], all[2], all[1], all[0])
	t.want(t.events(ahead), all...)
	t.want(t.events(nobody))
}

func checkSnapshot(t *trial) {
	t.shelf()
	for _, q := range []daybook.Query{daybook.All(), tagged("book:1984"), tagged("nobody"), daybook.Stream("order-1"), nil} {
		reading := t.reading(q, daybook.Span{})
		head := t.head()
		t.events(reading)
		t.record(event("order-9", "Placed"))
		if reading.Snapshot() != head {
			t.Errorf("the snapshot of %+v is %v, want the head at which it began, %v", q, reading.Snapshot(), head)
		}
	}
	if backward := t.reading(daybook.All(), daybook.Span{Backward: true}); backward.Snapshot() != t.head() {
		t.Errorf("the snapshot of a backward reading is %v, want the head", backward.Snapshot())
	}
	if after := t.reading(daybook.All(), daybook.Span{After: 3}); after.Snapshot() != t.head() {
		t.Errorf("the snapshot of a reading with a lower bound is %v, want the head", after.Snapshot())
	}
}

func checkRangeAgain(t *trial) {
	t.shelf()
	for _, span := range []daybook.Span{{}, {Backward: true}, {Limit: 2}, {After: 2, Before: 6}} {
		reading := t.reading(daybook.All(), span)
		first := t.events(reading)
		t.record(event("order-1", "Placed"))
		t.same("ranged over again", t.events(reading), first)
		t.same("ranged over a third time", t.events(reading), first)
	}
}

func checkLeaveEarly(t *trial) {
	all := t.shelf()
	reading := t.reading(daybook.All(), daybook.Span{})
	for leave := range len(all) {
		n := 0
		for e, err := range reading.Events() {
			if err != nil {
				t.Fatal(err)
			}
			if e.ID != all[n].ID {
				t.Fatalf("event %d is at position %d", n+1, e.Position)
			}
			if n++; n > leave {
				break
			}
		}
		if n != leave+1 {
			t.Errorf("leaving at event %d came to %d", leave+1, n)
		}
	}
	t.want(t.events(reading), all...)
	t.record(event("order-1", "Placed")) // and nothing is held up
}

func checkNestedRanges(t *trial) {
	all := t.shelf()
	reading := t.reading(daybook.All(), daybook.Span{})
	other := t.reading(tagged("book:1984"), daybook.Span{Backward: true})
	n := 0
	for outer, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		t.want(t.events(reading), all...)
		t.want(t.events(other), all[4], all[3], all[1], all[0])
		if outer.ID != all[n].ID {
			t.Fatalf("event %d of the outer range is at position %d", n+1, outer.Position)
		}
		n++
	}
	if n != len(all) {
		t.Errorf("the outer range had %d events, want %d", n, len(all))
	}

	next, stop := iter.Pull2(reading.Events())
	defer stop()
	first, err, ok := next()
	if err != nil || !ok || first.ID != all[0].ID {
		t.Errorf("pulled %v, %v", first.Position, err)
	}
	t.record(event("order-1", "Placed")) // a range that stands still holds nobody up
	second, err, ok := next()
	if err != nil || !ok || second.ID != all[1].ID {
		t.Errorf("pulled %v, %v", second.Position, err)
	}
}

func checkLongReading(t *trial) {
	const appends, each = 40, 250
	for i := range appends {
		batch := events(each, fmt.Sprintf("order-%d", i%7), "Placed", fmt.Sprintf("mod:%d", i%3))
		t.record(batch...)
	}
	t.record(event("order-0", "Last", "mod:0"))
	for _, backward := range []bool{false, true} {
		for what, c := range map[string]struct {
			q    daybook.Query
			want int
		}{"everything": {daybook.All(), appends*each + 1}, "a tag": {tagged("mod:0"), 14*each + 1}, "a stream": {daybook.Stream("order-0"), 6*each + 1}, "a category": {daybook.Query{{Categories: []string{"order"}}}, appends*each + 1}, "a rare type": {typed("Last"), 1}} {
			n, last := 0, daybook.Position(0)
			for e, err := range t.reading(c.q, daybook.Span{Backward: backward}).Events() {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n > 1 && (e.Position > last) == backward {
					t.Fatalf("%s: position %d comes after %d", what, e.Position, last)
				}
				last = e.Position
			}
			if n != c.want {
				t.Errorf("%s reads %d events, want %d", what, n, c.want)
			}
		}
	}
}

// checkBorrowed looks at each event of a borrowed reading while it may be looked at, and
// keeps copies alone.
func checkBorrowed(t *trial) {
	t.shelf()
	t.record(full(), event("日本-1", "🛒", "a b", "x"), daybook.Event{Type: "Bare"})
	for i := range 50 {
		t.record(events(20, fmt.Sprintf("order-%d", i%7), "Placed", "many", fmt.Sprintf("mod:%d", i%3))...)
	}
	for _, q := range []daybook.Query{daybook.All(), tagged("many"), daybook.Stream("order-3"), {{Types: []string{"Placed"}, Tags: []string{"mod:1"}}}, {{Categories: []string{"日本"}}}} {
		for _, span := range []daybook.Span{{}, {Backward: true}, {After: 5, Before: 300, Limit: 100}} {
			want := t.read(q, span)
			span.Borrowed = true
			reading := t.reading(q, span)
			for range 2 {
				n := 0
				for e, err := range reading.Events() {
					if err != nil {
						t.Fatal(err)
					}
					if n >= len(want) || e.Digest() != want[n].Digest() || e.ContentType != want[n].ContentType || e.Forgotten != want[n].Forgotten {
						t.Fatalf("%s: event %d is %+v", describe(q, span), n+1, e)
					}
					n++
				}
				if n != len(want) {
					t.Errorf("%s: %d events, and %d when owned", describe(q, span), n, len(want))
				}
			}
			if got := reading.Snapshot(); got != t.head() && span.Before == 0 {
				t.Errorf("%s: the snapshot is %v, want the head", describe(q, span), got)
			}
		}
	}
}
