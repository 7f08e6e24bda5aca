package logstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/internal/shared"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

// A cluster is several nodes that keep one log, used as one store: an append goes to one node, and what is read next is
// read on another. Before a node is asked anything it must have come as far as any answer that was given: that is what
// a client does that has a receipt from somewhere else.
type cluster struct {
	quorum *quorum
	nodes  []*member
	next   atomic.Uint64
	seen   atomic.Uint64
}

func newCluster(t testing.TB, seed uint64, opts *Options, worlds ...vfs.World) *cluster {
	t.Helper()
	c := &cluster{quorum: newQuorum(t, seed)}
	for i, world := range worlds {
		m := &member{quorum: c.quorum, name: fmt.Sprintf("node %d", i+1), world: world, dir: "node", opts: opts}
		c.nodes, c.quorum.members = append(c.nodes, m), append(c.quorum.members, m)
	}
	c.quorum.move(c.nodes[0])
	c.open(t)
	return c
}

// twoNodes is a cluster of two nodes on machines in memory.
func twoNodes(t testing.TB, seed uint64, opts *Options) *cluster {
	return newCluster(t, seed, opts, inMemory(), inMemory())
}

func (c *cluster) open(t testing.TB) {
	t.Helper()
	for _, m := range c.nodes {
		if err := m.open(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.shut() })
	}
}

// Close closes all nodes, the one that has the turn last.
func (c *cluster) Close() error {
	var errs []error
	for _, m := range c.nodes {
		errs = append(errs, m.shut())
	}
	return errors.Join(errs...)
}

// node returns the node that is asked next, or the one after it, once it has come as far as any answer.
func (c *cluster) node(ctx context.Context, after uint64) (*Store, error) {
	c.quorum.mu.Lock()
	var s *Store
	for i := range uint64(len(c.nodes)) { // the first that is open
		if s = c.nodes[(c.next.Load()+after+i)%uint64(len(c.nodes))].store; s != nil {
			break
		}
	}
	c.quorum.mu.Unlock()
	if s == nil {
		return nil, daybook.ErrClosed
	}
	return s, s.untilHere(ctx, daybook.Position(c.seen.Load()))
}

func (c *cluster) saw(p daybook.Position) {
	for {
		seen := c.seen.Load()
		if uint64(p) <= seen || c.seen.CompareAndSwap(seen, uint64(p)) {
			return
		}
	}
}

func (c *cluster) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	c.next.Add(1)
	s, err := c.node(ctx, 0)
	if err != nil {
		return daybook.Receipt{}, err
	}
	receipt, err := s.Append(ctx, events, cond)
	c.saw(shared.RestsOn(receipt, err))
	return receipt, err
}

func (c *cluster) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if err := daybook.CheckRead(ctx, q, span); err != nil {
		return daybook.Reading{}, err
	}
	s, err := c.node(ctx, 1)
	if err != nil {
		return daybook.Reading{}, err
	}
	reading, err := s.Read(ctx, q, span)
	c.saw(reading.Snapshot().Position)
	return reading, err
}

func (c *cluster) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	s, err := c.node(ctx, 1)
	if err != nil {
		return 0, err
	}
	p, err := s.Wait(ctx, q, after)
	c.saw(p)
	return p, err
}

func (c *cluster) Info(ctx context.Context) (daybook.Info, error) {
	s, err := c.node(ctx, 1)
	if err != nil {
		return daybook.Info{}, err
	}
	info, err := s.Info(ctx)
	c.saw(info.Head.Position)
	return info, err
}

// conformanceOfNodes hands clusters of two nodes to the suite. Failing is what happens to every commit while the quorum
// fails.
func conformanceOfNodes(opts *Options, failing meddling) storetest.Subject {
	var seed atomic.Uint64
	return storetest.Subject{
		Open: func(t testing.TB) daybook.Store { return twoNodes(t, seed.Add(1), opts) },
		Reopen: func(t testing.TB, s daybook.Store) daybook.Store {
			c := s.(*cluster)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			c.quorum.move(c.nodes[seed.Add(1)%2])
			c.open(t)
			return c
		},
		OpenAt: func(t testing.TB, now func() time.Time) daybook.Store {
			one, other := inMemory(), inMemory()
			one.Clock, other.Clock = clockAt(now), clockAt(now)
			return newCluster(t, seed.Add(1), opts, one, other)
		},
		OpenFaulty: func(t testing.TB) (daybook.Store, func(bool)) {
			c := twoNodes(t, seed.Add(1), opts)
			return c, func(on bool) {
				c.quorum.mu.Lock()
				defer c.quorum.mu.Unlock()
				c.quorum.meddle = nil
				if on {
					c.quorum.meddle = func() meddling { return failing }
				}
			}
		},
		NewIncarnation: func(t testing.TB, s daybook.Store) daybook.Store {
			c := s.(*cluster)
			var disks []*disk
			for _, m := range c.nodes {
				disks = append(disks, m.replica().disk)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			c.quorum.identity.Incarnation = uuid.New()
			for _, d := range disks {
				renewed := *d.manifest
				renewed.incarnation = c.quorum.identity.Incarnation
				if err := renewed.replace(d.home); err != nil {
					t.Fatal(err)
				}
			}
			c.quorum.move(c.nodes[0])
			c.open(t)
			return c
		},
		// The context ends while the commit is on its way.
		LoseAnswer: func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			waiting, release := s.(*cluster).quorum.hold()
			defer release()
			go func() {
				<-waiting
				cancel()
			}()
			_, err := s.Append(ctx, events, cond)
			return err
		},
	}
}

// hold keeps commits on their way until they are released, and tells of the first.
func (q *quorum) hold() (waiting <-chan struct{}, release func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := make(chan struct{})
	q.held, q.waiting = held, make(chan struct{})
	return q.waiting, sync.OnceFunc(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.held = nil
		close(held)
	})
}

func TestTwoNodesAreAStore(t *testing.T) {
	storetest.Run(t, conformanceOfNodes(quietly, refused))
}

func TestTwoNodesOfTinySegmentsAreAStore(t *testing.T) {
	storetest.Run(t, conformanceOfNodes(&Options{SegmentBytes: 512, Logger: quiet}, lostBefore))
}

func TestTwoNodesGiveTheAnswersOfTheModel(t *testing.T) {
	storetest.Compare(t, memstore.New(), conformanceOfNodes(&Options{SegmentBytes: 20000, Stride: 1000, Logger: quiet}, refused), 4, 3000)
}
