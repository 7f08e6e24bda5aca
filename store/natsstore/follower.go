package natsstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
)

// A follower reads the stream from a place on, and keeps the commits that the node has
// not taken in yet, as many as there is room for.
type follower struct {
	log    *log
	stream jetstream.Stream // that it reads
	end    daybook.Position // of the last commit that was read; only who reads uses it

	mu      sync.Mutex
	commits []commit
	bytes   int
	skipped uint64        // messages up to here need not be kept
	drained chan struct{} // closed when there is room again; nil if there is
}

const (
	// keptBytes bounds what a follower keeps in memory.
	keptBytes = 8 << 20
	// leastHeartbeat is the shortest that a consumer may be asked for.
	leastHeartbeat = 500 * time.Millisecond
	// arrivedBytes bounds what is handed over at once.
	arrivedBytes = 2 << 20
)

// skip says that the node has everything up to a message.
func (f *follower) skip(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.skipped = max(f.skipped, seq)
	f.drop(func(c commit) bool { return c.seq <= seq })
}

// drop drops commits in front for which done returns true. The caller holds mu.
func (f *follower) drop(done func(commit) bool) {
	n := 0
	for n < len(f.commits) && done(f.commits[n]) {
		f.bytes -= len(f.commits[n].frames)
		n++
	}
	if n == 0 {
		return
	}
	f.commits = append(f.commits[:0:0], f.commits[n:]...)
	if f.drained != nil && f.bytes < keptBytes {
		close(f.drained)
		f.drained = nil
	}
}

// arrived returns the frames that come next behind a position.
func (f *follower) arrived(after daybook.Position) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.commits) == 0 {
		return nil
	}
	f.drop(func(c commit) bool { return c.last <= after })
	if len(f.commits) == 0 {
		return nil
	}
	if len(f.commits) == 1 {
		return f.commits[0].frames
	}
	var b []byte
	for _, c := range f.commits {
		if len(b) > 0 && len(b)+len(c.frames) > arrivedBytes {
			break
		}
		b = append(b, c.frames...)
	}
	return b
}

// keep keeps a commit, when there is room.
func (f *follower) keep(ctx context.Context, c commit) error {
	for {
		f.mu.Lock()
		if c.seq > 0 && c.seq <= f.skipped {
			f.mu.Unlock()
			return nil
		}
		if f.bytes < keptBytes {
			f.commits = append(f.commits, c)
			f.bytes += len(c.frames)
			f.mu.Unlock()
			f.log.node.Wake()
			return nil
		}
		if f.drained == nil {
			f.drained = make(chan struct{})
		}
		drained := f.drained
		f.mu.Unlock()
		select {
		case <-drained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Arrived implements shared.Log.
func (l *log) Arrived(after daybook.Position) ([]byte, error) { return l.follower.arrived(after), nil }

// place returns the sequence from which the stream is to be read by a node that has come
// to a position, and the last commit before it, if there is one.
func (l *log) place(ctx context.Context, head daybook.Position, last commit) (next uint64, before commit, err error) {
	from, to := uint64(1), last.seq // what is looked for lies in [from, to+1]
	for from <= to {
		at := from + (to-from)/2
		once, cancel := context.WithTimeout(ctx, l.times.attempt)
		msg, found, err := l.at(once, at, jetstream.WithGetMsgSubject(l.subjects.commit))
		cancel()
		if err != nil {
			return 0, before, err
		}
		if !found {
			to = at - 1
			continue
		}
		c, err := decodeCommit(msg.Sequence, msg.Header, msg.Data)
		if err != nil {
			return 0, before, err
		}
		if c.last > head {
			to = at - 1
		} else {
			from, before = c.seq+1, c
		}
	}
	return from, before, nil
}

// follow reads the stream from a sequence on until the log is closed.
func (l *log) follow(next uint64) {
	pause := l.times.beat / 16
	for l.life.Err() == nil {
		from := next
		err := l.read(l.life, &next, l.takeIn)
		if l.life.Err() != nil {
			return
		}
		if next > from {
			pause = l.times.beat / 16
		}
		l.trouble.Store(&err)
		l.logger.Warn("the stream is read again from where it was", "message", next, "err", err)
		select {
		case <-time.After(pause):
		case <-l.life.Done():
		}
		pause = min(2*pause, 2*l.times.beat)
	}
}

// read reads the stream with one consumer, message by message from next on, until that
// comes to nothing. A consumer that is silent for two beats is given up: its server may be
// gone.
func (l *log) read(ctx context.Context, next *uint64, take func(ctx context.Context, seq uint64, msg jetstream.Msg) error) error {
	once, cancel := context.WithTimeout(ctx, l.times.attempt)
	consumer, err := l.follower.stream.CreateConsumer(once, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       *next,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: 20 * l.times.beat,
	})
	cancel()
	if err != nil {
		return fmt.Errorf("make a consumer: %w", err)
	}
	messages, err := consumer.Messages(
		jetstream.PullMaxMessagesWithBytesLimit(1000, max(keptBytes, 2*l.payload)),
		jetstream.PullExpiry(20*l.times.beat),
		jetstream.PullHeartbeat(max(l.times.beat, leastHeartbeat)),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("ask for messages: %w", err)
	}
	defer func() {
		messages.Stop()
		ctx, cancel := context.WithTimeout(context.Background(), l.times.attempt)
		defer cancel()
		// Otherwise the server removes it itself, in a while.
		_ = l.follower.stream.DeleteConsumer(ctx, consumer.CachedInfo().Name)
	}()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("a message says not where it is from: %w", err)
		}
		seq := meta.Sequence.Stream
		if seq < *next {
			continue
		}
		if seq > *next {
			return fmt.Errorf("message %d comes, and %d was expected", seq, *next)
		}
		if err := take(ctx, seq, msg); err != nil {
			return err
		}
		*next = seq + 1
	}
}

