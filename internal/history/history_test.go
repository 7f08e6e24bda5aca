package history_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
	"github.com/daybook-es/daybook/store/memstore"
)

var x = daybook.Query{{Tags: []string{"x"}}}

func event(n byte, stream string, tags ...string) daybook.Event {
	return daybook.Event{ID: uuid.UUID{15: n}, Stream: stream, Type: "E", Tags: tags, Data: []byte{n}}
}

// example is a short history of three clients, with everything in it, and the log
// that it left. Each caller gets its own.
func example(t *testing.T) (history.History, []daybook.Recorded) {
	t.Helper()
	ctx, store := t.Context(), memstore.New()
	recorder := history.Record(store)
	a, b, c := recorder.Client(1), recorder.Client(2), recorder.Client(3)
	read := func(s daybook.Store, q daybook.Query) daybook.Reading {
		reading, err := s.Read(ctx, q, daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		return reading
	}
	must := func(_ daybook.Receipt, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := read(a, x)
	must(a.Append(ctx, []daybook.Event{event(1, "s-1", "x"), event(2, "s-2")}, before.Condition()))
	must(b.Append(ctx, []daybook.Event{event(3, "s-1", "x"), event(4, "", "y"), event(5, "s-1")}, daybook.At("s-1", 1)))
	if _, err := c.Append(ctx, []daybook.Event{event(6, "s-2", "x")}, append(before.Condition(), daybook.New("s-2")...)); err == nil {
		t.Fatal("no conflict")
	}
	read(c, daybook.Stream("s-1"))
	read(c, x)
	must(c.Append(ctx, []daybook.Event{event(7, "s-2")}, daybook.Exists("s-2")))
	must(a.Append(ctx, []daybook.Event{event(1, "s-1", "x"), event(2, "s-2")}, nil)) // a repeat
	must(b.Append(ctx, nil, daybook.At("s-2", 2)))
	log, err := history.Log(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	recorder.Followed(history.Following{Name: "all", Query: daybook.All(), To: 6, Seen: slices.Clone(log)})
	return recorder.History(), log
}

func TestARightHistoryPasses(t *testing.T) {
	h, log := example(t)
	if err := h.Check(log); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := h.CheckStreams(log); err != nil {
		t.Errorf("check of streams: %v", err)
	}
}

// Each of these histories is the right one with one answer falsified.
func TestAWrongHistoryIsFoundOut(t *testing.T) {
	// Appends and reads of the example, by index.
	const first, second, refused, third, repeat, empty = 0, 1, 2, 3, 4, 5
	const ofStream, ofTag = 1, 2
	conflict := func(h *history.History) *daybook.ConflictError {
		var c *daybook.ConflictError
		errors.As(h.Appends[refused].Err, &c)
		return c
	}
	for _, c := range []struct {
		name    string
		falsify func(h *history.History, log *[]daybook.Recorded)
		says    string
	}{
		{"an acknowledged event is not there", func(_ *history.History, log *[]daybook.Recorded) { *log = (*log)[:5] }, "a receipt of position 6"},
		{"an acknowledged event has other bytes", func(_ *history.History, log *[]daybook.Recorded) { (*log)[1].Data = []byte("other") }, "is not what was acknowledged"},
		{"an acknowledged event has another tag", func(_ *history.History, log *[]daybook.Recorded) { (*log)[0].Tags = []string{"z"} }, "is not what was acknowledged"},
		{"an acknowledged event has another time", func(_ *history.History, log *[]daybook.Recorded) {
			(*log)[5].RecordedAt = (*log)[5].RecordedAt.Add(1)
		}, "is not what was acknowledged"},
		{"an acknowledged event is elsewhere", func(h *history.History, _ *[]daybook.Recorded) { h.Appends[third].Receipt.Position = 5 }, "was acknowledged for event"},
		{"a receipt has a wrong version", func(h *history.History, _ *[]daybook.Recorded) { h.Appends[second].Receipt.Versions["s-1"] = 2 }, "at version 2, and the log at 3"},
		{"a repeat names other events", func(h *history.History, _ *[]daybook.Recorded) { h.Appends[repeat].Receipt.Position = 3 }, "was acknowledged for event"},
		{"an unknown append is there in part", func(h *history.History, log *[]daybook.Recorded) {
			h.Appends[second].Err = &daybook.UnknownError{}
			h.Appends[second].Events = append(slices.Clone(h.Appends[second].Events), event(9, "s-1"))
		}, "it is there in part"},
		{"an unknown append is torn apart", func(h *history.History, log *[]daybook.Recorded) {
			h.Appends[second].Err = &daybook.UnknownError{}
			(*log)[3], (*log)[4] = (*log)[4], (*log)[3]
		}, "it is there in part"},
		{"a refused event is there", func(h *history.History, log *[]daybook.Recorded) {
			late := (*log)[5]
			late.Event, late.Position, late.Version = event(6, "s-2", "x"), 7, 3
			*log = append(*log, late)
		}, "every append of it was refused"},
		{"an unavailable append is there", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[third].Err = &daybook.UnavailableError{}
		}, "every append of it was refused"},
		{"a condition did not hold", func(h *history.History, _ *[]daybook.Recorded) { h.Appends[third].Condition = daybook.New("s-2") }, "did not hold"},
		{"a guard did not hold", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[second].Condition = daybook.Nothing(x, daybook.Point{})
		}, "did not hold"},
		{"an empty append's condition did not hold", func(h *history.History, _ *[]daybook.Recorded) { h.Appends[empty].Condition = daybook.At("s-2", 1) }, "did not hold"},
		{"a conflict names an event that is not there", func(h *history.History, _ *[]daybook.Recorded) { conflict(h).Failures[0].Position = 9 }, "explains"},
		{"a conflict names an event that is no reason", func(h *history.History, _ *[]daybook.Recorded) { conflict(h).Failures[0].Position = 2 }, "explains"},
		{"a conflict names a clause that held", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[refused].Condition = append(h.Appends[refused].Condition, daybook.Exists("s-1")...)
			conflict(h).Failures = append(conflict(h).Failures, daybook.Failure{Clause: daybook.Exists("s-1")[0]})
		}, "and it did"},
		{"a conflict forgets a clause that failed", func(h *history.History, _ *[]daybook.Recorded) { conflict(h).Failures = conflict(h).Failures[1:] }, "does not name"},
		{"a conflict without a reason", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[refused].Condition, conflict(h).Failures = nil, nil
		}, "names 0 clauses"},
		{"a conflict in the future", func(h *history.History, _ *[]daybook.Recorded) { conflict(h).At.Position = 9 }, "a conflict at position 9"},
		{"an event that nobody appended", func(_ *history.History, log *[]daybook.Recorded) {
			invented := (*log)[5]
			invented.Event, invented.Position, invented.Version = event(99, ""), 7, 0
			*log = append(*log, invented)
		}, "appended by nobody"},
		{"a gap in the log", func(_ *history.History, log *[]daybook.Recorded) { (*log)[5].Position = 7 }, "is at position 7"},
		{"a wrong version in the log", func(_ *history.History, log *[]daybook.Recorded) { (*log)[4].Version = 4 }, "has version 4"},
		{"a version of no stream", func(_ *history.History, log *[]daybook.Recorded) { (*log)[3].Version = 1 }, "want 0"},
		{"time that falls", func(_ *history.History, log *[]daybook.Recorded) {
			(*log)[5].RecordedAt = (*log)[0].RecordedAt.Add(-time.Second)
		}, "before the position in front of it"},
		{"an id twice", func(_ *history.History, log *[]daybook.Recorded) { (*log)[5].ID = (*log)[0].ID }, "is recorded at positions 1 and 6"},
		{"a reading that skips", func(h *history.History, _ *[]daybook.Recorded) {
			h.Reads[ofStream].Events = h.Reads[ofStream].Events[1:]
		}, "was shown, and in its place"},
		{"a reading that ends early", func(h *history.History, _ *[]daybook.Recorded) {
			h.Reads[ofTag].Events = h.Reads[ofTag].Events[:1]
		}, "was not shown"},
		{"a reading that shows what then vanished", func(h *history.History, _ *[]daybook.Recorded) {
			gone := h.Reads[ofTag].Events[1]
			gone.Event, gone.Position = event(50, "s-9", "x"), 5
			h.Reads[ofTag].Events = append(h.Reads[ofTag].Events, gone)
		}, "was shown and is not there"},
		{"a reading that shows other bytes", func(h *history.History, _ *[]daybook.Recorded) {
			h.Reads[ofTag].Events[0].Data = []byte("earlier")
		}, "was shown, and in its place"},
		{"a reading past the end", func(h *history.History, _ *[]daybook.Recorded) { h.Reads[ofTag].Snapshot.Position = 50 }, "and the log ends at 6"},
		{"a reading that misses what was acknowledged before it", func(h *history.History, _ *[]daybook.Recorded) {
			h.Reads[ofTag].Events, h.Reads[ofTag].Snapshot.Position = nil, 0
		}, "had been answered before it was asked"},
		{"an append recorded before what preceded it", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[first].Called, h.Appends[first].Returned = 1000, 1001
		}, "had been answered before it was asked"},
		{"a conflict found in the past", func(h *history.History, _ *[]daybook.Recorded) {
			conflict(h).At.Position = 2
		}, "had been answered before it was asked"},
		{"a follower that misses one", func(h *history.History, _ *[]daybook.Recorded) {
			h.Followings[0].Seen = slices.Delete(h.Followings[0].Seen, 2, 3)
		}, "follower all"},
		{"a follower that sees one twice", func(h *history.History, _ *[]daybook.Recorded) {
			h.Followings[0].Seen = slices.Insert(h.Followings[0].Seen, 2, h.Followings[0].Seen[2])
		}, "follower all"},
		{"a follower that sees them in another order", func(h *history.History, _ *[]daybook.Recorded) {
			slices.Reverse(h.Followings[0].Seen)
		}, "follower all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, log := example(t)
			c.falsify(&h, &log)
			err := h.Check(log)
			if err == nil {
				t.Fatal("the checker finds nothing wrong")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the checker says\n%v\nand not %q", err, c.says)
			}
		})
	}
}

