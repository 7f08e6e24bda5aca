package natsstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
	"github.com/daybook-es/daybook/internal/natstest"
)

// rounds returns how often something is done: as often as DAYBOOK_KILLS says, or a few times; `make soak` has ten times as many in
// each of its pieces.
func rounds(t testing.TB, few int) int {
	n, err := few, error(nil)
	if text := os.Getenv("DAYBOOK_KILLS"); text != "" {
		n, err = strconv.Atoi(text)
	} else if os.Getenv("DAYBOOK_SOAK_SEED") != "" {
		n = 10 * few
	}
	if err != nil {
		t.Fatalf("DAYBOOK_KILLS is no number: %v", err)
	}
	t.Attr("cases", strconv.Itoa(n))
	return n
}

// seed returns what a test's clients and disturbances are drawn by: its own number, or that of a piece of `make soak`.
func seed(t testing.TB, own uint64) uint64 {
	text := os.Getenv("DAYBOOK_SOAK_SEED")
	if text == "" {
		return own
	}
	soaked, err := strconv.ParseUint(text+os.Getenv("DAYBOOK_SOAK_PIECE"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return soaked
}

// elections lets a test run beside others: it mostly waits for servers to elect who leads them, which takes seconds each time.
func elections(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("servers take their time over elections")
	}
}

// An ordeal is clients that append on all nodes of a log while something is done to the nodes, to the servers and to the ways
// between them. In the end what every client was answered must be explained by what is in the log, and everybody must have
// the same.
type ordeal struct {
	subject  *subject
	recorder *history.Recorder
	acked    atomic.Int64 // appends of events that were acknowledged
	clients  sync.WaitGroup
	done     chan struct{}
}

// begin has clients append until the ordeal ends.
func begin(t *testing.T, s *subject, clients int, seed uint64) *ordeal {
	o := &ordeal{subject: s, recorder: history.Record(s), done: make(chan struct{})}
	for number := range clients {
		o.clients.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(number)))
			if err := o.decide(t.Context(), o.recorder.Client(number), rng); err != nil {
				t.Errorf("client %d: %v", number, err)
			}
		})
	}
	return o
}

// progress waits until some more appends have been acknowledged.
func (o *ordeal) progress(t *testing.T, more int64) {
	t.Helper()
	from := o.acked.Load()
	for end := time.Now().Add(2 * time.Minute); o.acked.Load() < from+more; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d appends were acknowledged in two minutes, and there should be %d", o.acked.Load()-from, more)
		}
	}
}

func placed(stream string) daybook.Event {
	return daybook.Event{ID: uuid.New(), Stream: stream, Type: "Placed", Tags: []string{"x"}, Data: []byte(`{"n":1}`)}
}

// decide appends under conditions that it has read, repeats itself, and asks again after *unknown* until it is told.
func (o *ordeal) decide(ctx context.Context, store daybook.Store, rng *rand.Rand) error {
	var last []daybook.Event
	for {
		select {
		case <-o.done:
			return nil
		default:
		}
		stream := fmt.Sprintf("order-%d", rng.IntN(20))
		batch := []daybook.Event{placed(stream)}
		for range rng.IntN(3) {
			batch = append(batch, placed([]string{"", "order-0", stream}[rng.IntN(3)]))
		}
		var cond daybook.Condition
		switch rng.IntN(8) {
		case 0:
			if last != nil {
				batch = last
			}
		case 1, 2:
			reading, err := store.Read(ctx, daybook.Stream(stream), daybook.Span{})
			if err != nil {
				continue // the node was just being closed
			}
			past, err := reading.Collect()
			if err != nil {
				continue
			}
			cond = daybook.At(stream, daybook.Version(len(past)))
		case 3:
			reading, err := store.Read(ctx, daybook.Query{{Tags: []string{"x"}, Streams: []string{stream, "order-0"}}}, daybook.Span{})
			if err != nil {
				continue
			}
			cond = reading.Condition()
		case 4:
			batch, cond = nil, daybook.Exists(stream)
		}
		for {
			_, err := store.Append(ctx, batch, cond)
			var conflict *daybook.ConflictError
			var unavailable *daybook.UnavailableError
			var unknown *daybook.UnknownError
			if errors.As(err, &unknown) {
				continue
			}
			switch {
			case err == nil:
				last = batch
				if len(batch) > 0 {
					o.acked.Add(1)
				}
			case errors.As(err, &conflict), errors.As(err, &unavailable), errors.Is(err, daybook.ErrClosed):
			default:
				return err
			}
			break
		}
	}
}

// end ends the ordeal: everything goes again, and it is judged.
func (o *ordeal) end(t *testing.T) []daybook.Recorded {
	t.Helper()
	close(o.done)
	o.clients.Wait()
	log := settle(t, o.subject)
	if err := o.recorder.History().Check(log); err != nil {
		t.Errorf("the answers cannot be those of one log:\n%v", err)
	}
	return log
}

// settle waits until every node has what the stream has, and makes sure that each has the same as the stream and as the others.
// It returns the log.
func settle(t *testing.T, s *subject) []daybook.Recorded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var log []daybook.Recorded
	for i, node := range s.running() {
		verified, err := node.Verify(ctx)
		if err != nil {
			t.Fatalf("node %d: %v (%v)", i, err, node.Health())
		}
		own, err := history.Log(ctx, node)
		if err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
		if n := len(own); n == 0 || own[n-1].Position != verified.Position {
			t.Fatalf("node %d has %d events, and the stream ends at position %d", i, n, verified.Position)
		}
		if i == 0 {
			log = own
			inTurn(t, node)
		}
		for n := range min(len(log), len(own)) {
			if log[n].Digest() != own[n].Digest() {
				t.Fatalf("node %d has another event at position %d than node 0", i, own[n].Position)
			}
		}
		if len(own) != len(log) {
			t.Errorf("node %d has %d events, and node 0 has %d", i, len(own), len(log))
		}
	}
	return log
}

