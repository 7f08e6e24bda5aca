package natsstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/store/internal/shared"
)

// mustAppend appends events to a node.
func mustAppend(t *testing.T, node *Store, events ...daybook.Event) daybook.Receipt {
	t.Helper()
	receipt, err := node.Append(t.Context(), events, nil)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// epochIn returns the last epoch in the stream.
func epochIn(t *testing.T, node *Store) epochRecord {
	t.Helper()
	e, _, err := node.log.ends(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Goal: a node that was deposed, and does not know it, records nothing. Method: no answer and no news reach the holder of the
// epoch; the other node takes it over and records; then the first one appends, many times at once.
func TestADeposedWriterNeverGetsACommitIn(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{})
	one, other := s.nodes[0], s.nodes[1]
	mustAppend(t, one, placed("order-1"))
	was := epochIn(t, one)
	for range rounds(t, 5) {
		s.gates[0].Hold(true)
		if err := other.takeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		recorded := mustAppend(t, other, placed("order-1"))
		if turn, err := one.log.Ready(); err != nil || turn.Epoch != was.Epoch {
			t.Fatalf("the node that was deposed knows it: %v, %v", turn, err)
		}
		// What was filled in an epoch that is over is never sent.
		fault := one.log.Commit(shared.Group{Epoch: was.Epoch - 1, First: recorded.Position, Last: recorded.Position, Frames: []byte("late")})
		if fault == nil || !fault.Late || fault.Unknown {
			t.Errorf("a commit of an earlier epoch answers %+v", fault)
		}
		var appends sync.WaitGroup
		for i := range 8 {
			appends.Go(func() {
				if _, err := one.Append(t.Context(), []daybook.Event{placed(fmt.Sprintf("deposed-%d", i))}, nil); err != nil {
					t.Errorf("an append on a node that was deposed is not handed on: %v", err)
				}
			})
		}
		s.gates[0].Hold(false)
		appends.Wait()
		if err := one.takeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		was = epochIn(t, one)
	}
	settle(t, s)
}

// An append on a node that is behind waits for what its answer rests on, so who then decides again decides on the newest.
func TestADeciderOnALaggingNodeNeedsTwoTries(t *testing.T) {
	s := &subject{}
	gate := make(chan struct{})
	slow := quick
	slow.lag = func() { <-gate }
	*s = *newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{})
	s.dirs, s.gates, s.worlds = append(s.dirs, t.TempDir()), append(s.gates, new(natstest.Gate)), append(s.worlds, s.worlds[0])
	s.times, s.nodes = []times{quick, slow}, append(s.nodes, nil)
	s.openNode(t, 1)
	defer s.closeNode(1)
	ahead, behind := s.nodes[0], s.nodes[1]
	for range 50 {
		mustAppend(t, ahead, placed("order-1"))
	}
	time.AfterFunc(100*time.Millisecond, func() { close(gate) })
	for tries := 1; ; tries++ {
		reading, err := behind.Read(t.Context(), daybook.Stream("order-1"), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		past, err := reading.Collect()
		if err != nil {
			t.Fatal(err)
		}
		if tries == 1 && len(past) > 0 {
			t.Fatalf("the node that lags has %d events", len(past))
		}
		receipt, err := behind.Append(t.Context(), []daybook.Event{placed("order-1")}, daybook.At("order-1", daybook.Version(len(past))))
		if err == nil {
			if tries != 2 || receipt.Position != 51 {
				t.Errorf("it took %d tries, and the event is at position %d", tries, receipt.Position)
			}
			return
		}
		var conflict *daybook.ConflictError
		if !errors.As(err, &conflict) || tries > 1 {
			t.Fatalf("try %d: %v", tries, err)
		}
	}
}

func TestANodeThatIsClosedHandsTheEpochBack(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{})
	mustAppend(t, s.nodes[0], placed("order-1"))
	if e := epochIn(t, s.nodes[1]); e.Session != s.nodes[0].log.session {
		t.Fatalf("the node that has recorded does not hold the epoch: %+v", e)
	}
	if err := s.closeNode(0); err != nil {
		t.Fatal(err)
	}
	if e := epochIn(t, s.nodes[1]); e.Session != "" {
		t.Errorf("a node that was closed holds the epoch: %+v", e)
	}
	mustAppend(t, s.nodes[1], placed("order-1"))
	if e := epochIn(t, s.nodes[1]); e.Session != s.nodes[1].log.session || e.Epoch != 2 {
		t.Errorf("the other node has recorded, and the epoch is %+v", e)
	}
}

// A node that is gone is not there to be asked; one that is paused is there, and silent.
func TestTheEpochIsTakenOverFromANodeThatDoesNotAnswer(t *testing.T) {
	for what, away := range map[string]func(*natstest.Gate, bool){"gone": (*natstest.Gate).Cut, "paused": (*natstest.Gate).Hold} {
		t.Run(what, func(t *testing.T) {
			s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{})
			mustAppend(t, s.nodes[0], placed("order-1"))
			away(s.gates[0], true)
			event := placed("order-1")
			if receipt := mustAppend(t, s.nodes[1], event); receipt.Position != 2 {
				t.Errorf("recorded at position %d", receipt.Position)
			}
			away(s.gates[0], false)
			if receipt := mustAppend(t, s.nodes[0], event); !receipt.Repeated || receipt.Position != 2 {
				t.Errorf("the node that was away answers %+v", receipt)
			}
			mustAppend(t, s.nodes[0], placed("order-1"))
			if log := settle(t, s); len(log) != 3 {
				t.Errorf("%d events are recorded", len(log))
			}
		})
	}
}