func TestManyViolationsAreCounted(t *testing.T) {
	h, log := example(t)
	for i := range log {
		log[i].Position += 7
		log[i].Version += 7
	}
	err := h.Check(log)
	if err == nil || !strings.Contains(err.Error(), "violations more") || strings.Count(err.Error(), "\n") > 12 {
		t.Errorf("a log that is wrong throughout is reported as\n%v", err)
	}
}

// The checker of streams knows nothing of positions: it must find out by versions
// and times alone what no order explains.
func TestStreamsThatNoOrderExplains(t *testing.T) {
	const first, second, refused, third, empty = 0, 1, 2, 3, 5
	for name, falsify := range map[string]func(h *history.History){
		"two appends took one version": func(h *history.History) { h.Appends[third].Receipt.Versions["s-2"] = 1 },
		"a version that jumps":         func(h *history.History) { h.Appends[second].Receipt.Versions["s-1"] = 5 },
		"a condition that cannot have held": func(h *history.History) {
			h.Appends[third].Condition = daybook.New("s-2")
		},
		"a conflict over a stream that was as expected": func(h *history.History) {
			var conflict *daybook.ConflictError
			errors.As(h.Appends[refused].Err, &conflict)
			conflict.Failures = []daybook.Failure{{Clause: daybook.At("s-2", 1)[0]}}
		},
		"a reading of a stream that is older than it could be": func(h *history.History) {
			h.Reads[1].Events = h.Reads[1].Events[:1]
		},
		"an empty append that saw what was not so": func(h *history.History) { h.Appends[empty].Condition = daybook.At("s-2", 1) },
		"an append after another that it precedes": func(h *history.History) {
			h.Appends[first].Called, h.Appends[first].Returned = 1000, 1001
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, log := example(t)
			falsify(&h)
			if h.CheckStreams(log) == nil {
				t.Error("an order is found that explains it")
			}
		})
	}
}

