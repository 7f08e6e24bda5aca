package natsstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore"
)

// A Store is a node of a log that is kept in a JetStream stream. Make it with [Open]. It
// is safe for use by many goroutines.
type Store struct {
	log  *log
	node *logstore.Store
}

var (
	_ daybook.Store    = (*Store)(nil)
	_ daybook.Restorer = (*Store)(nil)
)

// Open opens a node of a log, and makes the log if there is none. It returns when the
// node has everything that the log had when it was called, which for a new node may take
// a while. The context is for opening only; if it has no deadline, what the servers have
// to answer is waited for as long as Options.Patience says, ten seconds at least, and what
// has to be fetched as long as something comes in that time.
//
// The URL is one of NATS, such as nats://one:4222,nats://two:4222. Behind a question mark
// it may have parameters, which go before the options: dir, log, node, replicas and require
// as there; monitor, addresses for [Monitors] with commas between; and for the connection
// creds and nkey (files of credentials, or of the seed of a key), ca (a file of roots to
// trust) and cert (files of a certificate and its key, with a comma between). TLS is asked
// for as anywhere in NATS: by tls:// in place of nats://, or by the server.
//
// Options that cannot be, a directory that has another log, a stream that could lose
// events and a durability below the one required are a [*daybook.InvalidError]. If this
// node's copy is not a part of what the stream has, the error is a
// [*daybook.CorruptError]; if there is no answer, an [*daybook.UnavailableError].
func Open(ctx context.Context, url string, options *Options) (*Store, error) {
	return open(ctx, url, options, vfs.OS(), times{attempt: 2 * time.Second, beat: time.Second})
}

// open opens a node in a world, which is the machine's or a simulated one.
func open(ctx context.Context, url string, options *Options, world vfs.World, ts times) (_ *Store, err error) {
	servers, o, err := address(url, options)
	if err != nil {
		return nil, err
	}
	ts.patience = o.Patience
	if o.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("natsstore: find the name of this machine: %w", err)
		}
		o.Node = host + ":" + o.Dir
	}
	l := &log{
		subjects: subjectsOf(o.Log), name: o.Node, session: newSession(), times: ts,
		acquiring: make(chan struct{}, 1),
		logger:    o.Logger.With("log", o.Log, "node", o.Node),
	}
	l.follower = &follower{log: l}
	l.life, l.end = context.WithCancel(context.Background())
	if l.conn, err = connect(servers, &o); err != nil {
		return nil, &daybook.UnavailableError{Doing: "open", Err: err}
	}
	if err := l.open(ctx, &o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	node, err := logstore.OpenNode(world, o.Dir, &logstore.Options{
		SegmentBytes: o.SegmentBytes, Stride: o.Stride, OpenFiles: o.OpenFiles, Compress: o.Compress,
		Owner: "node " + o.Node, Logger: o.Logger,
	}, l)
	if err != nil {
		return nil, err
	}
	l.copyHealth = node.Health
	s := &Store{log: l, node: node}
	err = errors.Join(l.serve(), l.start(ctx))
	if err == nil {
		err = l.give()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openPatience is how long servers may take at least to find or make a stream.
const openPatience = 10 * time.Second

// connect connects to NATS. The connection comes back by itself, and what could not be
// sent is told at once, rather than kept.
func connect(servers string, o *Options) (*nats.Conn, error) {
	options := append([]nats.Option{
		nats.Name("daybook " + o.Log + " on " + o.Node),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials are renewed while a node runs
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { // otherwise it is printed
			o.Logger.Warn("the connection to NATS has trouble", "log", o.Log, "node", o.Node, "err", err)
		}),
		nats.PingInterval(2 * time.Second), // a server that is paused is left in some six seconds
	}, o.NATS...)
	conn, err := nats.Connect(servers, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return conn, nil
}

// open finds the stream of the log, or makes it.
func (l *log) open(ctx context.Context, o *Options) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, max(l.times.patience, openPatience), errPatience)
	defer cancel()
	if l.payload = int(l.conn.MaxPayload()); l.payload < leastPayload {
		return &daybook.InvalidError{What: "server", Value: l.conn.ConnectedServerName(), Reason: fmt.Sprintf("takes messages of %d bytes, and at least %d are needed (max_payload)", l.payload, leastPayload)}
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		return fmt.Errorf("natsstore: %w", err)
	}
	if o.Existing {
		if err := l.exists(ctx, o.Log); err != nil {
			return err
		}
	}
	if err := l.openStream(ctx, o.Replicas); err != nil {
		return err
	}
	if err := l.openIdentity(ctx, o.ID); err != nil {
		return err
	}
	return l.findDurability(ctx, o)
}

