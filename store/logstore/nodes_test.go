package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// framesOf returns the bytes of all frames of a store, end to end.
func framesOf(s *Store) ([]byte, error) {
	var all []byte
	v := s.view.Load()
	for i, seg := range v.segments {
		bad, err := walk(seg, segmentHeaderBytes, v.endOf(i), func(_ int64, f frame.Frame) error {
			all = append(all, f...)
			return nil
		})
		if err := errors.Join(bad, err); err != nil {
			return nil, fmt.Errorf("%s: %w", seg.name(), err)
		}
	}
	return all, nil
}

// settled waits until every node has everything, and makes sure that each has it byte for byte. It returns the log.
func (c *cluster) settled(t testing.TB) []daybook.Recorded {
	t.Helper()
	c.quorum.mu.Lock()
	head := c.quorum.head()
	var all []byte
	for _, f := range c.quorum.frames {
		all = append(all, f...)
	}
	c.quorum.mu.Unlock()
	var log []daybook.Recorded
	for _, m := range c.nodes {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := m.store.untilHere(ctx, head); err != nil {
			t.Fatalf("%s comes to position %d and not to %d: %v (%v)", m.name, m.store.view.Load().head, head, err, m.store.Health())
		}
		frames, err := framesOf(m.store)
		if err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		if !bytes.Equal(frames, all) {
			t.Errorf("%s has %d bytes of frames, and they are not the %d that the quorum has", m.name, len(frames), len(all))
		}
		own, err := everything(m.store)
		if err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		if err := sound(own); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if log == nil {
			log = own
		}
		for i := range min(len(log), len(own)) {
			if log[i].Digest() != own[i].Digest() {
				t.Fatalf("%s has another event at position %d than %s", m.name, own[i].Position, c.nodes[0].name)
			}
		}
		if len(own) != len(log) {
			t.Errorf("%s has %d events, and %s %d", m.name, len(own), c.nodes[0].name, len(log))
		}
	}
	return log
}

func placed(stream string) daybook.Event {
	return daybook.Event{ID: uuid.New(), Stream: stream, Type: "Placed", Tags: []string{"x"}, Data: []byte(`{"n":1}`)}
}

func mustAppend(t testing.TB, s daybook.Store, events ...daybook.Event) daybook.Receipt {
	t.Helper()
	receipt, err := s.Append(t.Context(), events, nil)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// Goal: wherever the turn goes and whenever, no event is lost and none recorded twice, every answer is right, and both
// nodes have the same bytes. Method: clients decide and append on both nodes, while the turn moves: by itself, in the
// middle of a commit before or after the quorum has taken it, and there and back; answers between the nodes are lost;
// nodes fall behind, and are closed and opened. What was answered is held against the log in the end.
func TestNoTurnThatMovesTakesBackAnAnswer(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			c := twoNodes(t, seed, &Options{SegmentBytes: []int64{0, 900, 6000}[seed%3], Logger: quiet})
			rng := rand.New(rand.NewPCG(seed, 3))
			c.quorum.meddle = func() meddling { // under the quorum's lock
				if n := meddling(rng.IntN(30)); n <= refused {
					return n
				}
				return nothing
			}
			recorder := history.Record(c)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // nothing should hang
			defer cancel()
			var clients, mover sync.WaitGroup
			done := make(chan struct{})
			mover.Go(func() { c.stir(t, rand.New(rand.NewPCG(seed, 4)), done) })
			for number := range 8 {
				clients.Go(func() {
					if err := decide(ctx, recorder.Client(number), rand.New(rand.NewPCG(seed, uint64(10+number))), 60); err != nil {
						t.Errorf("client %d: %v", number, err)
					}
				})
			}
			clients.Wait()
			close(done)
			mover.Wait()
			log := c.settled(t)
			if err := recorder.History().Check(log); err != nil {
				t.Errorf("with seed %d the answers cannot be those of one log:\n%v", seed, err)
			}
			if len(log) < 50 {
				t.Errorf("only %d events were recorded", len(log))
			}
		})
	}
}

