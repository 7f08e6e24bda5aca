package pgstore

import (
	"bytes"
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// Another process is stopped when it has the lock of the log: behind the checks of an append
// before its insert, and in the middle of the insert. The promise is
// about seconds; how many it takes is told rather than judged, since the machine may be busy.
func TestAStoppedWriterHoldsTheOthersUpForSecondsOnly(t *testing.T) {
	for _, at := range []struct {
		what   string
		behind []byte
		bytes  int // so many that what the statement is sent in has several parts
	}{
		{"before its insert", nil, 0},
		{"in the middle of its insert", bindRecord, 500_000},
	} {
		t.Run(at.what, func(t *testing.T) {
			database := pgtest.Database(t)
			store := open(t, database, Options{})
			cable, address := pgtest.Lay(t, database)
			stopped, resume := make(chan int), make(chan struct{})
			appended, next := 0, false
			held := func(asked []byte) bool {
				stops := next
				if bytes.Contains(asked, bindRecord) {
					appended++
					stops = appended == 3 && at.behind == nil
				}
				if stops {
					stopped <- 0
					<-resume
				}
				next = appended == 3 && at.behind != nil && bytes.Contains(asked, at.behind)
				return false
			}
			cable.ToServer.Store(&held)
			other := begin(t, task{URL: address, Stream: "stopped-1", Appends: 5, Bytes: at.bytes})
			<-stopped
			if err := other.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}

			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := store.Append(ctx, []daybook.Event{{Stream: "other-1", Type: "Done"}}, nil); err != nil {
				t.Error(err)
			}
			t.Logf("the other process went on after %v", time.Since(begun).Round(time.Millisecond))

			cable.ToServer.Store(nil)
			close(resume)
			if err := other.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			other.end(t)
			log, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
			if err != nil {
				t.Fatal(err)
			}
			events, err := log.Collect()
			if err != nil || len(events) != 6 || events[2].Stream != "other-1" || events[5].Version != 5 {
				t.Errorf("in the end the log has %+v, %v", events, err)
			}
		})
	}
}

// A writer's statements are sent together, but a system may take them from it in pieces: here
// it is stopped between two of them.
func TestAWriterStoppedBetweenTwoStatementsHoldsTheOthersUpForSecondsOnly(t *testing.T) {
	database := pgtest.Database(t)
	store, stopped := open(t, database, Options{}), open(t, database, Options{})
	w := &writer{store: stopped.Store}
	defer w.hangUp()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.dial(ctx); err != nil {
		t.Fatal(err)
	}
	j := w.journey(ctx)
	j.send(beginSQL)
	j.send(lockSQL, stopped.number)
	j.send(advanceSQL, stopped.number, int64(7), int64(7), int64(0))
	if err := j.depart(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // it has the lock
		if _, err := j.answer(nil); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	receipt, err := store.Append(ctx, []daybook.Event{{Stream: "other-1", Type: "Done"}}, nil)
	if err != nil || receipt.Position != 1 {
		t.Errorf("recorded at %d, %v", receipt.Position, err)
	}
	t.Logf("the other store went on after %v", time.Since(begun).Round(time.Millisecond))
}

// Three processes append, whose clocks are an hour apart from each other. What they stamp is
// the server's time, whatever theirs is; so it is again with servers whose clocks are an
// hour apart, each of which one of the processes takes for its own.
func TestTheTimeOfRecordingRisesWhateverTheClocksShow(t *testing.T) {
	for _, servers := range []bool{false, true} {
		database := pgtest.Database(t)
		store := open(t, database, Options{})
		begun := time.Now()
		var others []*process
		for i, ahead := range []time.Duration{-time.Hour, 0, time.Hour} {
			others = append(others, begin(t, task{URL: database, Stream: string(rune('a'+i)) + "-1", Appends: 60, Ahead: ahead, Stamping: servers}))
		}
		for _, other := range others {
			other.end(t)
		}
		log, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		var last time.Time
		n := 0
		for e, err := range log.Events() {
			if err != nil {
				t.Fatal(err)
			}
			if !e.RecordedAt.After(last) {
				t.Errorf("position %d was recorded at %v, after %v", e.Position, e.RecordedAt, last)
			}
			last = e.RecordedAt
			n++
			if !servers && (e.RecordedAt.Before(begun.Add(-time.Minute)) || e.RecordedAt.After(time.Now().Add(time.Minute))) {
				t.Errorf("position %d was recorded at %v: by whose clock?", e.Position, e.RecordedAt)
			}
		}
		if n != 180 {
			t.Errorf("%d events are recorded, want 180", n)
		}
	}
}
