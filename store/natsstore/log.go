package natsstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/internal/shared"
)

// errTurn says that this node had no turn to sequence, or has it no more. What it was to
// record can be handed over again.
var errTurn = errors.New("this node does not hold the epoch")

// A log is a JetStream stream as a node sees it.
type log struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	stream   jetstream.Stream
	subjects subjects
	logger   *slog.Logger
	name     string // of the node
	session  string // of the node, since it was opened
	times    times

	identity   shared.Identity
	durability daybook.Durability
	payload    int // the most bytes of a message, headers included

	node       shared.Node
	copyHealth func() error    // of the node's own copy
	life       context.Context // ends when the log is closed
	end        context.CancelFunc
	busy       sync.WaitGroup
	follower   *follower
	closing    sync.Once

	// publishing is held while a message of this node is on its way to the stream: there is
	// one at a time.
	publishing sync.Mutex
	// acquiring is held while this node takes the epoch over.
	acquiring chan struct{}

	mu    sync.Mutex // guards what follows
	epoch epochRecord
	last  uint64 // of the stream, as long as it is this node's turn
	over  uint64 // this node's turn is over in epochs up to this one

	trouble atomic.Pointer[error] // why nothing arrives; nil if something could
}

// times are how long things may take.
type times struct {
	// attempt is how long the stream may take to answer, before it is asked again.
	attempt time.Duration
	// patience is how long somebody who waits for an answer is kept.
	patience time.Duration
	// beat is how often a node that owes an answer is asked whether it is there, and twice
	// that is how long it may take to say so.
	beat time.Duration
	// lag, if set, is called before a message of the stream is taken in: tests have nodes
	// fall behind.
	lag func()
}

var _ shared.Log = (*log)(nil)

// Identity implements shared.Log.
func (l *log) Identity() shared.Identity { return l.identity }

const (
	mostEvents = 10_000
	mostBytes  = 16 << 20
	// A frame has a header, and is longer than its events are in the canonical encoding by
	// what aligns each of them.
	frameBytes = 48
	alignBytes = 8
	// An append of so many events that they would have fewer bytes than this each does not
	// come to the limit of bytes first.
	leastEventBytes = 256
)

// leastPayload is what a server must let a message have for the least limits that a store
// may state.
const leastPayload = daybook.LeastAppendBytes + headerBytes + frameBytes + daybook.LeastAppendBytes/leastEventBytes*alignBytes + 64<<10

// Limits implements shared.Log: the frame of one append has room in a message.
func (l *log) Limits() daybook.Limits {
	events := min(l.payload/leastEventBytes, mostEvents)
	room := l.GroupBytes() - frameBytes - events*alignBytes
	return daybook.Limits{AppendEvents: events, AppendBytes: min(room, mostBytes)}
}

// GroupBytes implements shared.Log.
func (l *log) GroupBytes() int { return l.payload - headerBytes }

// Durability implements shared.Log.
func (l *log) Durability() daybook.Durability { return l.durability }

// Follow implements shared.Log. What is read of the stream begins when Open has found the
// place.
func (l *log) Follow(n shared.Node) { l.node = n }

// note takes note of an epoch that was read from the stream.
func (l *log) note(e epochRecord) {
	l.mu.Lock()
	changed := e.seq > l.epoch.seq
	if changed {
		l.epoch = e
		if e.Session == l.session {
			l.last = max(l.last, e.seq)
		}
	}
	l.mu.Unlock()
	if changed {
		l.node.Wake()
	}
}

// holder returns the epoch that is, as far as this node knows.
func (l *log) holder() epochRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// Ready implements shared.Log.
func (l *log) Ready() (shared.Turn, error) {
	l.mu.Lock()
	e, over := l.epoch, l.over
	l.mu.Unlock()
	if e.Session != l.session {
		return shared.Turn{}, fmt.Errorf("%w: %s has it", errTurn, e.holder())
	}
	if e.Epoch <= over {
		return shared.Turn{}, fmt.Errorf("%w any more", errTurn)
	}
	if head := l.node.Head(); head < e.From {
		return shared.Turn{}, fmt.Errorf("%w yet: it begins behind position %d, and this node has come to %d", errTurn, e.From, head)
	}
	return shared.Turn{Epoch: e.Epoch, From: e.From, Stamp: e.Stamp}, nil
}

// Elsewhere implements shared.Log.
func (l *log) Elsewhere() shared.Colleague {
	if _, err := l.Ready(); err == nil {
		return nil
	}
	return colleague{l}
}

// turn returns the sequence behind which this node may publish in an epoch.
func (l *log) turn(epoch uint64) (last, epochSeq uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch.Session != l.session || l.epoch.Epoch != epoch || epoch <= l.over {
		return 0, 0, fmt.Errorf("%w of what was to be recorded: %s has the next one", errTurn, l.epoch.holder())
	}
	return l.last, l.epoch.seq, nil
}

