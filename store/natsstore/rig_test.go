package natsstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// quick are times for tests, in which servers answer within milliseconds.
var quick = times{attempt: 500 * time.Millisecond, beat: 250 * time.Millisecond}

// A subject is one node of a log, or several that are used as one store: an append goes to
// one node, and what is read next is read on another, which must have come as far as any
// answer before it is asked.
type subject struct {
	servers servers
	log     string
	dirs    []string
	gates   []*natstest.Gate
	opts    Options
	times   []times // of each node; quick where there are none
	worlds  []vfs.World

	mu    sync.Mutex // guards nodes
	nodes []*Store   // nil while closed
	next  atomic.Uint64
	seen  atomic.Uint64
}

// servers are where the log of a subject is kept.
type servers interface {
	URL() string
	Synced(ctx context.Context, names []string) error
}

var logs atomic.Uint64

// newSubject opens a new log on some nodes.
func newSubject(t testing.TB, servers servers, nodes int, opts Options, worlds ...vfs.World) *subject {
	t.Helper()
	s := &subject{servers: servers, log: fmt.Sprintf("log-%d", logs.Add(1)), opts: opts, worlds: worlds}
	for i := range nodes {
		s.dirs = append(s.dirs, t.TempDir())
		s.gates = append(s.gates, new(natstest.Gate))
		if i >= len(worlds) {
			s.worlds = append(s.worlds, vfs.OS())
		}
	}
	s.open(t)
	return s
}

// node opens the i-th node.
func (s *subject) node(ctx context.Context, i int) (*Store, error) {
	o := s.opts
	o.Dir, o.Log, o.Node = s.dirs[i], s.log, fmt.Sprintf("node-%d", i)
	o.Synced = s.servers.Synced
	if o.Logger == nil {
		o.Logger = quiet
	}
	if o.Patience == 0 {
		o.Patience = 20 * time.Second
	}
	o.NATS = []nats.Option{nats.SetCustomDialer(s.gates[i]), nats.ReconnectWait(10 * time.Millisecond)}
	ts := quick
	if i < len(s.times) {
		ts = s.times[i]
	}
	return open(ctx, s.servers.URL(), &o, s.worlds[i], ts)
}

func (s *subject) open(t testing.TB) {
	t.Helper()
	s.nodes = make([]*Store, len(s.dirs))
	for i := range s.dirs {
		s.openNode(t, i)
	}
	t.Cleanup(func() { s.Close() })
}

// openNode opens the i-th node.
func (s *subject) openNode(t testing.TB, i int) {
	t.Helper()
	node, err := s.node(t.Context(), i)
	if err != nil {
		t.Errorf("node %d: %v", i, err)
		return
	}
	s.mu.Lock()
	s.nodes[i] = node
	s.mu.Unlock()
}

// closeNode closes the i-th node.
func (s *subject) closeNode(i int) error {
	s.mu.Lock()
	node := s.nodes[i]
	s.nodes[i] = nil
	s.mu.Unlock()
	if node == nil {
		return nil
	}
	return node.Close()
}

// Close closes all nodes.
func (s *subject) Close() error {
	var errs []error
	for i := range s.dirs {
		errs = append(errs, s.closeNode(i))
	}
	return errors.Join(errs...)
}

// running returns the nodes that are open.
func (s *subject) running() []*Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []*Store
	for _, node := range s.nodes {
		if node != nil {
			open = append(open, node)
		}
	}
	return open
}

// asked returns the node that is asked next, or the one after it, once it has come as far
// as any answer.
func (s *subject) asked(ctx context.Context, after uint64) (*Store, error) {
	open := s.running()
	if len(open) == 0 {
		return nil, daybook.ErrClosed
	}
	node := open[(s.next.Load()+after)%uint64(len(open))]
	if s.opts.Patience > 0 { // the node may be cut off, and is then asked in vain
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 10*s.opts.Patience)
		defer cancel()
	}
	return node, node.log.node.Until(ctx, daybook.Position(s.seen.Load()))
}

func (s *subject) saw(p daybook.Position) {
	for {
		seen := s.seen.Load()
		if uint64(p) <= seen || s.seen.CompareAndSwap(seen, uint64(p)) {
			return
		}
	}
}

func (s *subject) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	s.next.Add(1)
	node, err := s.asked(ctx, 0)
	if err != nil {
		return daybook.Receipt{}, err
	}
	receipt, err := node.Append(ctx, events, cond)
	s.saw(receipt.Position)
	var conflict *daybook.ConflictError
	var reused *daybook.ReusedError
	if errors.As(err, &conflict) {
		s.saw(conflict.At.Position)
	}
	if errors.As(err, &reused) {
		s.saw(reused.Position)
	}
	return receipt, err
}

func (s *subject) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if err := daybook.CheckRead(ctx, q, span); err != nil {
		return daybook.Reading{}, err
	}
	node, err := s.asked(ctx, 1)
	if err != nil {
		return daybook.Reading{}, err
	}
	reading, err := node.Read(ctx, q, span)
	s.saw(reading.Snapshot().Position)
	return reading, err
}

func (s *subject) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	node, err := s.asked(ctx, 1)
	if err != nil {
		return 0, err
	}
	p, err := node.Wait(ctx, q, after)
	s.saw(p)
	return p, err
}

func (s *subject) Info(ctx context.Context) (daybook.Info, error) {
	node, err := s.asked(ctx, 1)
	if err != nil {
		return daybook.Info{}, err
	}
	info, err := node.Info(ctx)
	s.saw(info.Head.Position)
	return info, err
}

func (s *subject) Restore(ctx context.Context, events []daybook.Recorded) error {
	s.next.Add(1)
	node, err := s.asked(ctx, 0)
	if err != nil {
		return err
	}
	err = node.Restore(ctx, events)
	s.saw(node.log.node.Head())
	return err
}

// scavenge scavenges all nodes.
func (s *subject) scavenge(ctx context.Context) error {
	if err := s.settled(ctx); err != nil {
		return err
	}
	for _, node := range s.running() {
		if _, err := node.Scavenge(ctx, &logstore.ScavengeOptions{Newest: true}); err != nil {
			return err
		}
	}
	return nil
}

// settled returns when all nodes have come as far as any answer.
func (s *subject) settled(ctx context.Context) error {
	for _, node := range s.running() {
		if err := node.log.node.Until(ctx, daybook.Position(s.seen.Load())); err != nil {
			return err
		}
	}
	return nil
}

// A clockAt is a clock that shows what a function says.
type clockAt func() time.Time

func (c clockAt) Now() time.Time      { return c() }
func (c clockAt) Boot() time.Duration { return time.Duration(c().UnixNano()) }