// What a message cannot hold is not asked of another node: the epoch is taken over.
func TestAnAppendWithALongConditionIsDoneHere(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{})
	mustAppend(t, s.nodes[0], placed("order-1"))
	var cond daybook.Condition
	for i := range 20_000 {
		cond = append(cond, daybook.New(fmt.Sprintf("a stream of which there is nothing yet, number %d", i))...)
	}
	if _, err := s.nodes[1].Append(t.Context(), []daybook.Event{placed("order-1")}, cond); err != nil {
		t.Fatal(err)
	}
	if e := epochIn(t, s.nodes[1]); e.Session != s.nodes[1].log.session {
		t.Errorf("the epoch is %+v", e)
	}
}

// Goal: whatever happened to a node's own copy, the node opens, and has the log again. Method: a byte of a segment is
// changed, a segment is cut, or gone.
func TestANodeFetchesADamagedSegmentAgain(t *testing.T) {
	servers := natstest.StartWith(t, 1, unsynced)
	for what, damage := range map[string]func(file string) error{
		"a byte is changed": func(file string) error {
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 0x10
			return os.WriteFile(file, b, 0o600)
		},
		"it is torn": func(file string) error { return os.Truncate(file, 300) },
		"it is gone": os.Remove,
	} {
		t.Run(what, func(t *testing.T) {
			s := newSubject(t, servers, 2, Options{SegmentBytes: 2000})
			for range 100 {
				mustAppend(t, s.nodes[0], placed("order-1"))
			}
			s.saw(100)
			if err := s.settled(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.closeNode(1); err != nil {
				t.Fatal(err)
			}
			segments, err := filepath.Glob(filepath.Join(s.dirs[1], "*.seg"))
			if err != nil || len(segments) < 5 {
				t.Fatalf("there are %d segments: %v", len(segments), err)
			}
			if err := damage(segments[2]); err != nil {
				t.Fatal(err)
			}
			s.openNode(t, 1)
			mustAppend(t, s.nodes[1], placed("order-1"))
			if log := settle(t, s); len(log) != 101 {
				t.Errorf("%d events are recorded", len(log))
			}
		})
	}
}

// Damage that came while the node was open is found by comparing it with the stream.
func TestVerifyComparesACopyWithTheStream(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{SegmentBytes: 2000})
	for range 100 {
		mustAppend(t, s.nodes[0], placed("order-1"))
	}
	if v, err := s.nodes[0].Verify(t.Context()); err != nil || v.Position != 100 || v.Commits != 100 {
		t.Fatalf("of a copy that is sound: %+v, %v", v, err)
	}
	file := filepath.Join(s.dirs[0], "00000003.seg")
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 500); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var corrupt *daybook.CorruptError
	if _, err := s.nodes[0].Verify(t.Context()); !errors.As(err, &corrupt) || corrupt.Position == 0 {
		t.Errorf("of a copy that was damaged: %v", err)
	}
	if err := s.closeNode(0); err != nil {
		t.Fatal(err)
	}
	s.openNode(t, 0)
	settle(t, s)
}

// An append that the stream has taken, and of which no answer comes for as long as one is patient, is unknown; asked again it
// tells.
func TestACommitWhoseAnswerDoesNotComeIsUnknown(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{Patience: 300 * time.Millisecond})
	node := s.nodes[0]
	mustAppend(t, node, placed("order-1"))
	s.gates[0].Hold(true)
	event := placed("order-1")
	_, err := node.Append(t.Context(), []daybook.Event{event}, nil)
	var unknown *daybook.UnknownError
	if !errors.As(err, &unknown) || unknown.IDs[0] != event.ID {
		t.Fatalf("an append of which no answer comes: %v", err)
	}
	s.gates[0].Hold(false)
	for {
		receipt, err := node.Append(t.Context(), []daybook.Event{event}, nil)
		var unavailable *daybook.UnavailableError
		if errors.As(err, &unavailable) || errors.As(err, &unknown) {
			continue // the connection comes back
		}
		if err != nil || !receipt.Repeated || receipt.Position != 2 {
			t.Errorf("asked again: %+v, %v", receipt, err)
		}
		return
	}
}

