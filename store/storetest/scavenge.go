package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What is left when the space that forgotten events take is given back.
var scavengePromises = []promise{
	{sentence: "scavenging leaves the id, the place, the time, the hashes and the digest of a forgotten event", check: checkStubs, needs: scavenging},
	{sentence: "scavenging leaves what is not forgotten as it is", check: checkScavengeKeeps, needs: scavenging},
	{sentence: "stubs are yielded to whoever asks by id or for what is forgotten", check: checkStubsOnRequest, needs: scavenging},
	{sentence: "an append of events that were scavenged since is a repeat", check: checkStubIDs, needs: scavenging},
	{sentence: "an old condition counts what was scavenged", check: checkStubConditions, needs: scavenging},
	{sentence: "a scavenged stream goes on with its versions", check: checkStubVersions, needs: scavenging},
	{sentence: "bounds are the same over stubs", check: checkStubSpans, needs: scavenging},
	{sentence: "a reading begun before a scavenging is read to its end", check: checkReadingBeforeScavenge, needs: scavenging},
	{sentence: "a store may be scavenged again, and after more was forgotten", check: checkScavengeAgain, needs: scavenging},
	{sentence: "appends and readings go on while a store is scavenged", check: checkScavengeBesideOthers, needs: scavenging},
	{sentence: "every old id and every old condition gets the answer of a store that was never scavenged", check: checkNeverScavenged, needs: scavenging},
	{sentence: "what was scavenged stays so when a store is opened again", check: checkReopenScavenged, needs: scavengingReopened},
}

// scavenge scavenges the store.
func (t *trial) scavenge() {
	t.Helper()
	t.subject.Scavenge(t.TB, t.store)
}

// stubs returns what scavenging leaves of events.
func stubs(events ...daybook.Recorded) []daybook.Recorded {
	events = slices.Clone(events)
	for i := range events {
		events[i] = events[i].AsStub()
	}
	return events
}

func checkStubs(t *trial) {
	e := full()
	e.Stream = "order-1"
	whole := t.each(e, event("order-1", "Paid"))
	t.record(daybook.Deleted("order-1"))
	t.scavenge()
	got := t.read(daybook.Stream("order-1"), daybook.Span{Forgotten: true})
	t.want(got, whole...)
	for i, e := range got {
		was := whole[i]
		if e.Stream != "order-1" || e.Position != was.Position || e.Version != was.Version || !e.RecordedAt.Equal(was.RecordedAt) || !e.Forgotten {
			t.Errorf("event %d was %+v, and is %+v", i+1, was, e)
		}
		if e.Type != "" || len(e.Tags)+len(e.Data)+len(e.Metadata) > 0 || e.ContentType != "" || !e.HappenedAt.IsZero() {
			t.Errorf("of event %d more is left than a stub: %+v", i+1, e)
		}
		if e.Stub == nil {
			t.Fatalf("event %d is no stub: %+v", i+1, e)
		}
		if e.Stub.TypeHash != daybook.HashName(daybook.TypeName, was.Type) || len(e.Stub.TagHashes) != len(was.Tags) {
			t.Errorf("event %d has the hashes %x and %x", i+1, e.Stub.TypeHash, e.Stub.TagHashes)
		}
		for j, tag := range was.Tags {
			if e.Stub.TagHashes[j] != daybook.HashName(daybook.TagName, tag) {
				t.Errorf("event %d: tag %d has the hash %x", i+1, j+1, e.Stub.TagHashes[j])
			}
		}
		if e.Stub.Digest != was.Digest() || e.Digest() != was.Digest() {
			t.Errorf("event %d had the digest %x, and has %x", i+1, was.Digest(), e.Digest())
		}
	}
}

func checkScavengeKeeps(t *trial) {
	all := t.shelf()
	t.scavenge()
	t.yields(daybook.All(), daybook.Span{}, all...)
	t.record(daybook.Truncated("order-1", 2), daybook.Deleted("refund-1"))
	kept := t.all()
	before := t.info()
	t.scavenge()
	if after := t.info(); after != before {
		t.Errorf("scavenging made %+v of %+v", after, before)
	}
	t.yields(daybook.All(), daybook.Span{}, kept...)
	t.yields(tagged("book:1984"), daybook.Span{}, all[1], all[3])
	t.yields(daybook.Stream("order-1"), daybook.Span{}, all[2])
	t.yields(daybook.All(), daybook.Span{KnownAt: all[3].RecordedAt}, all[1], all[2], all[3])
	stubs := stubs(all[0], all[4], all[6])
	t.yields(daybook.All(), daybook.Span{Forgotten: true}, append([]daybook.Recorded{stubs[0], all[1], all[2], all[3], stubs[1], all[5], stubs[2]}, kept[len(kept)-2:]...)...)
}