// stir moves the turn, has nodes fall behind and catch up, and closes and opens them, until it is done.
func (c *cluster) stir(t *testing.T, rng *rand.Rand, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		m := c.nodes[rng.IntN(len(c.nodes))]
		switch rng.IntN(8) {
		case 0, 1, 2:
			c.quorum.move(m)
		case 3:
			c.quorum.mu.Lock()
			c.quorum.answersLost++
			c.quorum.mu.Unlock()
		case 4, 5:
			m.sleep(true)
			for range 200 {
				runtime.Gosched()
			}
			m.sleep(false)
		case 6:
			if err := m.shut(); err != nil {
				t.Errorf("close %s: %v", m.name, err)
			}
			if err := m.open(); err != nil {
				t.Errorf("open %s: %v", m.name, err)
				return
			}
		}
		for range rng.IntN(2000) {
			runtime.Gosched()
		}
	}
}

// decide appends under conditions that it has read, repeats itself, and asks again after *unknown* until it is told.
func decide(ctx context.Context, store daybook.Store, rng *rand.Rand, rounds int) error {
	var last []daybook.Event
	for range rounds {
		stream := fmt.Sprintf("order-%d", rng.IntN(5))
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
		case 1, 2, 3:
			reading, err := store.Read(ctx, daybook.Stream(stream), daybook.Span{})
			if err != nil {
				continue // the node was just being closed
			}
			past, err := reading.Collect()
			if err != nil {
				continue
			}
			cond = daybook.At(stream, daybook.Version(len(past)))
		case 4:
			reading, err := store.Read(ctx, daybook.Query{{Tags: []string{"x"}, Types: []string{"Placed"}, Streams: []string{stream, "order-0"}}}, daybook.Span{})
			if err != nil {
				continue
			}
			cond = reading.Condition()
		case 5:
			batch, cond = nil, daybook.Exists(stream)
		}
		for tries := 0; ; tries++ {
			_, err := store.Append(ctx, batch, cond)
			var conflict *daybook.ConflictError
			var unavailable *daybook.UnavailableError
			var unknown *daybook.UnknownError
			if errors.As(err, &unknown) || errors.As(err, &unavailable) && tries < 50 {
				runtime.Gosched()
				continue
			}
			switch {
			case err == nil:
				last = batch
			case errors.As(err, &conflict), errors.As(err, &unavailable), errors.Is(err, daybook.ErrClosed):
			default:
				return err
			}
			break
		}
	}
	return nil
}

func TestThoseWhoWaitAreWokenByWhatArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoNodes(t, 1, quietly)
		c.nodes[1].sleep(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		waited := make(chan error)
		for _, query := range []daybook.Query{daybook.Stream("order-3"), {{Tags: []string{"x"}}}, daybook.All()} {
			go func() {
				_, err := c.nodes[1].store.Wait(ctx, query, 2)
				waited <- err
			}()
		}
		synctest.Wait()
		for i := range 8 {
			mustAppend(t, c.nodes[0].store, placed(fmt.Sprintf("order-%d", i)))
		}
		c.nodes[1].sleep(false)
		for range 3 {
			if err := <-waited; err != nil {
				t.Error(err)
			}
		}
		c.Close()
	})
}

func TestATurnBeginsWhenEverythingBeforeItIsHere(t *testing.T) {
	c := twoNodes(t, 1, quietly)
	one, other := c.nodes[0], c.nodes[1]
	other.sleep(true)
	for range 100 {
		mustAppend(t, one.store, placed("order-1"))
	}
	// Nothing is taken in before the first append of the turn waits.
	q := other.store.order
	q.desk.Lock()
	c.quorum.move(other)
	other.sleep(false)
	var receipt daybook.Receipt
	answered := make(chan error, 1)
	go func() {
		var err error
		receipt, err = other.store.Append(t.Context(), []daybook.Event{placed("order-1")}, daybook.At("order-1", 100))
		answered <- err
	}()
	for waits := false; !waits; runtime.Gosched() {
		q.mu.Lock()
		waits = len(q.waiting) > 0
		q.mu.Unlock()
	}
	q.desk.Unlock()
	q.nudge()
	if err := <-answered; err != nil || receipt.Position != 101 {
		t.Fatalf("the first append of the turn answers %v at position %d", err, receipt.Position)
	}
	c.settled(t)
}