func TestAnUnknownAppendMayHaveBeenRecordedAtAnyTime(t *testing.T) {
	h, log := example(t)
	h.Appends[3].Err = &daybook.UnknownError{}
	if err := errors.Join(h.Check(log), h.CheckStreams(log)); err != nil {
		t.Errorf("an unknown append that was recorded: %v", err)
	}
	absent := history.Append{Interval: history.Interval{Called: 500, Returned: 501}, Events: []daybook.Event{event(77, "s-1")}, Err: &daybook.UnknownError{}}
	h.Appends = append(h.Appends, absent)
	if err := errors.Join(h.Check(log), h.CheckStreams(log)); err != nil {
		t.Errorf("an unknown append that was not recorded: %v", err)
	}
}

func TestClientsKeepTheRulesOfTheirBoundaries(t *testing.T) {
	store := memstore.New()
	h, tally, err := history.Boundaries(t.Context(), store, history.Workload{Clients: 64, Rounds: 12, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	log, err := history.Log(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.Check(log), h.CheckStreams(log)); err != nil {
		t.Error(err)
	}
	if tally.Recorded == 0 || tally.Refused == 0 || tally.Recorded+tally.Refused != 64*12 {
		t.Errorf("the clients made %+v, want %d decisions of both kinds", tally, 64*12)
	}
}

func TestClientsApartDoNotConflict(t *testing.T) {
	h, tally, err := history.Apart(t.Context(), memstore.New(), history.Workload{Clients: 64, Rounds: 10, Seed: 1})
	if err != nil || tally != (history.Tally{Recorded: 640}) || len(h.Appends) != 640 {
		t.Errorf("the clients made %+v in %d appends (%v), want 640 recorded", tally, len(h.Appends), err)
	}
}

// A store that looks at its conditions outside its serial section must be seen to
// break the rules of the clients, and be found out by both checkers.
type hasty struct {
	daybook.Store
	turn sync.Mutex
}

func (s *hasty) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	if _, err := s.Store.Append(ctx, nil, cond); err != nil {
		return daybook.Receipt{}, err
	}
	runtime.Gosched() // let others look, too
	s.turn.Lock()
	defer s.turn.Unlock()
	return s.Store.Append(ctx, events, nil)
}

func TestAHastyStoreBreaksTheRules(t *testing.T) {
	store := &hasty{Store: memstore.New()}
	var rules, checks error
	for seed := uint64(0); seed < 20 && (rules == nil || checks == nil); seed++ {
		store = &hasty{Store: memstore.New()}
		h, _, err := history.Boundaries(t.Context(), store, history.Workload{Clients: 64, Rounds: 12, Seed: seed})
		rules = errors.Join(rules, err)
		log, err := history.Log(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		checks = errors.Join(checks, h.Check(log))
	}
	if rules == nil || checks == nil {
		t.Errorf("rules: %v\nchecks: %v", rules, checks)
	}
	if !strings.Contains(fmt.Sprint(checks), "did not hold") {
		t.Errorf("the checker says %v", checks)
	}
}
