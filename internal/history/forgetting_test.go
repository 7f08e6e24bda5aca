package history_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
	"github.com/daybook-es/daybook/store/memstore"
)

// forgetful is a short history in which a stream is truncated, deleted, begun again and
// tombstoned, with readings in between, and the log that it left.
func forgetful(t *testing.T) (history.History, []daybook.Recorded) {
	t.Helper()
	ctx, store := t.Context(), memstore.New()
	recorder := history.Record(store)
	client := recorder.Client(1)
	n := byte(0)
	append1 := func(cond daybook.Condition, e daybook.Event) {
		t.Helper()
		n++
		e.ID = uuid.UUID{15: n}
		if _, err := client.Append(ctx, []daybook.Event{e}, cond); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (shown []daybook.Recorded) {
		t.Helper()
		reading, err := client.Read(ctx, daybook.Stream("s-1"), daybook.Span{})
		if err == nil {
			shown, err = reading.Collect()
		}
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	conflict := func(cond daybook.Condition) {
		t.Helper()
		if _, err := client.Append(ctx, nil, cond); err == nil {
			t.Fatal("no conflict")
		}
	}
	append1(nil, event(0, "s-1"))                              // 1
	append1(nil, event(0, "s-1", "x"))                         // 2
	append1(daybook.At("s-1", 2), daybook.Truncated("s-1", 2)) // 3
	seen := read()
	append1(nil, daybook.Deleted("s-1")) // 4
	read()
	conflict(daybook.Exists("s-1"))
	conflict(daybook.Nothing(x, daybook.Point{}))
	append1(daybook.New("s-1"), event(0, "s-1")) // 5
	seen = append(seen, read()...)
	append1(nil, daybook.Tombstoned("s-1")) // 6
	read()
	conflict(daybook.At("s-1", 3))
	log, err := history.Log(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	recorder.Followed(history.Following{Name: "of s-1", Query: daybook.Stream("s-1"), To: 6, Seen: seen})
	return recorder.History(), log
}

func TestAForgetfulHistoryPasses(t *testing.T) {
	h, log := forgetful(t)
	for _, log := range [][]daybook.Recorded{log, stubs(log)} {
		if err := h.Check(log); err != nil {
			t.Errorf("check: %v", err)
		}
		if err := h.CheckStreams(log); err != nil {
			t.Errorf("check of streams: %v", err)
		}
	}
}

// stubs returns the log as it is when it is scavenged.
func stubs(log []daybook.Recorded) []daybook.Recorded {
	log = slices.Clone(log)
	for i, e := range log {
		if e.Forgotten {
			log[i] = e.AsStub()
		}
	}
	return log
}

func TestAWrongForgetfulHistoryIsFoundOut(t *testing.T) {
	const truncated, deleted, again, gone = 0, 1, 2, 3 // readings
	for _, c := range []struct {
		name    string
		falsify func(h *history.History, log *[]daybook.Recorded)
		says    string // of Check; nothing if only the streams tell
	}{
		{"a reading shows what was truncated", func(h *history.History, log *[]daybook.Recorded) {
			h.Reads[truncated].Events = (*log)[:2]
		}, "was shown, and in its place"},
		{"a reading shows what was deleted", func(h *history.History, log *[]daybook.Recorded) {
			h.Reads[deleted].Events = (*log)[1:2]
		}, "was shown and is not there"},
		{"a reading does not show what came after a deletion", func(h *history.History, _ *[]daybook.Recorded) {
			h.Reads[again].Events = nil
		}, "was not shown"},
		{"a condition took a deleted stream for one that exists", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[6].Condition = daybook.Exists("s-1")
		}, "did not hold"},
		{"a conflict explains itself by what was deleted", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[4].Err.(*daybook.ConflictError).Failures[0].Position = 2
		}, "explains"},
		{"a condition on a query passed over what was deleted", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[5].Err, h.Appends[5].Receipt.Position = nil, 4
		}, "did not hold"},
		{"a conflict about a tombstoned stream names no tombstone", func(h *history.History, _ *[]daybook.Recorded) {
			h.Appends[8].Err.(*daybook.ConflictError).Failures[0].Position = 5
		}, "explains"},
		{"a stream goes on behind its tombstone", func(_ *history.History, log *[]daybook.Recorded) {
			behind := (*log)[4]
			behind.ID, behind.Position, behind.Version, behind.RecordedAt = uuid.UUID{15: 99}, 7, 4, (*log)[5].RecordedAt.Add(1)
			*log = append(*log, behind)
		}, "which was tombstoned at position 6"},
		{"a follower misses what was never forgotten", func(h *history.History, _ *[]daybook.Recorded) {
			h.Followings[0].Query, h.Followings[0].Seen = daybook.Stream("$$s-1"), nil
		}, "follower of s-1"},
	} {
		h, log := forgetful(t)
		c.falsify(&h, &log)
		if err := h.Check(log); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the checker says\n%v\nand not %q", c.name, err, c.says)
		}
	}
	for name, falsify := range map[string]func(h *history.History){
		"a reading shows a deleted stream":     func(h *history.History) { h.Reads[deleted].Events = h.Reads[truncated].Events },
		"a reading shows a tombstoned stream":  func(h *history.History) { h.Reads[gone].Events = h.Reads[again].Events },
		"a truncation hides the newest event":  func(h *history.History) { h.Reads[truncated].Events = nil },
		"a deleted stream exists":              func(h *history.History) { h.Appends[6].Condition = daybook.Exists("s-1") },
		"a deleted stream begins at one again": func(h *history.History) { h.Appends[6].Receipt.Versions["s-1"] = 1 },
	} {
		h, log := forgetful(t)
		falsify(&h)
		if h.CheckStreams(log) == nil {
			t.Errorf("%s: an order of the operations is said to explain it", name)
		}
	}
}
