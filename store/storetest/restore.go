package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What a store takes that another log has recorded. A store that is no
// [daybook.Restorer] need not.
var restorePromises = []promise{
	{sentence: "an empty log takes events with the ids, positions, versions and times that they have", check: checkRestore},
	{sentence: "a log keeps its identity and its incarnation when events are restored into it", check: checkRestoreIdentity},
	{sentence: "events that a log holds already are passed over when they are restored", check: checkRestoreAgain},
	{sentence: "a log that holds other events takes none", check: checkRestoreOther},
	{sentence: "what no log records is not restored, and the error names the position", check: checkRestoreInvalid},
	{sentence: "what does not go on from the log is not restored, and the error names the position", check: checkRestoreBehind},
	{sentence: "an append is restored whole or not at all", check: checkRestoreWhole},
	{sentence: "appends go on above the positions, versions and times that were restored", check: checkRestoreContinues},
	{sentence: "readings know the gaps of a restored log", check: checkRestoreGaps},
	{sentence: "ids that were restored are recorded, and stand next to each other over a gap", check: checkRestoreIDs},
	{sentence: "conditions hold or fail by what was restored", check: checkRestoreConditions},
	{sentence: "what was forgotten is forgotten where it is restored", check: checkRestoreForgotten},
	{sentence: "stubs are restored as stubs", check: checkRestoreStubs},
	{sentence: "waits and followers see what is restored", check: checkRestoreFollowed},
	{sentence: "a copy of a log is the log, and goes on with it", check: checkCopy},
	{sentence: "a log that is no prefix of another is no copy of it", check: checkCopyElsewhere},
	{sentence: "a restore into a closed store or in a context that has ended restores nothing", check: checkRestoreRefused},
	{sentence: "what was restored stays so when a store is opened again", check: checkReopenRestored, needs: reopening},
}

// restorer returns the store, if it takes events that were recorded elsewhere.
func (t *trial) restorer() daybook.Restorer {
	t.Helper()
	restorer, is := t.store.(daybook.Restorer)
	if !is {
		t.Skip("the store is no daybook.Restorer")
	}
	return restorer
}

// restore restores events, which must succeed.
func (t *trial) restore(events ...daybook.Recorded) {
	t.Helper()
	if err := t.restorer().Restore(t.ctx, events); err != nil {
		t.Fatalf("restore of %s: %v", recordedList(events), err)
	}
}

// notRestored restores events, which must be invalid at this position, and leave no trace
// at or behind it.
func (t *trial) notRestored(why string, at daybook.Position, events ...daybook.Recorded) {
	t.Helper()
	before := t.read(daybook.All(), daybook.Span{Forgotten: true})
	err := t.restorer().Restore(t.ctx, events)
	var invalid *daybook.InvalidError
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), fmt.Sprintf("at position %d", at)) {
		t.Errorf("restore with %s: %v, want it to be invalid at position %d", why, err, at)
	}
	after := t.read(daybook.All(), daybook.Span{Forgotten: true})
	if len(after) > len(before) && after[len(after)-1].Position >= at {
		t.Errorf("restore with %s left %s", why, recordedList(after))
	}
	if len(after) < len(before) {
		t.Fatalf("restore with %s left %s of %s", why, recordedList(after), recordedList(before))
	}
	t.same("after a restore with "+why, after[:len(before)], before)
}