// Goal: what was put in order in one turn is not recorded in another, behind what others have recorded in between.
// Method: a group is on its way and another one is filled behind it, when the turn goes to the other node, which
// records something, and comes back: either before the quorum has taken the first one, or after.
func TestAGroupOfAnEarlierTurnIsNotRecorded(t *testing.T) { groupOfAnEarlierTurn(t, false) }

func TestAGroupFilledInAnEarlierTurnIsNotRecorded(t *testing.T) { groupOfAnEarlierTurn(t, true) }

func groupOfAnEarlierTurn(t *testing.T, taken bool) {
	synctest.Test(t, func(t *testing.T) {
		var complaints bytes.Buffer
		c := twoNodes(t, 1, &Options{Logger: slog.New(slog.NewTextHandler(&complaints, &slog.HandlerOptions{Level: slog.LevelError}))})
		one, other := c.nodes[0], c.nodes[1]
		mustAppend(t, one.store, placed("order-1"))
		thereAndBack := func() {
			c.quorum.move(other)
			mustAppend(t, other.store, placed("order-1"))
			mustAppend(t, other.store, placed("order-1")) // which is behind what the group has
			c.quorum.move(one)
		}
		_, release := c.quorum.hold()
		if taken {
			c.quorum.meanwhile = thereAndBack
		}
		events := [2]daybook.Event{placed("order-1"), placed("order-1")}
		var answers [2]error
		var appends sync.WaitGroup
		for i := range events {
			appends.Go(func() {
				_, answers[i] = one.store.Append(t.Context(), events[i:i+1], daybook.Exists("order-1"))
			})
			synctest.Wait() // the first is on its way, the second in the group behind it
		}
		if !taken {
			c.quorum.mu.Lock()
			c.quorum.held = nil // for the other node
			c.quorum.mu.Unlock()
			thereAndBack()
		}
		release()
		appends.Wait()

		var unavailable *daybook.UnavailableError
		recorded := 3
		if taken {
			recorded = 4
			if answers[0] != nil {
				t.Errorf("an append that the quorum has taken answers %v", answers[0])
			}
			answers[0] = answers[1]
		}
		for _, err := range answers {
			if !errors.As(err, &unavailable) || !errors.Is(err, errLate) {
				t.Errorf("an append that was sequenced in an earlier turn answers %v", err)
			}
		}
		if log := c.settled(t); len(log) != recorded {
			t.Errorf("%d events are recorded, want %d", len(log), recorded)
		}
		if err := one.store.Health(); err != nil {
			t.Errorf("a node whose turn ended is not well: %v", err)
		}
		if receipt := mustAppend(t, one.store, events[1]); receipt.Repeated || int(receipt.Versions["order-1"]) != recorded+1 {
			t.Errorf("appended again: %+v", receipt)
		}
		c.settled(t)
		c.Close()
		if strings.Contains(complaints.String(), "does not arrive") {
			t.Errorf("what arrives is held against a group of an earlier turn:\n%s", complaints.String())
		}
	})
}