// Who asked the holder of an epoch, and got no answer, is not answered by one that held an earlier one and does not know that it
// is over: what was asked first may be recorded.
func TestANodeAnswersForItsOwnEpochOnly(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{})
	node := s.nodes[0]
	mustAppend(t, node, placed("order-1"))
	e := epochIn(t, node)
	for _, c := range []struct {
		epoch uint64
		kind  string
	}{{e.Epoch - 1, kindConflict}, {e.Epoch, kindConflict}, {e.Epoch + 1, kindTurn}} {
		q := question{Epoch: c.epoch, Clauses: wireClauses(daybook.New("order-1")), events: []daybook.Event{placed("order-1")}}
		if a := node.log.answer(q.encode()); a.Error == nil || a.Error.Kind != c.kind {
			t.Errorf("the holder of epoch %d, asked for epoch %d, answers %+v", e.Epoch, c.epoch, a.Error)
		}
	}
}

// *Wrong last sequence* is said of a message that is stored already as well as of one that never will be.
func TestAnErrorIsNotBelievedUntilTheStreamIsRead(t *testing.T) {
	l := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{}).nodes[0].log
	msg := l.message(l.subjects.epoch, encodeJSON(epochRecord{Epoch: 1}))
	for _, try := range []string{"sent", "sent again"} {
		if seq, what, err := l.put(soon(t), msg, 1); seq != 2 || what != stored {
			t.Errorf("%s, it is message %d, and its outcome %d: %v", try, seq, what, err)
		}
	}
	if _, what, err := l.put(soon(t), l.message(l.subjects.epoch, encodeJSON(epochRecord{Epoch: 1})), 1); what != passed {
		t.Errorf("another message for its place has outcome %d: %v", what, err)
	}
	l.conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, what, err := l.put(ctx, l.message(l.subjects.epoch, nil), 2); what == stored || what == passed {
		t.Errorf("without a connection the outcome is %d: %v", what, err)
	}
}

// A node that joins later reads the stream, in which everything still is, and answers like one that has scavenged.
func TestANodeThatJoinsLaterAnswersAlike(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{SegmentBytes: 4000})
	first := s.nodes[0]
	var events []daybook.Event
	for i := range 40 {
		e := placed([]string{"order-1", "order-2"}[i%2])
		events = append(events, e)
		mustAppend(t, first, e)
	}
	mustAppend(t, first, daybook.Deleted("order-1"))
	s.saw(41)
	if err := s.scavenge(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.dirs, s.gates, s.worlds, s.nodes = append(s.dirs, t.TempDir()), append(s.gates, new(natstest.Gate)), append(s.worlds, s.worlds[0]), append(s.nodes, nil)
	s.openNode(t, 1)
	stubs := 0
	for _, q := range []daybook.Query{daybook.All(), daybook.Stream("order-1"), daybook.Stream("order-2"), {{IDs: daybook.Unknown(events, nil).IDs}}} {
		var read [2][]daybook.Recorded
		for i, node := range s.nodes {
			reading, err := node.Read(t.Context(), q, daybook.Span{})
			if err != nil {
				t.Fatal(err)
			}
			if read[i], err = reading.Collect(); err != nil {
				t.Fatal(err)
			}
		}
		for n := range max(len(read[0]), len(read[1])) {
			if len(read[0]) != len(read[1]) || read[0][n].Digest() != read[1][n].Digest() || read[0][n].Forgotten != read[1][n].Forgotten {
				t.Fatalf("%v: %d events are read on the node that has scavenged, and %d on the other", q, len(read[0]), len(read[1]))
			}
			if read[0][n].Stub != nil {
				stubs++
			}
		}
	}
	if stubs != 20 {
		t.Errorf("%d events are stubs", stubs)
	}
	for i, node := range s.nodes {
		if err := node.takeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if receipt := mustAppend(t, node, events[0]); !receipt.Repeated || receipt.Position != 1 {
			t.Errorf("node %d answers the repeat of what was forgotten with %+v", i, receipt)
		}
		if _, err := node.Append(t.Context(), nil, daybook.New("order-1")); err != nil {
			t.Errorf("node %d: a deleted stream is not new: %v", i, err)
		}
		if v, err := node.Verify(t.Context()); err != nil || v.Position != 41 {
			t.Errorf("node %d, compared with the stream: %+v, %v", i, v, err)
		}
	}
}
