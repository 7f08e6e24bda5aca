package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
)

// Many at once.
var concurrencyPromises = []promise{
	{sentence: "of appenders that race for one version of a stream, one wins", check: checkRaceForVersion},
	{sentence: "of appenders that race for a new stream, one wins", check: checkRaceForStream},
	{sentence: "of appenders that race for one boundary, one wins", check: checkRaceForBoundary},
	{sentence: "an event appended by many at once is recorded once, and all get its position", check: checkRaceWithOneEvent},
	{sentence: "appends at the same time do not mix", check: checkNoMixing},
	{sentence: "appends at the same time get positions and versions without gaps", check: checkNoGaps},
	{sentence: "whoever has a receipt reads what it stands for, whatever others do", check: checkOwnWritesAmongOthers},
	{sentence: "no reader sees an event appear before one that it has read", check: checkReadersSeePrefixes},
	{sentence: "clients that decide over overlapping boundaries keep every rule", check: checkOverlappingBoundaries},
	{sentence: "clients that decide over boundaries apart do not conflict", check: checkBoundariesApart},
	{sentence: "what many clients were answered has an explanation in one order", check: checkHistory},
}

// race lets many goroutines do something at the same moment.
func race(n int, do func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			do(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

// oneWins races appenders under the same condition; one must win, and all others
// get a conflict that names the winner's event.
func (t *trial) oneWins(n int, cond daybook.Condition, event func(i int) daybook.Event) {
	t.Helper()
	receipts, conflicts := make([]*daybook.Receipt, n), make([]*daybook.ConflictError, n)
	race(n, func(i int) {
		receipt, err := t.store.Append(t.ctx, []daybook.Event{event(i)}, cond)
		if err == nil {
			receipts[i] = &receipt
		} else if !errors.As(err, &conflicts[i]) {
			t.Errorf("appender %d: %v", i, err)
		}
	})
	var won daybook.Position
	for _, r := range receipts {
		if r == nil {
			continue
		}
		if won > 0 {
			t.Errorf("positions %d and %d were both recorded under %v", won, r.Position, cond)
		}
		won = r.Position
	}
	if won == 0 {
		t.Fatalf("nobody won under %v", cond)
	}
	for _, c := range conflicts {
		if c != nil && c.Position() != won {
			t.Errorf("a conflict names position %d, and %d won", c.Position(), won)
		}
	}
}

func checkRaceForVersion(t *trial) {
	for round := range 20 {
		t.oneWins(16, daybook.At("order-1", daybook.Version(round)), func(int) daybook.Event { return event("order-1", "Placed") })
	}
	if n := len(t.all()); n != 20 {
		t.Errorf("20 rounds recorded %d events", n)
	}
}

func checkRaceForStream(t *trial) {
	for round := range 20 {
		stream := fmt.Sprintf("order-%d", round)
		t.oneWins(16, daybook.New(stream), func(int) daybook.Event { return event(stream, "Placed") })
	}
}

func checkRaceForBoundary(t *trial) {
	q := daybook.Query{{Types: []string{"SeatSold"}, Tags: []string{"seat:12A"}}, {Types: []string{"FlightCancelled"}}}
	for range 20 {
		cond := t.reading(q, daybook.Span{}).Condition()
		t.oneWins(16, cond, func(i int) daybook.Event {
			if i%5 == 0 {
				return event("", "FlightCancelled")
			}
			return event("", "SeatSold", fmt.Sprintf("passenger:%d", i), "seat:12A")
		})
	}
}

func checkRaceWithOneEvent(t *trial) {
	for round := range 20 {
		batch := events(1+round%3, "order-1", "Placed", "x")
		receipts := make([]daybook.Receipt, 16)
		race(16, func(i int) {
			var err error
			if receipts[i], err = t.store.Append(t.ctx, batch, daybook.New(fmt.Sprintf("nobody-%d", i))); err != nil {
				t.Errorf("appender %d: %v", i, err)
			}
		})
		firsts := 0
		for _, r := range receipts {
			if !r.Repeated {
				firsts++
			}
			if r.Point != receipts[0].Point || !r.RecordedAt.Equal(receipts[0].RecordedAt) || r.Versions["order-1"] != receipts[0].Versions["order-1"] {
				t.Errorf("one append has the receipts %+v and %+v", r, receipts[0])
			}
		}
		if firsts != 1 {
			t.Errorf("of 16 who appended the same, %d were the first", firsts)
		}
		for _, e := range batch {
			if found := t.read(identified(e.ID), daybook.Span{}); len(found) != 1 {
				t.Errorf("an event that 16 appended is recorded %d times", len(found))
			}
		}
	}
}

func checkNoMixing(t *trial) {
	const appenders, rounds = 8, 25
	race(appenders, func(a int) {
		for i := range rounds {
			batch := append(events(1+i%5, fmt.Sprintf("own-%d", a), "E"), event("shared-1", "E"), event("", "E"))
			receipt, err := t.store.Append(t.ctx, batch, nil)
			if err != nil {
				t.Errorf("append: %v", err)
				return
			}
			reading, err := t.store.Read(t.ctx, daybook.All(), daybook.Span{After: receipt.Position - daybook.Position(len(batch)), Before: receipt.Position + 1})
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			got, err := reading.Collect()
			if err != nil || len(got) != len(batch) {
				t.Errorf("the %d positions up to %d read %s (%v)", len(batch), receipt.Position, recordedList(got), err)
				return
			}
			for j := range got {
				if got[j].ID != batch[j].ID || !got[j].RecordedAt.Equal(receipt.RecordedAt) {
					t.Errorf("position %d is not event %d of the append that has its receipt", got[j].Position, j+1)
				}
			}
		}
	})
}

func checkNoGaps(t *trial) {
	wait, total := t.appenders(8, 40)
	wait()
	all := t.all()
	if len(all) != total {
		t.Fatalf("%d events are recorded, want %d", len(all), total)
	}
	versions := make(map[string]daybook.Version)
	for i, e := range all {
		versions[e.Stream]++
		if e.Position != daybook.Position(i+1) || e.Version != versions[e.Stream] {
			t.Fatalf("event %d is at position %d and version %d of %s, want version %d", i+1, e.Position, e.Version, e.Stream, versions[e.Stream])
		}
		if i > 0 && e.RecordedAt.Before(all[i-1].RecordedAt) {
			t.Fatalf("position %d was recorded before the one in front of it", e.Position)
		}
	}
}

func checkOwnWritesAmongOthers(t *trial) {
	race(8, func(a int) {
		stream := fmt.Sprintf("own-%d", a)
		for i := range 40 {
			receipt, err := t.store.Append(t.ctx, []daybook.Event{event(stream, "E", "x")}, daybook.At(stream, daybook.Version(i)))
			if err != nil {
				t.Errorf("%s: append %d: %v", stream, i+1, err)
				return
			}
			for _, q := range []daybook.Query{daybook.Stream(stream), tagged("x")} {
				reading, err := t.store.Read(t.ctx, q, daybook.Span{After: receipt.Position - 1})
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				got, err := reading.Collect()
				if err != nil || len(got) == 0 || got[0].Position != receipt.Position || reading.Snapshot().Position < receipt.Position {
					t.Errorf("%s: after the append at %d, reading shows %s (%v)", stream, receipt.Position, recordedList(got), err)
				}
			}
			if info, err := t.store.Info(t.ctx); err != nil || info.Head.Position < receipt.Position {
				t.Errorf("after the append at %d the head is %d (%v)", receipt.Position, info.Head.Position, err)
			}
		}
	})
}

// checkReadersSeePrefixes reads again and again while others append. What one
// reading shows up to its snapshot must be what every later one shows up to there.
func checkReadersSeePrefixes(t *trial) {
	var stop atomic.Bool
	var begun, readers sync.WaitGroup
	queries := []daybook.Query{daybook.All(), tagged("x"), daybook.Stream("a-1"), {{Types: []string{"Placed"}, Tags: []string{"appender:b-1"}}, {Tags: []string{"y"}}}}
	var sights [4][]daybook.Recorded
	var last [4]daybook.Position
	for i, q := range queries {
		begun.Add(1)
		readers.Go(func() {
			begin := sync.OnceFunc(begun.Done)
			defer begin()
			for done := false; !done; begin() {
				done = stop.Load()
				reading, err := t.store.Read(t.ctx, q, daybook.Span{After: last[i]})
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				got, err := reading.Collect()
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				if snapshot := reading.Snapshot().Position; snapshot < last[i] {
					t.Errorf("a read goes up to %d, and an earlier one went up to %d", snapshot, last[i])
				}
				sights[i], last[i] = append(sights[i], got...), reading.Snapshot().Position
			}
		})
	}
	begun.Wait()
	wait, _ := t.appenders(4, 60)
	wait()
	stop.Store(true)
	readers.Wait()
	for i, q := range queries {
		t.same("read piece by piece", sights[i], t.read(q, daybook.Span{}))
	}
}

// clients is how many decide at the same time, and rounds how often each does.
const clients, rounds = 64, 8

// judge holds a history against the log as it is now.
func (t *trial) judge(h history.History) {
	t.Helper()
	log := t.read(daybook.All(), daybook.Span{Forgotten: true})
	if err := h.Check(log); err != nil {
		t.Errorf("the answers cannot be those of one log:\n%v", err)
	}
	if err := h.CheckStreams(log); err != nil {
		t.Error(err)
	}
}

func checkOverlappingBoundaries(t *trial) {
	h, tally, err := history.Boundaries(t.ctx, t.store, history.Workload{Clients: clients, Rounds: rounds, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if tally.Recorded == 0 || tally.Recorded+tally.Refused != clients*rounds {
		t.Errorf("of %d decisions, %d were recorded and %d refused", clients*rounds, tally.Recorded, tally.Refused)
	}
	t.judge(h)
}

// checkBoundariesApart allows a conflict in a hundred: a store may find boundaries by
// hashes, and two may meet in one.
func checkBoundariesApart(t *trial) {
	h, tally, err := history.Apart(t.ctx, t.store, history.Workload{Clients: clients, Rounds: rounds, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if tally.Recorded != clients*rounds || tally.Conflicts > clients*rounds/100 {
		t.Errorf("of %d decisions apart, %d were recorded and %d met a conflict", clients*rounds, tally.Recorded, tally.Conflicts)
	}
	if tally.Conflicts == 0 { // a conflict by hash has no explanation in the log
		t.judge(h)
	}
}

// checkHistory lets clients do a little of everything beside followers.
func checkHistory(t *trial) {
	recorder := history.Record(t.store)
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	var followers sync.WaitGroup
	queries := map[string]daybook.Query{"of everything": daybook.All(), "of a tag": tagged("x"), "of a stream": daybook.Stream("s-0")}
	for name, q := range queries {
		followers.Go(func() {
			s := history.Following{Name: name, Query: q}
			for reading, err := range daybook.Follow(ctx, t.store, q, daybook.Point{}) {
				if err != nil {
					break // the context's end, or what the clients see, too
				}
				got, err := reading.Collect()
				if err != nil {
					break
				}
				s.Seen, s.To = append(s.Seen, got...), reading.Snapshot().Position
			}
			recorder.Followed(s)
		})
	}
	race(16, func(number int) {
		if err := wander(t.ctx, recorder.Client(number), rand.New(rand.NewPCG(1, uint64(number))), 40, nil); err != nil {
			t.Errorf("client %d: %v", number, err)
		}
	})
	cancel()
	followers.Wait()
	t.judge(recorder.History())
}

// forget returns an event that forgets some of a stream, or all of it so far.
func forget(stream string, rng *rand.Rand) daybook.Event {
	e := daybook.Deleted(stream)
	if rng.IntN(2) == 0 {
		e = daybook.Truncated(stream, daybook.Version(1+rng.IntN(100)))
	}
	e.ID = uuid.Must(uuid.NewV7())
	return e
}

// wander appends to a few streams under conditions that are often stale, forgets of
// them, repeats itself and reads. It ends with the first error that is not a conflict and of none of
// the kinds that it bears with.
func wander(ctx context.Context, store daybook.Store, rng *rand.Rand, rounds int, bear []string) error {
	var last []daybook.Event
	var stale daybook.Condition
	for range rounds {
		stream := fmt.Sprintf("s-%d", rng.IntN(4))
		batch := events(1+rng.IntN(3), stream, "E", []string{"x", "y"}[rng.IntN(2)])
		batch = append(batch, event([]string{"", "s-0", stream}[rng.IntN(3)], "F"))
		var cond daybook.Condition
		switch rng.IntN(8) {
		case 0:
			cond = daybook.At(stream, daybook.Version(rng.IntN(20)))
		case 1:
			cond = daybook.New(fmt.Sprintf("s-%d", rng.IntN(8)))
		case 2:
			cond = and(daybook.Exists(stream), stale)
		case 3:
			cond = stale
		case 4:
			if last != nil {
				batch = last
			}
		case 5:
			batch = nil
			cond = daybook.Exists(stream)
			if rng.IntN(2) == 0 {
				batch, cond = []daybook.Event{forget(stream, rng)}, []daybook.Condition{cond, stale, nil}[rng.IntN(3)]
			}
		case 6, 7:
			q := []daybook.Query{daybook.Stream(stream), tagged("x"), {{Types: []string{"F"}, Streams: []string{"s-0", "s-1"}}}}[rng.IntN(3)]
			reading, err := store.Read(ctx, q, daybook.Span{})
			if err != nil {
				return err
			}
			stale = reading.Condition()
			continue
		}
		_, err := store.Append(ctx, batch, cond)
		if err != nil && kind(err) != "conflict" && !slices.Contains(bear, kind(err)) {
			return err
		}
		if err == nil && len(batch) > 0 {
			last = batch
		}
	}
	return nil
}