// What arrives is looked at before it is built upon: frames that do not follow each other are not taken in, the node
// says so, and goes on when the right ones come.
func TestWhatDoesNotFollowIsNotTakenIn(t *testing.T) {
	lies := map[string]func([]frame.Frame) []frame.Frame{
		"a frame is left out": func(f []frame.Frame) []frame.Frame { return f[1:] },
		"two are exchanged":   func(f []frame.Frame) []frame.Frame { return []frame.Frame{f[1], f[0]} },
		"a byte is changed": func(f []frame.Frame) []frame.Frame {
			b := bytes.Clone(f[0])
			b[len(b)-9] ^= 1
			return []frame.Frame{b}
		},
		"one is cut": func(f []frame.Frame) []frame.Frame { return []frame.Frame{f[0][:40]} },
	}
	for what, lie := range lies {
		t.Run(what, func(t *testing.T) {
			c := twoNodes(t, 1, quietly)
			node := c.nodes[1]
			node.sleep(true)
			for range 5 {
				mustAppend(t, c.nodes[0].store, placed("order-1"))
			}
			told := make(chan struct{})
			once := sync.OnceFunc(func() { close(told) })
			c.quorum.mu.Lock()
			node.lie = func(next []frame.Frame) []frame.Frame {
				if len(next) == 0 {
					once() // everything was taken
				}
				if len(next) < 2 {
					return next
				}
				return lie(next)
			}
			c.quorum.mu.Unlock()
			node.sleep(false)
			health := func() *HealthError { return node.store.health.Load() }
			for health() == nil {
				select {
				case <-told:
					t.Fatal("everything was taken in")
				default:
					node.rouse() // a single frame may have come first, which is no lie
					runtime.Gosched()
				}
			}
			if !strings.Contains(health().Error(), "does not arrive") {
				t.Errorf("the node says: %v", health())
			}
			c.quorum.mu.Lock()
			node.lie = nil
			c.quorum.mu.Unlock()
			node.rouse()
			c.settled(t)
			if err := node.store.Health(); err != nil {
				t.Errorf("when it has arrived the node says: %v", err)
			}
		})
	}
}

// What was known at a time stays so though the turn goes to a node whose clock is behind.
func TestWhatWasKnownStaysSoInTheNextTurn(t *testing.T) {
	for asking := range 2 { // the node that has the turn, and the other
		ahead, behind := inMemory(), inMemory()
		var later atomic.Int64
		noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		ahead.Clock = clockAt(func() time.Time { return noon.Add(time.Duration(later.Load())) })
		behind.Clock = clockAt(func() time.Time { return noon })
		c := newCluster(t, 1, quietly, ahead, behind)
		mustAppend(t, c.nodes[0].store, placed("order-1"))
		later.Store(int64(time.Second))
		known := func() daybook.Position {
			reading, err := c.nodes[asking].store.Read(t.Context(), daybook.All(), daybook.Span{KnownAt: noon.Add(time.Second / 2)})
			if err != nil {
				t.Fatal(err)
			}
			return reading.Snapshot().Position
		}
		if p := known(); p != 1 {
			t.Errorf("what was known ends at position %d", p)
		}
		c.quorum.move(c.nodes[1])
		receipt := mustAppend(t, c.nodes[1].store, placed("order-1"))
		c.settled(t)
		if p := known(); p != 1 {
			t.Errorf("asked again on %s, what was known ends at position %d, recorded at %v", c.nodes[asking].name, p, receipt.RecordedAt)
		}
		c.Close()
	}
}

// An append whose outcome is unknown is unknown until the node that lost it has a turn again, or asks the one that has.
func TestTheNextTurnTellsWhatWasUnknown(t *testing.T) {
	for _, what := range []meddling{lostBefore, lostAfter} {
		c := twoNodes(t, 1, quietly)
		one := c.nodes[0]
		c.quorum.mu.Lock()
		c.quorum.meddle = func() meddling {
			c.quorum.meddle = nil
			return what
		}
		c.quorum.mu.Unlock()
		e := placed("order-1")
		_, err := one.store.Append(t.Context(), []daybook.Event{e}, nil)
		var unknown *daybook.UnknownError
		if !errors.As(err, &unknown) || len(unknown.IDs) != 1 || unknown.IDs[0] != e.ID {
			t.Fatalf("an append whose commit is lost answers %v", err)
		}
		c.quorum.move(one)
		if receipt := mustAppend(t, one.store, e); receipt.Repeated != (what == lostAfter) || receipt.Position != 1 {
			t.Errorf("appended again in the next turn: %+v", receipt)
		}
		if log := c.settled(t); len(log) != 1 {
			t.Errorf("%d events are recorded", len(log))
		}
		c.Close()
	}
}