// servers returns the names of the servers that keep the stream.
func (l *log) servers(c *jetstream.ClusterInfo) []string {
	if c == nil || c.Leader == "" {
		return []string{l.conn.ConnectedServerName()}
	}
	names := []string{c.Leader}
	for _, peer := range c.Replicas {
		names = append(names, peer.Name)
	}
	return names
}

// Close ends all use of the store, as [logstore.Store.Close] does, hands the epoch back if
// this node holds it, and closes the connection. An append that waits for a quorum that
// is not there is given up soon, as *unknown*.
func (s *Store) Close() error {
	soon := time.AfterFunc(s.log.times.attempt, s.log.end)
	defer soon.Stop()
	return s.node.Close()
}

// Append implements [daybook.Store]. Made on a node that does not hold the epoch, it is
// done by the one that does, and answered when what it was answered can be read here; if
// that node is gone or does not answer, this one takes the epoch over.
func (s *Store) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	prepared, err := daybook.Prepare(events, cond, s.log.Limits())
	if err != nil {
		return daybook.Receipt{}, err
	}
	var receipt daybook.Receipt
	err = s.again(ctx, func() error {
		receipt, err = s.node.Append(ctx, prepared, cond)
		return err
	})
	return receipt, err
}

// again does something, and does it again if this node's turn ended meanwhile, which
// left nothing recorded, for as long as patience lasts.
func (s *Store) again(ctx context.Context, do func() error) error {
	end := time.Now().Add(s.log.times.patience)
	for {
		err := do()
		var unavailable *daybook.UnavailableError
		if err == nil || !errors.Is(err, errTurn) || !errors.As(err, &unavailable) || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
	}
}

// Read implements [daybook.Store]. It is of this node's own copy, and may be behind other
// nodes; the reading's snapshot says at which position it is.
func (s *Store) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	var reading daybook.Reading
	err := s.again(ctx, func() (err error) {
		reading, err = s.node.Read(ctx, q, span)
		return err
	})
	return reading, err
}

// Wait implements [daybook.Store]. Waiting for the position before that of a receipt
// makes sure that what was recorded through another node is read here.
func (s *Store) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	return s.node.Wait(ctx, q, after)
}

// Info implements [daybook.Store].
func (s *Store) Info(ctx context.Context) (daybook.Info, error) { return s.node.Info(ctx) }

// Restore implements [daybook.Restorer], on the node on which it is called: it takes the
// epoch over. An append of another store that has no room in a message cannot be restored.
func (s *Store) Restore(ctx context.Context, events []daybook.Recorded) error {
	return s.again(ctx, func() error {
		if len(events) > 0 {
			if err := s.takeOver(ctx); err != nil {
				return err
			}
		}
		return s.node.Restore(ctx, events)
	})
}

// takeOver makes it this node's turn, whoever holds the epoch.
func (s *Store) takeOver(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.log.times.patience, errPatience)
	defer cancel()
	for {
		if s.log.life.Err() != nil {
			return daybook.ErrClosed
		}
		if _, err := s.log.Ready(); err == nil {
			return nil
		}
		err := s.log.acquire(ctx, s.log.holder().Session)
		if cause := context.Cause(ctx); cause != nil {
			return &daybook.UnavailableError{Doing: "restore", Err: errors.Join(cause, err)}
		}
		if err != nil {
			s.log.logger.Info("the epoch cannot be taken over yet", "err", err)
			time.Sleep(s.log.times.beat / 16)
		}
	}
}

// Scavenge gives back the space of what is forgotten in this node's own copy, as
// [logstore.Store.Scavenge] does. The stream, and the copies of other nodes, stay as they
// are: what must be gone everywhere is recorded encrypted, and its key thrown away. All nodes answer alike, whether
// they have scavenged or not, but to who asks for what is forgotten: there it is an event on
// one and a stub on another.
func (s *Store) Scavenge(ctx context.Context, o *logstore.ScavengeOptions) (*logstore.Scavenged, error) {
	return s.node.Scavenge(ctx, o)
}

// Health returns nil if all is well, and otherwise what [logstore.Store.Health] says of
// this node's own copy, or why nothing arrives from the stream.
func (s *Store) Health() error {
	return errors.Join(s.node.Health(), s.log.health())
}

// Syncs returns how often this node has had the stream confirm appends since it was opened,
// as [logstore.Store.Syncs] does of a disk.
func (s *Store) Syncs() daybook.Syncs { return s.node.Syncs() }

// ConfirmClock follows this machine's clock again, as [logstore.Store.ConfirmClock] says.
func (s *Store) ConfirmClock() { s.node.ConfirmClock() }