func checkStubsOnRequest(t *trial) {
	all := t.each(event("order-1", "Placed", "x", "y"), event("order-1", "Paid", "y"), event("order-2", "Placed", "x"))
	t.record(daybook.Tombstoned("order-1"))
	t.scavenge()
	gone := stubs(all[:2]...)
	for what, c := range map[string]struct {
		q     daybook.Query
		stubs []daybook.Recorded
		rest  []daybook.Recorded
	}{
		"stream":                   {daybook.Stream("order-1"), gone, nil},
		"category":                 {daybook.Query{{Categories: []string{"order"}}}, gone, all[2:]},
		"type":                     {typed("Placed"), gone[:1], all[2:]},
		"another type":             {typed("Paid", "Nobody"), gone[1:], nil},
		"tag":                      {tagged("x"), gone[:1], all[2:]},
		"two tags":                 {tagged("y", "x"), gone[:1], nil},
		"a tag that is not":        {tagged("z"), nil, nil},
		"stream, type and tag":     {daybook.Query{{Streams: []string{"order-1"}, Types: []string{"Paid"}, Tags: []string{"y"}}}, gone[1:], nil},
		"category, type, no tag":   {daybook.Query{{Categories: []string{"order"}, Types: []string{"Paid"}, Tags: []string{"x"}}}, nil, nil},
		"two items, each with one": {daybook.Query{{Tags: []string{"x"}}, {Types: []string{"Paid"}}}, gone, all[2:]},
	} {
		got := t.read(c.q, daybook.Span{})
		t.same("by "+what, got, c.rest)
		t.yields(c.q, daybook.Span{Forgotten: true}, append(slices.Clone(c.stubs), c.rest...)...)
	}
	t.yields(identified(gone[1].ID, gone[0].ID), daybook.Span{}, gone...)
	t.yields(daybook.Query{{IDs: []uuid.UUID{gone[0].ID, gone[1].ID}, Types: []string{"Placed"}}}, daybook.Span{}, gone[0])
	t.yields(daybook.Query{{IDs: []uuid.UUID{gone[0].ID, gone[1].ID}, Tags: []string{"z"}}}, daybook.Span{})
	t.yields(daybook.Query{{IDs: []uuid.UUID{gone[1].ID}}, {Tags: []string{"x"}}}, daybook.Span{Backward: true}, all[2], gone[1])
}

func checkStubIDs(t *trial) {
	batch := append(events(2, "order-1", "Placed", "x"), event("order-2", "Placed"))
	first := t.record(batch...)
	part := t.record(batch[:2]...)
	t.record(daybook.Deleted("order-1"))
	t.scavenge()
	t.repeats(first, nil, batch...)
	t.repeats(part, daybook.Exists("order-1"), batch[:2]...)
	t.reused(batch[1].ID, 2, nil, batch[1], batch[0])
	t.reused(batch[1].ID, 2, nil, event("order-3", "Placed"), batch[1])
	moved, changed := batch[0], batch[1]
	moved.Stream, changed.Type = "order-3", "Paid"
	t.reused(moved.ID, 1, nil, moved)
	t.reused(changed.ID, 2, nil, changed)
	t.record(daybook.Tombstoned("order-1"))
	t.scavenge()
	t.repeats(first, nil, batch...)
}

func checkStubConditions(t *trial) {
	start := t.record(event("order-2", "Opened")).Point
	old := t.reading(daybook.Query{{Types: []string{"Paid"}, Tags: []string{"x"}}}, daybook.Span{}).Condition()
	stream := t.each(event("order-1", "Placed", "x"), event("order-1", "Paid", "y", "x"), event("order-1", "Paid", "z"))
	fresh := t.reading(tagged("x"), daybook.Span{}).Condition()
	t.record(daybook.Deleted("order-1"))
	t.scavenge()
	t.failures(t.conflict(old, event("order-3", "Placed")), failed(old, stream[1].Position))
	t.append(fresh)
	for _, c := range []struct {
		q  daybook.Query
		at daybook.Position
	}{
		{tagged("x"), stream[1].Position},
		{tagged("x", "y"), stream[1].Position},
		{typed("Placed"), stream[0].Position},
		{typed("Paid"), stream[2].Position},
		{daybook.Query{{Categories: []string{"order"}, Tags: []string{"y"}}}, stream[1].Position},
		{identified(stream[0].ID), stream[0].Position},
		{daybook.Query{{Types: []string{"Placed"}}, {Tags: []string{"z"}}}, stream[2].Position},
	} {
		cond := daybook.Nothing(c.q, start)
		t.failures(t.conflict(cond), failed(cond, c.at))
	}
	t.append(and(daybook.Nothing(tagged("y", "z"), start), daybook.Nothing(typed("Shipped"), start), daybook.Nothing(typed("Placed"), start.At(stream[0].Position))))
}