// What a node is answered by another one can be read where it was asked.
func TestAForwardedAppendIsAnsweredWhenItHasArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoNodes(t, 1, quietly)
		mustAppend(t, c.nodes[1].store, placed("order-1"))
		asking := c.nodes[1]
		asking.sleep(true)
		answers := make(chan error, 3)
		appends := []func(){
			func() {
				_, err := asking.store.Append(t.Context(), []daybook.Event{placed("order-2")}, nil)
				answers <- err
			},
			func() { _, err := asking.store.Append(t.Context(), nil, daybook.New("order-2")); answers <- err },
		}
		for _, ask := range appends {
			go ask()
			synctest.Wait()
		}
		if len(answers) > 0 {
			t.Fatalf("an append is answered (%v), and the node that was asked has come to position %d", <-answers, asking.store.view.Load().head)
		}
		ctx, cancel := context.WithCancel(t.Context())
		lost := placed("order-3")
		go func() {
			_, err := asking.store.Append(ctx, []daybook.Event{lost}, nil)
			answers <- err
		}()
		synctest.Wait()
		cancel()
		var unknown *daybook.UnknownError
		if err := <-answers; !errors.As(err, &unknown) || !errors.Is(err, context.Canceled) {
			t.Errorf("when the caller has gone it is answered %v", err)
		}
		asking.sleep(false)
		var conflict *daybook.ConflictError
		for range appends {
			if err := <-answers; err != nil && !errors.As(err, &conflict) {
				t.Error(err)
			}
		}
		if conflict == nil || asking.store.view.Load().head < conflict.At.Position {
			t.Errorf("the conflict is %v, and the node has come to position %d", conflict, asking.store.view.Load().head)
		}
		if receipt := mustAppend(t, asking.store, lost); !receipt.Repeated {
			t.Error("what was recorded for a caller who had gone is recorded again")
		}
		c.settled(t)
		c.Close()
	})
}

func TestAnAppendIsUnavailableWhereNobodyHasTheTurn(t *testing.T) {
	c := twoNodes(t, 1, quietly)
	one, other := c.nodes[0], c.nodes[1]
	mustAppend(t, one.store, placed("order-1"))
	c.settled(t)
	var unavailable *daybook.UnavailableError
	refusedBecause := func(s *Store, because string) {
		t.Helper()
		_, err := s.Append(t.Context(), []daybook.Event{placed("order-1")}, nil)
		if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), because) {
			t.Errorf("an append answers %v, and should say: %s", err, because)
		}
		if _, err := s.Read(t.Context(), daybook.All(), daybook.Span{KnownAt: time.Now().Add(time.Hour)}); !errors.As(err, &unavailable) {
			t.Errorf("the question what is known now answers %v", err)
		}
	}
	c.quorum.move(nil)
	refusedBecause(one.store, "nobody has the turn")
	refusedBecause(other.store, "nobody has the turn")
	c.quorum.move(one)
	c.quorum.mu.Lock()
	s := one.store
	one.store = nil
	c.quorum.mu.Unlock()
	refusedBecause(other.store, "node 1 does not answer")
	c.quorum.mu.Lock()
	one.store = s
	c.quorum.mu.Unlock()
	// A node that was asked when its turn was over does not ask on.
	c.quorum.move(other)
	if _, err := (neighbour{one}).Append(t.Context(), 1, []daybook.Event{placed("order-1")}, nil); !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "another node has the turn: node 2") {
		t.Errorf("a node that was asked when its turn was over answers %v", err)
	}
	mustAppend(t, one.store, placed("order-1"))
	if log := c.settled(t); len(log) != 2 {
		t.Errorf("%d events are recorded, want 2", len(log))
	}
}