// takeIn takes the next message of the stream.
func (l *log) takeIn(ctx context.Context, seq uint64, msg jetstream.Msg) error {
	l.trouble.Store(nil)
	if l.times.lag != nil {
		l.times.lag()
	}
	switch msg.Subject() {
	case l.subjects.epoch:
		e, err := decodeEpoch(seq, msg.Data())
		if err != nil {
			return err
		}
		l.note(e)
	case l.subjects.commit:
		c, err := decodeCommit(seq, msg.Headers(), msg.Data())
		if err != nil {
			return err
		}
		if end := l.follower.end; c.after != end {
			return &daybook.CorruptError{Where: fmt.Sprintf("message %d of the stream", seq), Position: end, Err: fmt.Errorf("it follows position %d, and the one before ends at %d", c.after, end)}
		}
		if err := l.follower.keep(ctx, c); err != nil {
			return err
		}
		l.follower.end = c.last
	default:
		if seq > 1 {
			l.logger.Warn("somebody else has put a message into the stream, which says nothing", "message", seq, "subject", msg.Subject())
		}
	}
	return nil
}

// tail returns the last epoch and the last commit of the stream, which has come at least
// to a position that this node has. A leader that has yet to learn what was acknowledged,
// or that another one has replaced, says less; if that goes on, it is lost.
func (l *log) tail(ctx context.Context, head daybook.Position) (e epochRecord, last commit, err error) {
	end := time.Now().Add(5 * l.times.attempt)
	err = l.retry(ctx, "open", func(ctx context.Context) (again bool, err error) {
		e, last, err = l.ends(ctx)
		if err == nil && last.last < head {
			return time.Now().Before(end), &daybook.CorruptError{Where: "stream " + l.subjects.stream, Position: last.last, Err: fmt.Errorf("it has lost what it had acknowledged: it ends at position %d, and the copy of this node at %d", last.last, head)}
		}
		return !errors.As(err, new(*daybook.CorruptError)), err
	})
	return e, last, err
}

// start has the node follow the stream from where it has come to, with the help of other
// nodes if that is far from the end, and returns when it has everything that was in it.
func (l *log) start(ctx context.Context) error {
	head := l.node.Head()
	e, last, err := l.tail(ctx, head)
	if err != nil {
		return err
	}
	next, end, err := l.placed(ctx, last)
	if err != nil {
		return err
	}
	if last.last-head > farBehind {
		if err := l.bootstrap(ctx, last.last); err != nil {
			return err
		}
		if next, end, err = l.placed(ctx, last); err != nil {
			return err
		}
	}
	if e.seq > 0 {
		l.note(e)
	}
	l.follower.end = end
	l.busy.Go(func() { l.follow(next) })
	if err := l.until(ctx, last.last); err != nil {
		return fmt.Errorf("come to the end of the stream: %w", err)
	}
	return nil
}

// placed returns the sequence from which this node is to read the stream, the last commit
// of which is given, and the position at which the commit before ends. It makes sure that
// what the node has is a part of the stream.
func (l *log) placed(ctx context.Context, last commit) (next uint64, end daybook.Position, err error) {
	next, before, err := l.place(ctx, l.node.Head(), last)
	if errors.As(err, new(*daybook.CorruptError)) {
		return 0, 0, err
	}
	if err != nil {
		return 0, 0, &daybook.UnavailableError{Doing: "open", Err: err}
	}
	if before.seq > 0 {
		if err := l.node.Compare(ctx, before.frames); err != nil {
			return 0, 0, err
		}
	}
	return next, before.last, nil
}

// until returns when the node has come to a position. If what lies before it cannot be
// taken in, the error is a [*daybook.CorruptError], at once; if nothing has come for as
// long as one is to wait, a [*daybook.UnavailableError] that says why.
func (l *log) until(ctx context.Context, p daybook.Position) error {
	patience := max(l.times.patience, openPatience)
	head, end := l.node.Head(), time.Now().Add(patience)
	for {
		once, cancel := context.WithTimeout(ctx, l.times.beat)
		err := l.node.Until(once, p)
		cancel()
		if err == nil || ctx.Err() != nil || errors.Is(err, daybook.ErrClosed) {
			return err
		}
		trouble := errors.Join(l.health(), l.copyHealth())
		if corrupt := (*daybook.CorruptError)(nil); errors.As(trouble, &corrupt) {
			return corrupt
		}
		if now := l.node.Head(); now > head {
			head, end = now, time.Now().Add(patience)
		}
		if time.Now().After(end) {
			return &daybook.UnavailableError{Doing: "follow", Err: errors.Join(fmt.Errorf("position %d does not arrive, and this node has come to %d", p, head), trouble)}
		}
	}
}

// health says why nothing arrives, or returns nil.
func (l *log) health() error {
	if !l.conn.IsConnected() {
		return fmt.Errorf("natsstore: there is no connection to NATS: it is %s", strings.ToLower(l.conn.Status().String()))
	}
	if t := l.trouble.Load(); t != nil && !errors.Is(*t, context.Canceled) {
		return fmt.Errorf("natsstore: nothing arrives from stream %s: %w", l.subjects.stream, *t)
	}
	return nil
}