func checkStubVersions(t *trial) {
	t.record(events(3, "order-1", "Placed")...)
	truncated := t.record(events(3, "order-2", "Placed")...).Position
	deleted := t.record(daybook.Deleted("order-1"), daybook.Truncated("order-2", 100)).Position - 1
	t.scavenge()
	t.append(and(daybook.New("order-1"), daybook.At("order-1", 0), daybook.Exists("order-2"), daybook.At("order-2", 3)))
	t.failures(t.conflict(daybook.Exists("order-1")), failed(daybook.Exists("order-1"), deleted))
	t.failures(t.conflict(daybook.New("order-2")), failed(daybook.New("order-2"), truncated))
	receipt := t.record(event("order-1", "Placed"), event("order-2", "Paid"))
	if receipt.Versions["order-1"] != 4 || receipt.Versions["order-2"] != 4 {
		t.Errorf("the scavenged streams go on with %v, want version 4 of each", receipt.Versions)
	}
	t.conflict(daybook.New("order-1"))
}

func checkStubSpans(t *trial) {
	stream := t.each(events(8, "order-1", "Placed", "x")...)
	t.record(daybook.Truncated("order-1", 5))
	var answers []string
	spans := []daybook.Span{
		{}, {Backward: true}, {Limit: 2}, {Limit: 6, Backward: true}, {After: 3}, {Before: 3}, {After: 2, Before: 7}, {KnownAt: stream[5].RecordedAt},
		{AfterVersion: 2}, {BeforeVersion: 3}, {AfterVersion: 2, BeforeVersion: 7, Backward: true}, {BeforeVersion: 100},
	}
	ask := func() (answers []string) {
		for _, all := range []bool{false, true} {
			for _, span := range spans {
				span.Forgotten = all
				reading := t.reading(daybook.Stream("order-1"), span)
				answer := fmt.Sprint(reading.Snapshot().Position, ": ")
				for _, e := range t.events(reading) {
					answer += fmt.Sprint(e.Position, " ")
				}
				answers = append(answers, answer)
			}
		}
		return answers
	}
	answers = ask()
	t.scavenge()
	for i, after := range ask() {
		if after != answers[i] {
			t.Errorf("%s read up to %s before it was scavenged, and %s after", describe(daybook.Stream("order-1"), spans[i%len(spans)]), answers[i], after)
		}
	}
}

func checkReadingBeforeScavenge(t *trial) {
	var all []daybook.Recorded
	for range 10 {
		all = append(all, t.shelf()...)
	}
	before := t.reading(daybook.All(), daybook.Span{})
	backward := t.reading(tagged("customer:ada"), daybook.Span{Backward: true})
	ada := t.events(backward)
	n := 0
	for e, err := range t.reading(daybook.All(), daybook.Span{}).Events() {
		if err != nil {
			t.Fatal(err)
		}
		if n == 10 {
			t.record(daybook.Deleted("order-1"), daybook.Tombstoned("refund-1"))
			t.scavenge()
		}
		if n >= len(all) || e.Digest() != all[n].Digest() {
			t.Fatalf("event %d of a range during which the store was scavenged is %+v", n+1, e)
		}
		n++
	}
	if n != len(all) {
		t.Errorf("a range during which the store was scavenged had %d events, want %d", n, len(all))
	}
	// What was scavenged since may be a stub by now; its digest is what it was.
	t.same("begun before it was scavenged", t.events(before), all)
	t.same("begun before it was scavenged, backward", t.events(backward), ada)
	if t.subject.Reopen == nil {
		return
	}
	t.record(append(events(20, "cart-1", "Opened", "x"), events(3, "order-1", "Placed")...)...)
	t.reopen()
	all = t.all()
	before = t.reading(daybook.All(), daybook.Span{})
	t.record(daybook.Deleted("order-2"), daybook.Deleted("cart-1"))
	t.scavenge()
	t.same("opened again, and begun before it was scavenged", t.events(before), all)
}

