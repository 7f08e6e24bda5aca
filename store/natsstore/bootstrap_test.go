package natsstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore"
)

// A logText is what was logged.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) says(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), what)
}

const (
	farCommits   = 60  // of the log of farAhead
	commitEvents = 100 // of each of them

	tookFrames    = "another node's copy gave a part of the log"
	refusedFrames = "other nodes give nothing that follows here"
)

// A newcomer is a node that is opened with an empty directory far behind a log, the other node of a subject.
type newcomer struct {
	*subject
	read atomic.Int64 // messages of the stream
	said *logText
}

// farAhead returns a log on a node, and another node that is not open.
func farAhead(t *testing.T) *newcomer {
	t.Helper()
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{SegmentBytes: 50_000})
	for i := range farCommits {
		batch := make([]daybook.Event, commitEvents)
		for n := range batch {
			batch[n] = placed(fmt.Sprintf("order-%d", i/(farCommits/2)))
		}
		s.saw(mustAppend(t, s.nodes[0], batch...).Position)
	}
	n := &newcomer{subject: s}
	s.dirs, s.gates, s.worlds, s.nodes = append(s.dirs, ""), append(s.gates, new(natstest.Gate)), append(s.worlds, vfs.OS()), append(s.nodes, nil)
	s.times = []times{quick, quick}
	s.times[1].lag = func() { n.read.Add(1) }
	return n
}

// arrive opens the new node, with an empty directory, and makes sure that it has the log.
func (n *newcomer) arrive(t *testing.T) {
	t.Helper()
	if err := n.closeNode(1); err != nil {
		t.Fatal(err)
	}
	n.dirs[1] = t.TempDir()
	t.Cleanup(func() { n.closeNode(1) })
	n.reopen(t)
}

// reopen opens the new node again.
func (n *newcomer) reopen(t *testing.T) {
	t.Helper()
	if err := n.closeNode(1); err != nil {
		t.Fatal(err)
	}
	n.said = new(logText)
	n.opts.Logger = slog.New(slog.NewTextHandler(n.said, nil))
	n.read.Store(0)
	n.openNode(t, 1)
	if n.nodes[1] == nil {
		t.FailNow()
	}
	if err := n.nodes[1].Health(); err != nil {
		t.Errorf("the node is open, and says: %v", err)
	}
	log := settle(t, n.subject)
	if len(log) < farCommits*commitEvents {
		t.Errorf("the node has %d events", len(log))
	}
}

// framesOf returns what a node gives behind a position.
func framesOf(t *testing.T, node *Store, after daybook.Position, most int) []byte {
	t.Helper()
	b, err := node.log.node.Frames(t.Context(), after, node.log.node.Head(), most)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Goal: a node that is new or has lost its copy gets what another node has sealed from there, the rest from the stream, and is
// the same as both. Method: the messages that it reads of the stream are counted.
func TestANewNodeGetsTheLogFromAnotherNode(t *testing.T) {
	n := farAhead(t)
	asked := new(atomic.Int64)
	l := n.nodes[0].log
	if _, err := l.conn.Subscribe(l.subjects.frames, func(*nats.Msg) { asked.Add(1) }); err != nil {
		t.Fatal(err)
	}
	n.arrive(t)
	if read := n.read.Load(); read > farCommits/4 || asked.Load() == 0 || !n.said.says(tookFrames) {
		t.Errorf("%d messages were read from the stream, and nodes asked %d times", read, asked.Load())
	}
	if own, other := framesOf(t, n.nodes[1], 0, 1<<30), framesOf(t, n.nodes[0], 0, 1<<30); !bytes.Equal(own, other) || len(own) == 0 {
		t.Errorf("the new node has %d bytes, and the other one %d", len(own), len(other))
	}

	// A node that lacks little asks nobody.
	asked.Store(0)
	if err := n.closeNode(1); err != nil {
		t.Fatal(err)
	}
	n.saw(mustAppend(t, n.nodes[0], placed("order-9")).Position)
	n.reopen(t)
	if err := l.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if asked.Load() > 0 || n.read.Load() == 0 {
		t.Errorf("for one commit nodes were asked %d times, and %d messages read", asked.Load(), n.read.Load())
	}
}

func TestANewNodeIsGivenNothingThatWasScavenged(t *testing.T) {
	n := farAhead(t)
	was := framesOf(t, n.nodes[0], 0, 1<<30)
	n.saw(mustAppend(t, n.nodes[0], daybook.Deleted("order-1")).Position)
	report, err := n.nodes[0].Scavenge(t.Context(), &logstore.ScavengeOptions{Newest: true})
	if err != nil || report.Events != farCommits/2*commitEvents {
		t.Fatalf("scavenging did %+v: %v", report, err)
	}
	n.arrive(t)
	if read := n.read.Load(); read < farCommits/2 || read > farCommits*3/4 || !n.said.says(tookFrames) {
		t.Errorf("%d messages were read from the stream", read)
	}
	if own := framesOf(t, n.nodes[1], 0, 1<<30); !bytes.HasPrefix(own, was) {
		t.Error("the new node has other frames than were committed")
	}
}

// Goal: whatever other nodes answer, a new node has what the stream has, and tells what was wrong. Method: in place of the other
// node, which is closed, somebody answers with what it would have answered, and then with something else.
func TestWhateverOtherNodesAnswerANewNodeEndsRight(t *testing.T) {
	n := farAhead(t)
	foreign := newSubject(t, n.servers, 1, Options{SegmentBytes: 2000})
	for range 20 {
		mustAppend(t, foreign.nodes[0], placed("order-1"), placed("order-1"))
	}
	another := framesOf(t, foreign.nodes[0], 0, 1<<20)
	sound := make(map[daybook.Position][]byte)
	for after := daybook.Position(0); after < farCommits*commitEvents; after += commitEvents {
		sound[after] = framesOf(t, n.nodes[0], after, 200_000)
	}
	if err := n.closeNode(0); err != nil {
		t.Fatal(err)
	}
	subject := subjectsOf(n.log).frames

	t.Run("nobody", func(t *testing.T) {
		n.arrive(t)
		if n.read.Load() < farCommits || n.said.says(tookFrames) || n.said.says(refusedFrames) {
			t.Errorf("%d messages were read from the stream", n.read.Load())
		}
	})
	flip := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)/2] ^= 4
		return b
	}
	for what, third := range map[string]func(b []byte) []byte{
		"nothing":                 func([]byte) []byte { return []byte{} },
		"no more, as it is gone":  func([]byte) []byte { return nil },
		"garbage":                 func([]byte) []byte { return []byte(strings.Repeat("these are no frames. ", 100)) },
		"a flipped bit":           flip,
		"a part of a frame":       func(b []byte) []byte { return b[:len(b)-8] },
		"frames of another log":   func([]byte) []byte { return another },
		"frames of another place": func([]byte) []byte { return sound[3*commitEvents] },
	} {
		for _, good := range []int64{0, 2} {
			if good == 0 && (what == "no more, as it is gone" || what == "a part of a frame") {
				continue // a test more that tells nothing more
			}
			t.Run(fmt.Sprintf("%s after %d answers", what, good), func(t *testing.T) {
				conn, err := nats.Connect(n.servers.URL())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				var asked atomic.Int64
				_, err = conn.QueueSubscribe(subject, framesQueue, func(msg *nats.Msg) {
					var q framesQuestion
					if err := json.Unmarshal(msg.Data, &q); err != nil {
						t.Error(err)
					}
					b := sound[q.After]
					if asked.Add(1) > good {
						b = third(b)
					}
					if b != nil {
						_ = msg.Respond(b)
					}
				})
				if err == nil {
					err = conn.Flush()
				}
				if err != nil {
					t.Fatal(err)
				}
				n.arrive(t)
				if asked.Load() != good+1 {
					t.Errorf("somebody was asked %d times", asked.Load())
				}
				if took, read := n.said.says(tookFrames), n.read.Load(); took != (good > 0) || (read < farCommits) != (good > 0) {
					t.Errorf("frames were taken from another node: %t, and %d messages read from the stream", took, read)
				}
				if n.said.says(refusedFrames) != (what != "nothing") {
					t.Error("what was wrong is not told")
				}
			})
		}
	}
}