// elsewhere returns what another log has recorded, in five appends: gaps between
// positions and between versions, times long ago and in a stranger's zone.
func elsewhere() []daybook.Recorded {
	at := time.Date(1999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	recorded := func(position daybook.Position, version daybook.Version, minute int, e daybook.Event) daybook.Recorded {
		if e.ContentType == "" {
			e.ContentType = daybook.JSON
		}
		return daybook.Recorded{Event: e, Position: position, Version: version, RecordedAt: at.Add(time.Duration(minute) * time.Minute)}
	}
	whole := full()
	whole.Stream = "order-1"
	return []daybook.Recorded{
		recorded(3, 1, 0, whole),
		recorded(4, 2, 0, event("order-1", "Paid", "x")),
		recorded(9, 0, 1, event("", "Noted", "x")),
		recorded(10, 1, 1, event("order-2", "Placed", "x", "y")),
		recorded(11, 5, 2, event("order-1", "Shipped")),
		recorded(1000, 6, 3, event("order-1", "Closed", "y")),
		recorded(1001, 2, 4, event("order-2", "Closed", "日本")),
	}
}

func checkRestore(t *trial) {
	log := elsewhere()
	t.restore(log...)
	got := t.all()
	t.same("restored", got, log)
	for i, e := range got {
		want := log[i]
		if e.Position != want.Position || e.Version != want.Version || !e.RecordedAt.Equal(want.RecordedAt) || e.RecordedAt.Location() != time.UTC || e.Forgotten {
			t.Errorf("event %d was %+v, and is restored as %+v", i+1, want, e)
		}
	}
	if head := t.head(); head.Position != 1001 {
		t.Errorf("the head of the restored log is %v, want position 1001", head)
	}
	// What was handed over is the caller's.
	log[0].Data[0], log[0].Tags[0] = '[', "changed"
	if again := t.all(); again[0].Digest() != got[0].Digest() || again[0].Tags[0] == "changed" {
		t.Errorf("an event changed with the bytes from which it was restored: %+v", again[0])
	}
}

func checkRestoreIdentity(t *trial) {
	before := t.info()
	t.restore(elsewhere()...)
	after := t.info()
	before.Head.Position = 1001
	if after != before {
		t.Errorf("after a restore the store states %+v, want %+v", after, before)
	}
	t.restore()
	if again := t.info(); again != after {
		t.Errorf("a restore of nothing made %+v of %+v", again, after)
	}
}

func checkRestoreAgain(t *trial) {
	log := elsewhere()
	t.restore(log[:2]...)
	t.restore(log[:2]...)
	t.restore(log[:5]...) // some that are there, and more
	t.restore(log[1])     // the last of an append
	t.restore(log[4:]...)
	t.restore(log...)
	t.same("restored piece by piece", t.all(), log)
}

func checkRestoreOther(t *trial) {
	log := elsewhere()
	t.restore(log[:5]...)
	change := func(i int, change func(*daybook.Recorded)) []daybook.Recorded {
		changed := slices.Clone(log)
		change(&changed[i])
		return changed
	}
	t.notRestored("other data", 4, change(1, func(e *daybook.Recorded) { e.Data = []byte(`{}`) })...)
	t.notRestored("another id", 9, change(2, func(e *daybook.Recorded) { e.ID = uuid.New() })...)
	t.notRestored("another time", 3, change(0, func(e *daybook.Recorded) { e.RecordedAt = e.RecordedAt.Add(-1) })...)
	t.notRestored("another type", 11, change(4, func(e *daybook.Recorded) { e.Type = "Sent" })...)
	t.notRestored("another version", 10, change(3, func(e *daybook.Recorded) { e.Version = 2 })...)
	t.notRestored("an event where there is none", 5, change(2, func(e *daybook.Recorded) { e.Position = 5 })...)
	t.restore(log...)
	t.same("restored in the end", t.all(), log)
}

func checkRestoreInvalid(t *trial) {
	t.restorer()
	limits := t.info().Limits
	for what, c := range map[string]struct {
		at    daybook.Position
		spoil func([]daybook.Recorded) []daybook.Recorded
	}{
		"a position that falls":           {8, func(e []daybook.Recorded) []daybook.Recorded { e[3].Position = 8; return e }},
		"a position twice":                {9, func(e []daybook.Recorded) []daybook.Recorded { e[3].Position = 9; return e }},
		"the position zero":               {0, func(e []daybook.Recorded) []daybook.Recorded { e[0].Position = 0; return e }},
		"a position past 2^63":            {1 << 63, func(e []daybook.Recorded) []daybook.Recorded { e[6].Position = 1 << 63; return e }},
		"a version that falls":            {11, func(e []daybook.Recorded) []daybook.Recorded { e[4].Version = 1; return e }},
		"a version twice":                 {11, func(e []daybook.Recorded) []daybook.Recorded { e[4].Version = 2; return e }},
		"no version in a stream":          {10, func(e []daybook.Recorded) []daybook.Recorded { e[3].Version = 0; return e }},
		"a version in no stream":          {9, func(e []daybook.Recorded) []daybook.Recorded { e[2].Version = 1; return e }},
		"a time that falls":               {11, func(e []daybook.Recorded) []daybook.Recorded { e[4].RecordedAt = e[0].RecordedAt; return e }},
		"no time":                         {3, func(e []daybook.Recorded) []daybook.Recorded { e[0].RecordedAt = time.Time{}; return e }},
		"an id twice":                     {1000, func(e []daybook.Recorded) []daybook.Recorded { e[5].ID = e[1].ID; return e }},
		"no id":                           {9, func(e []daybook.Recorded) []daybook.Recorded { e[2].ID = uuid.Nil; return e }},
		"no type":                         {9, func(e []daybook.Recorded) []daybook.Recorded { e[2].Type = ""; return e }},
		"a type of the system":            {9, func(e []daybook.Recorded) []daybook.Recorded { e[2].Type = "$deleted"; return e }},
		"a tag twice":                     {9, func(e []daybook.Recorded) []daybook.Recorded { e[2].Tags = []string{"x", "x"}; return e }},
		"a stream that is not UTF-8":      {10, func(e []daybook.Recorded) []daybook.Recorded { e[3].Stream = "\xff"; return e }},
		"a time at which nothing happens": {9, func(e []daybook.Recorded) []daybook.Recorded { e[2].HappenedAt = time.Unix(1<<40, 0); return e }},
		"an append past the limits":       {11 + daybook.Position(limits.AppendEvents), tooMany(limits.AppendEvents)},
		"an event behind a tombstone": {1000, func(e []daybook.Recorded) []daybook.Recorded {
			e[4].Event, e[4].Version = forgets(daybook.Tombstoned("order-1")), 1
			return e
		}},
		"what says nothing about a stream": {11, func(e []daybook.Recorded) []daybook.Recorded {
			e[4].Event, e[4].Version = forgets(daybook.Tombstoned("order-1")), 1
			e[4].Data = []byte(`{"x":1}`)
			return e
		}},
		"a stub that has more than a stub has": {10, func(e []daybook.Recorded) []daybook.Recorded {
			tags := e[3].Tags
			e[3] = e[3].AsStub()
			e[3].Tags = tags
			return e
		}},
	} {
		other := newTrial(t.TB, t.subject, patience)
		other.use(t.subject.Open(t.TB))
		other.notRestored(what, c.at, c.spoil(elsewhere())...)
	}
}

// forgets returns an event about a stream with an id.
func forgets(e daybook.Event) daybook.Event {
	e.ID, e.ContentType = uuid.Must(uuid.NewV7()), daybook.JSON
	return e
}

// tooMany makes the fifth append one event longer than the limit.
func tooMany(limit int) func([]daybook.Recorded) []daybook.Recorded {
	return func(log []daybook.Recorded) []daybook.Recorded {
		first := log[4]
		log = log[:4]
		for i := range limit + 1 {
			e := first
			e.ID, e.Position, e.Version = uuid.New(), first.Position+daybook.Position(i), first.Version+daybook.Version(i)
			log = append(log, e)
		}
		return log
	}
}

func checkRestoreBehind(t *trial) {
	log := elsewhere()
	t.restore(log[:5]...)
	next := func(change func(*daybook.Recorded)) daybook.Recorded {
		e := log[5]
		change(&e)
		return e
	}
	t.notRestored("a time no later than the head's", 1000, next(func(e *daybook.Recorded) { e.RecordedAt = log[3].RecordedAt }))
	t.notRestored("the time of the append that the log ends with", 1000, next(func(e *daybook.Recorded) { e.RecordedAt = log[4].RecordedAt }))
	t.notRestored("an id that is recorded", 1000, next(func(e *daybook.Recorded) { e.ID = log[2].ID }))
	t.notRestored("a version that the stream has", 1000, next(func(e *daybook.Recorded) { e.Version = 5 }))
	t.notRestored("a version below the stream's", 1000, next(func(e *daybook.Recorded) { e.Version = 3 }))
	tombstone := daybook.Recorded{Event: forgets(daybook.Tombstoned("order-1")), Position: 20, Version: 1, RecordedAt: log[4].RecordedAt.Add(1)}
	t.restore(tombstone)
	t.notRestored("an event of a stream that was tombstoned", 1000, log[5])
	t.restore(log[6])
	t.same("restored in the end", t.read(daybook.Query{{Types: []string{"Closed", daybook.TypeTombstoned}}}, daybook.Span{}), []daybook.Recorded{tombstone, log[6]})
}

func checkRestoreWhole(t *trial) {
	log := elsewhere()
	t.restore(log[:2]...)
	t.restore(log[2]) // the first of an append of two: nobody can know
	t.notRestored("the rest of an append whose beginning was an append", 10, log[3])
	t.notRestored("an append of which the log has the beginning", 10, log[2], log[3])
	// An append with something wrong in it leaves nothing, and those before it may stay.
	wrong := slices.Clone(log[4:])
	for i := range wrong {
		wrong[i].RecordedAt = wrong[0].RecordedAt
	}
	wrong[2].ID = log[0].ID
	t.notRestored("a wrong event in an append", 1001, wrong...)
	if got := t.all(); len(got) != 3 {
		t.Errorf("of an append with something wrong in it there is %s", recordedList(got[3:]))
	}
}

func checkRestoreContinues(t *trial) {
	log := elsewhere()
	future := time.Now().Add(1000 * time.Hour).UTC()
	log[6].RecordedAt = future
	t.restore(log...)
	receipt := t.append(and(daybook.At("order-1", 6), daybook.New("order-3")), event("order-1", "Reopened"), event("order-2", "Reopened"), event("order-3", "Placed"))
	if receipt.Position != 1004 || receipt.Versions["order-1"] != 7 || receipt.Versions["order-2"] != 3 || receipt.Versions["order-3"] != 1 {
		t.Errorf("the append after a restore has position %d and the versions %v, want 1004 and 7, 3, 1", receipt.Position, receipt.Versions)
	}
	if !receipt.RecordedAt.After(future) {
		t.Errorf("the append after a restore was recorded at %v, want a time above %v", receipt.RecordedAt, future)
	}
	t.want(t.all()[:7], log...)
	t.notRestored("other events at positions that were appended", 1002, daybook.Recorded{Event: event("order-9", "Placed"), Position: 1002, Version: 1, RecordedAt: receipt.RecordedAt})
	t.restore(t.all()...)
}

func checkRestoreGaps(t *trial) {
	log := elsewhere()
	t.restore(log...)
	for _, c := range []struct {
		q    daybook.Query
		span daybook.Span
		want []daybook.Recorded
	}{
		{daybook.All(), daybook.Span{After: 1}, log},
		{daybook.All(), daybook.Span{After: 3}, log[1:]},
		{daybook.All(), daybook.Span{After: 6}, log[2:]},
		{daybook.All(), daybook.Span{After: 500}, log[5:]},
		{daybook.All(), daybook.Span{After: 1001}, nil},
		{daybook.All(), daybook.Span{Before: 3}, nil},
		{daybook.All(), daybook.Span{Before: 4}, log[:1]},
		{daybook.All(), daybook.Span{Before: 7}, log[:2]},
		{daybook.All(), daybook.Span{Before: 1000}, log[:5]},
		{daybook.All(), daybook.Span{After: 4, Before: 1001}, log[2:6]},
		{daybook.All(), daybook.Span{KnownAt: log[2].RecordedAt}, log[:4]},
		{daybook.All(), daybook.Span{KnownAt: log[2].RecordedAt.Add(-1)}, log[:2]},
		{daybook.All(), daybook.Span{KnownAt: log[0].RecordedAt.Add(-1)}, nil},
		{daybook.All(), daybook.Span{After: 4, Limit: 2}, log[2:4]},
		{tagged("x"), daybook.Span{After: 5}, log[2:4]},
		{identified(log[6].ID, log[0].ID), daybook.Span{After: 3}, log[6:]},
		{daybook.Stream("order-2"), daybook.Span{Before: 1001}, log[3:4]},
		{daybook.Stream("order-1"), daybook.Span{AfterVersion: 1}, []daybook.Recorded{log[1], log[4], log[5]}},
		{daybook.Stream("order-1"), daybook.Span{AfterVersion: 3}, log[4:6]},
		{daybook.Stream("order-1"), daybook.Span{BeforeVersion: 4}, log[:2]},
		{daybook.Stream("order-1"), daybook.Span{BeforeVersion: 6}, []daybook.Recorded{log[0], log[1], log[4]}},
		{daybook.Stream("order-1"), daybook.Span{AfterVersion: 2, BeforeVersion: 5}, nil},
	} {
		t.yields(c.q, c.span, c.want...)
		backward := slices.Clone(c.want)
		slices.Reverse(backward)
		if c.span.Backward = true; c.span.Limit == 0 {
			t.yields(c.q, c.span, backward...)
		}
	}
	for span, want := range map[daybook.Span]daybook.Position{{}: 1001, {Before: 7}: 6, {Before: 2000}: 1001, {KnownAt: log[2].RecordedAt}: 10, {KnownAt: log[0].RecordedAt.Add(-1)}: 0} {
		if got := t.reading(daybook.All(), span).Snapshot().Position; got != want {
			t.Errorf("%s: the snapshot is %d, want %d", describe(daybook.All(), span), got, want)
		}
	}
}

func checkRestoreIDs(t *trial) {
	log := elsewhere()
	t.restore(log...)
	receipt := func(of ...daybook.Recorded) daybook.Receipt {
		return daybook.ReceiptOf(t.head(), of, t.info().Durability, true)
	}
	t.repeats(receipt(log[:2]...), daybook.New("order-1"), log[0].Event, log[1].Event)
	t.repeats(receipt(log[1:6]...), nil, log[1].Event, log[2].Event, log[3].Event, log[4].Event, log[5].Event)
	t.reused(log[2].ID, 9, nil, log[2].Event, log[4].Event)
	t.reused(log[5].ID, 1000, nil, event("order-1", "Paid"), log[5].Event)
	for _, e := range log {
		t.yields(identified(e.ID), daybook.Span{}, e)
	}
}

func checkRestoreConditions(t *trial) {
	log := elsewhere()
	before := t.reading(tagged("x"), daybook.Span{}).Condition()
	t.restore(log...)
	head := t.head()
	for _, c := range []struct {
		cond daybook.Condition
		at   daybook.Position
	}{
		{before, 10},
		{daybook.New("order-1"), 1000},
		{daybook.At("order-1", 4), 1000},
		{daybook.At("order-2", 1), 1001},
		{daybook.Exists("order-3"), 0},
		{daybook.Nothing(tagged("x"), head.At(9)), 10},
		{daybook.Nothing(daybook.All(), head.At(1000)), 1001},
		{daybook.Nothing(typed("Shipped"), head.At(5)), 11},
	} {
		t.failures(t.conflict(c.cond), failed(c.cond, c.at))
	}
	t.append(and(daybook.At("order-1", 6), daybook.At("order-2", 2), daybook.New("order-3"), daybook.Exists("order-1"),
		daybook.Nothing(tagged("x"), head.At(10)), daybook.Nothing(tagged("x"), head.At(500)), daybook.Nothing(daybook.All(), head)))
}

func checkRestoreForgotten(t *trial) {
	log := elsewhere()
	log[4] = daybook.Recorded{Event: forgets(daybook.Deleted("order-1")), Position: 11, Version: 1, RecordedAt: log[4].RecordedAt}
	gone := forgotten(log[:2]...)
	t.restore(append(slices.Clone(gone), log[2:4]...)...)
	t.yields(daybook.All(), daybook.Span{}, log[:4]...) // forgotten there, and not here yet
	t.restore(log[4:]...)
	t.yields(daybook.Stream("order-1"), daybook.Span{}, log[5])
	t.yields(daybook.All(), daybook.Span{Forgotten: true}, append(slices.Clone(gone), log[2:]...)...)
	t.append(and(daybook.At("order-1", 6), daybook.At("$$order-1", 1)))
}

func checkRestoreStubs(t *trial) {
	log := elsewhere()
	log[4] = daybook.Recorded{Event: forgets(daybook.Truncated("order-1", 2)), Position: 11, Version: 1, RecordedAt: log[4].RecordedAt}
	given := slices.Clone(log)
	given[0] = log[0].AsStub()
	t.restore(given...)
	t.yields(daybook.All(), daybook.Span{Forgotten: true}, given...)
	t.yields(daybook.All(), daybook.Span{}, log[1:]...)
	t.yields(tagged("customer:ada"), daybook.Span{Forgotten: true}, given[0])
	t.yields(identified(log[0].ID), daybook.Span{}, given[0])
	t.repeats(daybook.ReceiptOf(t.head(), log[:2], t.info().Durability, true), nil, log[0].Event, log[1].Event)
	cond := daybook.Nothing(tagged("customer:ada"), daybook.Point{})
	t.failures(t.conflict(cond), failed(cond, 3))
	t.restore(given...)
	t.restore(log...) // an event that was whole where it comes from is its stub
	t.yields(identified(log[0].ID), daybook.Span{}, given[0])
}

func checkRestoreFollowed(t *trial) {
	restorer := t.restorer()
	log := elsewhere()
	done := make(chan error, 1)
	go func() {
		for _, part := range [][]daybook.Recorded{log[:2], log[2:5], log[5:]} {
			if err := restorer.Restore(t.ctx, part); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	seen, point, err := t.followUntil(tagged("y"), daybook.Point{}, func(p daybook.Point) bool { return p.Position >= 1000 })
	if restoring := <-done; restoring != nil {
		t.Fatalf("restore: %v", restoring)
	}
	if err != nil || point.Position < 1000 {
		t.Errorf("following a log that was restored came to %v (%v)", point, err)
	}
	t.same("followed", seen, []daybook.Recorded{log[3], log[5]})
}

// checkCopy copies a log with everything in it, and then what was recorded in it since.
func checkCopy(t *trial) {
	target := t.restorer()
	source := newTrial(t.TB, t.subject, patience)
	source.use(t.subject.Open(t.TB))
	copied := func() {
		t.Helper()
		point, err := daybook.Copy(t.ctx, target, source.store)
		if err != nil || point != source.head() {
			t.Fatalf("the copy went to %v (%v), want the head, %v", point, err, source.head())
		}
		// What was copied whole stays so when it is scavenged where it comes from.
		t.same("copied", t.read(daybook.All(), daybook.Span{Forgotten: true}), source.read(daybook.All(), daybook.Span{Forgotten: true}))
		t.want(t.all(), source.all()...)
		if t.head().Position != source.head().Position || t.head().Log == source.head().Log {
			t.Errorf("the copy of %v is %v, want another log of that length", source.head(), t.head())
		}
	}
	copied()
	all := source.shelf()
	source.record(full(), event("日本-1", "🛒", "a b", "x"), daybook.Event{Type: "Bare"})
	source.record(events(900, "order-2", "Paid", "many")...)
	copied()
	copied()
	source.record(daybook.Deleted("order-1"), daybook.Truncated("order-2", 500))
	copied()
	if t.subject.Scavenge != nil {
		stream := source.each(events(3, "order-7", "Placed", "x")...)
		source.record(daybook.Deleted("order-7"))
		source.scavenge()
		copied()
		t.yields(daybook.Stream("order-7"), daybook.Span{Forgotten: true}, stubs(stream...)...)
	}
	source.record(events(2, "order-1", "Placed")...)
	copied()
	if receipt := t.record(all[0].Event); !receipt.Repeated || receipt.Position != all[0].Position {
		t.Errorf("the repeat of a copied event: %s", answer(receipt, nil))
	}
}

func checkCopyElsewhere(t *trial) {
	target := t.restorer()
	source := newTrial(t.TB, t.subject, patience)
	source.use(t.subject.Open(t.TB))
	t.record(event("order-9", "Placed"), event("order-9", "Paid"))
	source.shelf()
	before := t.all()
	var invalid *daybook.InvalidError
	if _, err := daybook.Copy(t.ctx, target, source.store); !errors.As(err, &invalid) {
		t.Errorf("a copy into another log: %v, want it to be invalid", err)
	}
	t.same("after a copy that was refused", t.all(), before)
	t.record(events(20, "order-9", "Paid")...)
	if _, err := daybook.Copy(t.ctx, target, source.store); !errors.As(err, &invalid) {
		t.Errorf("a copy into a longer log: %v, want it to be invalid", err)
	}
}

func checkRestoreRefused(t *trial) {
	restorer := t.restorer()
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	err := restorer.Restore(ended, elsewhere())
	if kind(err) != "unavailable" || !errors.Is(err, context.Canceled) {
		t.Errorf("a restore in a context that has ended: %v, want it to be unavailable and to wrap that", err)
	}
	if got := t.all(); len(got) > 0 {
		t.Errorf("a restore in a context that has ended restored %s", recordedList(got))
	}
	t.close()
	if err := restorer.Restore(t.ctx, elsewhere()); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("a restore into a closed store: %v, want ErrClosed", err)
	}
}

func checkReopenRestored(t *trial) {
	log := elsewhere()
	t.restore(log[:5]...)
	t.reopen()
	t.same("opened again", t.all(), log[:5])
	t.restore(log...)
	t.restore(log[6])
	for range 2 {
		t.reopen()
		t.same("opened again", t.all(), log)
		t.yields(daybook.Stream("order-1"), daybook.Span{AfterVersion: 3}, log[4:6]...)
		t.yields(daybook.All(), daybook.Span{After: 6, Before: 1000}, log[2:5]...)
		t.append(and(daybook.At("order-1", 6), daybook.Nothing(tagged("y"), t.head().At(1000))))
	}
	if receipt := t.record(event("order-1", "Reopened")); receipt.Position != 1002 || receipt.Versions["order-1"] != 7 {
		t.Errorf("opened again, the restored log goes on with position %d and versions %v, want 1002 and 7", receipt.Position, receipt.Versions)
	}
}