func checkScavengeAgain(t *trial) {
	all := t.shelf()
	t.record(daybook.Deleted("order-1"))
	for range 3 {
		t.scavenge()
		t.yields(daybook.Stream("order-1"), daybook.Span{Forgotten: true}, stubs(all[0], all[2])...)
	}
	t.record(daybook.Truncated("order-2", 2))
	after := t.each(event("order-1", "Placed"))
	t.scavenge()
	t.yields(daybook.Query{{Categories: []string{"order"}}}, daybook.Span{}, all[5], after[0])
	gone := stubs(all[0], all[1], all[2])
	t.yields(daybook.Query{{Categories: []string{"order"}}}, daybook.Span{Forgotten: true}, append(gone, all[5], after[0])...)
}

// checkScavengeBesideOthers deletes and scavenges again and again while others append to
// streams of their own, repeat themselves and read.
func checkScavengeBesideOthers(t *trial) {
	const writers, rounds = 4, 30
	var stop atomic.Bool
	var readers, writing sync.WaitGroup
	readers.Go(func() {
		for !stop.Load() {
			last := daybook.Position(0)
			reading, err := t.store.Read(t.ctx, daybook.All(), daybook.Span{Forgotten: true})
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			for e, err := range reading.Events() {
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				if e.Position != last+1 {
					t.Errorf("position %d comes after %d", e.Position, last)
					return
				}
				last = e.Position
			}
			if last != reading.Snapshot().Position {
				t.Errorf("a reading up to %d ended at %d", reading.Snapshot().Position, last)
			}
		}
	})
	for w := range writers {
		writing.Go(func() {
			stream := fmt.Sprintf("own-%d", w)
			for i := range rounds {
				batch := events(3, stream, "Placed", "x")
				receipt, err := t.store.Append(t.ctx, batch, nil)
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				if i%5 == 4 {
					if _, err := t.store.Append(t.ctx, []daybook.Event{daybook.Deleted(stream)}, daybook.At(stream, receipt.Versions[stream])); err != nil {
						t.Errorf("deletion: %v", err)
					}
				}
				again, err := t.store.Append(t.ctx, batch, nil)
				if err != nil || !again.Repeated || again.Point != receipt.Point {
					t.Errorf("the repeat: %s", answer(again, err))
				}
			}
		})
	}
	for range 10 {
		t.scavenge()
	}
	writing.Wait()
	stop.Store(true)
	readers.Wait()
	t.scavenge()
	for w := range writers {
		stream := fmt.Sprintf("own-%d", w)
		got := t.read(daybook.Stream(stream), daybook.Span{Forgotten: true})
		if len(got) != 3*rounds {
			t.Fatalf("%s has %s, want %d events", stream, recordedList(got), 3*rounds)
		}
		for i, e := range got {
			if e.Version != daybook.Version(i+1) || e.Stub == nil {
				t.Errorf("%s: event %d has version %d and is a stub: %t", stream, i+1, e.Version, e.Stub != nil)
			}
		}
		t.append(daybook.New(stream))
	}
}

// checkNeverScavenged compares with another store of the subject.
func checkNeverScavenged(t *trial) {
	for seed := range uint64(2) {
		model := newTrial(t.TB, t.subject, patience)
		model.use(t.subject.Open(t.TB))
		Compare(t.TB, model.store, t.subject, seed, 800)
	}
}

func checkReopenScavenged(t *trial) {
	e := full()
	e.Stream = "order-1"
	stream := t.each(e, event("order-1", "Paid", "x"), event("order-1", "Shipped"))
	receipt := t.record(stream[0].Event)
	old := daybook.Nothing(tagged("x"), t.head().At(1))
	t.record(daybook.Truncated("order-1", 3))
	t.scavenge()
	for range 2 {
		t.reopen()
		t.yields(daybook.Stream("order-1"), daybook.Span{Forgotten: true}, append(stubs(stream[:2]...), stream[2])...)
		t.yields(daybook.Stream("order-1"), daybook.Span{}, stream[2])
		t.repeats(receipt, nil, stream[0].Event)
		t.failures(t.conflict(old), failed(old, stream[1].Position))
		t.append(daybook.At("order-1", 3))
	}
	t.record(daybook.Deleted("order-1"))
	t.scavenge()
	t.reopen()
	t.yields(daybook.Stream("order-1"), daybook.Span{Forgotten: true}, stubs(stream...)...)
}