// A node that has trouble of its own gives nothing: what it has may not be what the stream has.
func TestANodeThatIsNotWellGivesNoFrames(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{SegmentBytes: 2000})
	for range 20 {
		mustAppend(t, s.nodes[0], placed("order-1"))
	}
	l := s.nodes[0].log
	question := encodeJSON(framesQuestion{To: 20, Most: 1 << 20})
	if b, err := l.framesFor(question); err != nil || len(b) == 0 {
		t.Fatalf("a node that is well gives %d bytes: %v", len(b), err)
	}
	if b, err := l.framesFor([]byte(`{"behind":1}`)); err == nil || len(b) > 0 {
		t.Errorf("a question that cannot be read is answered with %d bytes", len(b))
	}
	bad := errors.New("something is wrong")
	l.copyHealth = func() error { return bad }
	if b, err := l.framesFor(question); !errors.Is(err, bad) || len(b) > 0 {
		t.Errorf("a node that is not well gives %d bytes: %v", len(b), err)
	}
	l.copyHealth = s.nodes[0].node.Health
	trouble := context.DeadlineExceeded
	err := error(trouble)
	l.trouble.Store(&err)
	if b, err := l.framesFor(question); !errors.Is(err, trouble) || len(b) > 0 {
		t.Errorf("a node to which nothing arrives gives %d bytes: %v", len(b), err)
	}
}

// What lies behind the end of the stream is nothing that the stream is known to have.
func TestNoFramesAreTakenFromBehindTheEndOfTheStream(t *testing.T) {
	gate := make(chan struct{})
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{SegmentBytes: 2000})
	s.dirs, s.gates, s.worlds, s.nodes = append(s.dirs, t.TempDir()), append(s.gates, new(natstest.Gate)), append(s.worlds, vfs.OS()), append(s.nodes, nil)
	s.times = []times{quick, quick}
	s.times[1].lag = func() { <-gate }
	s.openNode(t, 1)
	for range 20 {
		s.saw(mustAppend(t, s.nodes[0], placed("order-1")).Position)
	}
	frames := framesOf(t, s.nodes[0], 0, 1<<20)
	held, behind := s.nodes[0].log, s.nodes[1].log
	behind.subjects.frames = "somebody.else"
	if _, err := held.conn.Subscribe(behind.subjects.frames, func(msg *nats.Msg) { _ = msg.Respond(frames) }); err != nil {
		t.Fatal(err)
	}
	if err := held.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, end := range []daybook.Position{3, 20} {
		if err := behind.bootstrap(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		if head := behind.node.Head(); (head > 0) != (end == 20) {
			t.Errorf("of frames up to position 20 the node takes those up to %d, where the stream ends at %d", head, end)
		}
	}
	close(gate)
	settle(t, s)
}
