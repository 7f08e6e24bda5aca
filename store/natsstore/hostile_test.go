package natsstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
)

// smuggle has somebody else publish into the stream of a node.
func smuggle(t *testing.T, node *Store, subject string, header nats.Header, data []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := node.log.publish(ctx, &nats.Msg{Subject: subject, Header: header, Data: data}); err != nil {
		t.Fatal(err)
	}
}

// A message that is neither an epoch nor a commit says nothing about the log.
func TestAMessageThatIsNoneOfTheLogsIsPassedOver(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{Patience: 3 * time.Second})
	mustAppend(t, s.nodes[0], placed("order-1"))
	smuggle(t, s.nodes[0], s.nodes[0].log.subjects.identity, nil, []byte("another identity"))
	mustAppend(t, s.nodes[0], placed("order-1"))
	smuggle(t, s.nodes[0], s.nodes[0].log.subjects.identity, nil, []byte("another identity"))
	mustAppend(t, s.nodes[1], placed("order-1"))
	s.saw(3)
	if log := settle(t, s); len(log) != 3 {
		t.Errorf("%d events are recorded", len(log))
	}
}

// A conflict that names very many clauses is longer than a message may be.
func TestAnAnswerThatHasNoRoomInAMessageIsGiven(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{Patience: 5 * time.Second})
	mustAppend(t, s.nodes[0], placed("a"))
	var cond daybook.Condition
	for range 41_000 {
		cond = append(cond, daybook.New("a")...)
	}
	var conflict *daybook.ConflictError
	_, err := s.nodes[1].Append(t.Context(), []daybook.Event{placed("a")}, cond)
	if !errors.As(err, &conflict) || len(conflict.Failures) != len(cond) {
		t.Errorf("a conflict of %d clauses: %.200v", len(cond), err)
	}
}

// Servers that refuse a node for a while, as they do when its credentials have run out, find it again when they do not.
func TestANodeComesBackWhenItsCredentialsAreRenewed(t *testing.T) {
	var options *server.Options
	servers := natstest.StartWith(t, 1, func(o *server.Options) {
		unsynced(o)
		options = o
	})
	s := newSubject(t, servers, 1, Options{Patience: 10 * time.Second})
	mustAppend(t, s.nodes[0], placed("order-1"))
	locked := options.Clone()
	locked.Username, locked.Password = "somebody", "else"
	if err := servers.Server(0).ReloadOptions(locked); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && !s.nodes[0].log.conn.IsClosed(); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := servers.Server(0).ReloadOptions(options.Clone()); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s.nodes[0], placed("order-1"))
}

// What cannot be a part of the log is named when it is opened, and nobody waits for it.
func TestALogWithAForeignCommitIsCorrupt(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{Patience: 3 * time.Second})
	mustAppend(t, s.nodes[0], placed("order-1"))
	if err := s.closeNode(1); err != nil {
		t.Fatal(err)
	}
	l := s.nodes[0].log
	smuggle(t, s.nodes[0], l.subjects.commit, nats.Header{headerPositions: {"1-2"}, headerEpoch: {"1"}}, []byte("these are no frames at all, and too long to be nothing ........................."))
	var corrupt *daybook.CorruptError
	_, err := s.nodes[0].Append(soon(t), []daybook.Event{placed("order-1")}, nil)
	if !errors.As(err, &corrupt) {
		t.Errorf("append: %v", err)
	}
	node, err := s.node(soon(t), 1)
	if !errors.As(err, &corrupt) {
		t.Errorf("open: %v", err)
	}
	if err == nil {
		node.Close()
	}
}

// A node that runs while somebody deletes the stream, and another node makes it again, does not record into another log.
func TestANodeRecordsNothingInAStreamThatWasMadeAgain(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{Patience: 3 * time.Second})
	l := s.nodes[0].log
	if err := l.js.DeleteStream(t.Context(), l.subjects.stream); err != nil {
		t.Fatal(err)
	}
	s.dirs, s.gates, s.worlds, s.nodes = append(s.dirs, t.TempDir()), append(s.gates, new(natstest.Gate)), append(s.worlds, s.worlds[0]), append(s.nodes, nil)
	s.openNode(t, 1)
	var corrupt *daybook.CorruptError
	if _, err := s.nodes[0].Append(t.Context(), []daybook.Event{placed("order-1")}, nil); !errors.As(err, &corrupt) {
		t.Errorf("a node of the log that was: %v", err)
	}
	mustAppend(t, s.nodes[1], placed("order-1"))
	if _, err := s.nodes[1].Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// A commit of somebody else that lies behind others, and says that it does not, is named too.
func TestAForeignCommitThatIsNotTheNextIsCorrupt(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{Patience: 10 * time.Second})
	for range 5 {
		mustAppend(t, s.nodes[0], placed("order-1"))
	}
	l := s.nodes[0].log
	smuggle(t, s.nodes[0], l.subjects.commit, nats.Header{headerPositions: {"0-1"}, headerEpoch: {"1"}}, []byte("no frames"))
	for i, node := range s.nodes {
		var corrupt *daybook.CorruptError
		_, err := node.Append(soon(t), []daybook.Event{placed("order-1")}, nil)
		if !errors.As(err, &corrupt) || corrupt.Where != "message 8 of the stream" || corrupt.Position != 5 {
			t.Errorf("node %d: %v", i, err)
		}
	}
}
