package natsstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
)

// A slowStream does something after it was asked for the last message on a subject, once.
type slowStream struct {
	jetstream.Stream
	subject string
	after   func()
}

// A staleStream answers the first question for the last commit as a leader does that has yet to learn of what was
// acknowledged: with an earlier one.
type staleStream struct {
	jetstream.Stream
	subject string
	earlier uint64
}

func (s *staleStream) GetLastMsgForSubject(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	if earlier := s.earlier; earlier > 0 && subject == s.subject {
		s.earlier = 0
		return s.GetMsg(ctx, earlier)
	}
	return s.Stream.GetLastMsgForSubject(ctx, subject)
}

func (s *slowStream) GetLastMsgForSubject(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	msg, err := s.Stream.GetLastMsgForSubject(ctx, subject)
	if after := s.after; after != nil && subject == s.subject {
		s.after = nil
		after()
	}
	return msg, err
}

// Between the question for the last epoch and that for the last commit somebody promises and commits. Whoever takes over then
// must know of the promise.
func TestWhatWasPromisedDuringATakeoverIsKept(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{})
	mustAppend(t, s.nodes[0], placed("order-1"))
	one, other := s.nodes[0].log, s.nodes[1].log
	promised := time.Now().Add(time.Hour).UnixNano()
	other.stream = &slowStream{Stream: other.stream, subject: other.subjects.epoch, after: func() {
		if err := one.Promise(t.Context(), promised); err != nil {
			t.Error(err)
		}
		mustAppend(t, s.nodes[0], placed("order-1"))
	}}
	if err := other.acquire(t.Context(), one.session); err != nil {
		t.Fatal(err)
	}
	turn, err := other.Ready()
	if err != nil || turn.Stamp != promised || turn.From != 2 {
		t.Errorf("the turn is %+v (%v), and nothing may be recorded at or before %d any more", turn, err, promised)
	}
}

// Between the two questions the epoch is taken over by a third node.
func TestNoTwoTurnsHaveOneEpoch(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 3, Options{})
	mustAppend(t, s.nodes[0], placed("order-1"))
	late := s.nodes[1].log
	late.stream = &slowStream{Stream: late.stream, subject: late.subjects.epoch, after: func() {
		if err := s.nodes[2].takeOver(t.Context()); err != nil {
			t.Error(err)
		}
		mustAppend(t, s.nodes[2], placed("order-1"))
	}}
	if err := late.acquire(t.Context(), s.nodes[0].log.session); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s.nodes[0], placed("order-1"))
	s.saw(daybook.Position(3))
	inTurn(t, s.nodes[0])
}

// The leader of the stream changes between the two questions, and the new one has yet to learn of the last commit. A turn that
// began in front of that commit would record other events at its positions.
func TestNoTurnBeginsInFrontOfACommit(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{})
	gate := make(chan struct{})
	catchUp := sync.OnceFunc(func() { close(gate) })
	slow := quick
	var behind atomic.Bool
	slow.lag = func() {
		if behind.Load() {
			<-gate
		}
	}
	s.dirs, s.gates, s.worlds = append(s.dirs, t.TempDir()), append(s.gates, new(natstest.Gate)), append(s.worlds, s.worlds[0])
	mustAppend(t, s.nodes[0], placed("order-1")) // message 3, behind the identity and the epoch
	s.times, s.nodes = []times{quick, slow}, append(s.nodes, nil)
	s.openNode(t, 1)
	defer s.closeNode(1)
	defer catchUp()
	behind.Store(true)
	mustAppend(t, s.nodes[0], placed("order-1"))
	one, other := s.nodes[0].log, s.nodes[1].log
	if err := one.Promise(t.Context(), time.Now().UnixNano()); err != nil {
		t.Fatal(err)
	}
	other.stream = &staleStream{Stream: other.stream, subject: other.subjects.commit, earlier: 3}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := other.acquire(ctx, one.session); err == nil {
		e, c, err := one.ends(t.Context())
		t.Fatalf("a turn begins with %+v, and the last commit ends at position %d (%v)", e, c.last, err)
	}
	catchUp()
	if err := other.acquire(t.Context(), one.session); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s.nodes[1], placed("order-1"))
	if log := settle(t, s); len(log) != 3 {
		t.Errorf("%d events are recorded", len(log))
	}
}

// A leader that says less than this node has is asked again before the stream is said to have lost something.
func TestALeaderThatHasYetToLearnIsAskedAgain(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{})
	mustAppend(t, s.nodes[0], placed("order-1")) // message 3
	mustAppend(t, s.nodes[0], placed("order-1"))
	l := s.nodes[0].log
	stale := &staleStream{Stream: l.stream, subject: l.subjects.commit, earlier: 3}
	l.stream = stale
	if _, last, err := l.tail(t.Context(), 2); err != nil || last.last != 2 || stale.earlier != 0 {
		t.Errorf("the stream ends at position %d (%v)", last.last, err)
	}
	var corrupt *daybook.CorruptError
	if _, _, err := l.tail(t.Context(), 3); !errors.As(err, &corrupt) || corrupt.Position != 2 {
		t.Errorf("of a stream that has lost something: %v", err)
	}
}