// inTurn makes sure that every commit in the stream was made by whoever held the epoch.
func inTurn(t *testing.T, node *Store) {
	t.Helper()
	var e epochRecord
	takeovers := 0
	for seq := uint64(2); ; seq++ {
		msg, found, err := node.log.at(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			t.Logf("%d messages, %d takeovers", seq-1, takeovers)
			return
		}
		if msg.Subject == node.log.subjects.epoch {
			next, err := decodeEpoch(seq, msg.Data)
			if err != nil {
				t.Fatal(err)
			}
			if next.Epoch != e.Epoch && next.Epoch != e.Epoch+1 || next.Epoch == e.Epoch && next.Session != "" && next.Session != e.Session || next.Stamp < e.Stamp {
				t.Errorf("message %d: epoch %+v follows %+v", seq, next, e)
			}
			if next.Epoch > e.Epoch {
				takeovers++
			}
			e = next
		} else if epoch := msg.Header.Get(headerEpoch); msg.Subject == node.log.subjects.commit && (epoch != strconv.FormatUint(e.Epoch, 10) || e.Session == "") {
			t.Errorf("message %d was committed in epoch %s, and %s holds epoch %d", seq, epoch, e.holder(), e.Epoch)
		}
	}
}

// Nodes take the epoch from each other, are cut off, get no answers, are closed and opened again.
func TestContendingNodesAnswerAsOneLog(t *testing.T) {
	t.Parallel()
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 3, Options{SegmentBytes: 20000, Patience: 5 * time.Second})
	o := begin(t, s, 8, seed(t, 1))
	rng := rand.New(rand.NewPCG(seed(t, 1), 100))
	for range rounds(t, 30) {
		i := rng.IntN(3)
		switch rng.IntN(6) {
		case 0, 1, 2:
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := s.running()[i].takeOver(ctx); err != nil {
				t.Logf("node %d does not take over: %v", i, err)
			}
			cancel()
		case 3:
			s.gates[i].Cut(true)
			o.progress(t, 1)
			s.gates[i].Cut(false)
		case 4:
			s.gates[i].Hold(true)
			o.progress(t, 1)
			s.gates[i].Hold(false)
		case 5:
			if err := s.closeNode(i); err != nil {
				t.Errorf("close node %d: %v", i, err)
			}
			s.openNode(t, i)
		}
		o.progress(t, 5)
	}
	if log := o.end(t); len(log) < 100 {
		t.Errorf("only %d events were recorded", len(log))
	}
}

// The server that leads the stream is stopped, and started again when another one has taken its place.
func TestNothingIsLostWhenTheLeaderIsKilled(t *testing.T) {
	elections(t)
	servers := natstest.Start(t, 3)
	s := newSubject(t, servers, 2, Options{})
	o := begin(t, s, 8, seed(t, 2))
	var longest time.Duration
	for range rounds(t, 1) {
		o.progress(t, 50)
		leader := servers.Leader(s.nodes[0].log.subjects.stream)
		began := time.Now()
		servers.Stop(leader)
		o.progress(t, 20)
		longest = max(longest, time.Since(began))
		servers.Start(leader)
		servers.WaitReady()
	}
	log := o.end(t)
	t.Logf("%d events; at most %v until twenty appends were acknowledged after a kill", len(log), longest)
}

// Servers in processes of their own, the leader among them, are stopped for a while in the middle of whatever they do. One that
// led goes on as if it still did.
func TestAPausedLeaderDoesNoHarm(t *testing.T) {
	elections(t)
	servers := natstest.StartProcesses(t, 3)
	s := newSubject(t, servers, 2, Options{})
	o := begin(t, s, 8, seed(t, 4))
	for range rounds(t, 1) {
		o.progress(t, 30)
		leader := servers.Leader(s.nodes[0].log.subjects.stream)
		servers.Pause(leader, true)
		o.progress(t, 10)
		servers.Pause(leader, false)
	}
	o.progress(t, 30)
	o.end(t)
}

// The power of all servers fails at the same moment, under load: what they had written and
// not synced is gone.
func TestNothingIsLostWhenThePowerFails(t *testing.T) {
	elections(t)
	servers := natstest.StartProcessesOnDisks(t, 3)
	s := newSubject(t, servers, 2, Options{})
	o := begin(t, s, 8, seed(t, 5))
	for range rounds(t, 1) {
		o.progress(t, 50)
		servers.CutPower()
	}
	o.progress(t, 50)
	o.end(t)
}

// All servers are killed at the same moment, under load.
func TestNothingIsLostWhenAllServersAreKilled(t *testing.T) {
	elections(t)
	servers := natstest.StartProcesses(t, 3)
	s := newSubject(t, servers, 2, Options{})
	o := begin(t, s, 8, seed(t, 3))
	for range rounds(t, 1) {
		o.progress(t, 50)
		for i := range servers.Len() {
			servers.Pause(i, true)
		}
		for i := range servers.Len() {
			servers.Kill(i)
		}
		for i := range servers.Len() {
			servers.Start(i)
		}
	}
	o.progress(t, 50)
	o.end(t)
}