// wentTo notes that a message of this node is the last of the stream.
func (l *log) wentTo(seq uint64) {
	l.mu.Lock()
	l.last = seq
	l.mu.Unlock()
}

// lose ends this node's turn.
func (l *log) lose(epoch uint64) {
	l.mu.Lock()
	l.over = max(l.over, epoch)
	l.mu.Unlock()
}

// Commit implements shared.Log.
//
// The message is stored behind the last one that this node knows of, or not at all. As
// whoever takes the epoch over stores a message too, that is enough to refuse a node
// whose turn is over; that the epoch is still the last message on its subject is said
// besides. One commit is on its way at a time: of several, each expecting the one before,
// some could be stored behind a takeover (see decision 0022).
func (l *log) Commit(g shared.Group) *shared.Fault {
	l.publishing.Lock()
	defer l.publishing.Unlock()
	last, epochSeq, err := l.turn(g.Epoch)
	if err != nil {
		return &shared.Fault{Err: err, Late: true}
	}
	if len(g.Frames) > l.GroupBytes() {
		return &shared.Fault{Err: fmt.Errorf("%d bytes are to be recorded at once, and a message may have %d", len(g.Frames), l.GroupBytes())}
	}
	msg := l.message(l.subjects.commit, g.Frames)
	msg.Header.Set(headerPositions, positionsHeader(g.First-1, g.Last))
	msg.Header.Set(headerEpoch, strconv.FormatUint(g.Epoch, 10))
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(epochSeq, 10))
	msg.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, l.subjects.epoch)
	ctx, cancel := context.WithTimeout(l.life, l.times.patience)
	defer cancel()
	seq, what, err := l.put(ctx, msg, last)
	switch what {
	case stored:
		l.wentTo(seq)
		l.follower.skip(seq)
		return nil
	case refused:
		return &shared.Fault{Err: err}
	case passed:
		l.lose(g.Epoch)
		return &shared.Fault{Err: fmt.Errorf("%w any more: %w", errTurn, err), Late: true}
	}
	l.lose(g.Epoch)
	return &shared.Fault{Err: err, Unknown: true}
}

// Promise implements shared.Log: the epoch is stored again with the time.
func (l *log) Promise(ctx context.Context, stamp int64) error {
	l.publishing.Lock()
	defer l.publishing.Unlock()
	e := l.holder()
	if e.Session == l.session && e.Stamp >= stamp {
		return nil
	}
	last, _, err := l.turn(e.Epoch)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.times.patience)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)()
	e.Stamp = stamp
	_, err = l.putEpoch(ctx, e, l.message(l.subjects.epoch, encodeJSON(e)), last)
	return err
}

// putEpoch stores an epoch, which is in a message, behind the last message of the stream.
// If it returns an error and the epoch is this node's, that is over, unless it was
// definitely not stored.
func (l *log) putEpoch(ctx context.Context, e epochRecord, msg *nats.Msg, last uint64) (outcome, error) {
	seq, what, err := l.put(ctx, msg, last)
	if what == stored {
		e.seq = seq
		l.note(e)
		return what, nil
	}
	if what != refused {
		l.lose(e.Epoch)
	}
	return what, fmt.Errorf("epoch %d is not stored: %w", e.Epoch, err)
}

// GiveUp implements shared.Log.
func (l *log) GiveUp(err error) {
	l.logger.Error("this node's own copy takes no more; its turn is over", "err", err)
	l.lose(l.holder().Epoch)
	l.busy.Go(l.handBack)
}

// handBack says that it is nobody's turn, if it was this node's, so that whoever comes
// next need not find out that this one is gone. If that fails, it does.
func (l *log) handBack() {
	l.publishing.Lock()
	defer l.publishing.Unlock()
	l.mu.Lock()
	e, last, mine := l.epoch, l.last, l.epoch.Session == l.session
	l.mu.Unlock()
	if !mine {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.times.attempt)
	defer cancel()
	l.lose(e.Epoch)
	e.Session, e.Node = "", ""
	if _, err := l.putEpoch(ctx, e, l.message(l.subjects.epoch, encodeJSON(e)), last); err != nil {
		l.logger.Info("the epoch could not be handed back", "err", err)
	}
}

// Close implements shared.Log.
func (l *log) Close() error {
	l.closing.Do(func() {
		if l.node != nil && !l.conn.IsClosed() {
			l.handBack()
		}
		l.end()
		l.busy.Wait()
		l.conn.Close()
	})
	return nil
}

func newSession() string { return uuid.NewString() }
