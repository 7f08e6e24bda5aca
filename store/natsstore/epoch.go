package natsstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
)

// ends returns the last epoch and the last commit of the stream, as its leader has them.
// Either is zero if there is none. No epoch lies between the two: a takeover or a promise
// could have come in after the one question and before the other, with a commit behind it.
func (l *log) ends(ctx context.Context) (e epochRecord, c commit, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.times.attempt)
	defer cancel()
	if e, err = l.lastEpoch(ctx); err != nil {
		return e, c, err
	}
	for {
		msg, found, err := l.lastOn(ctx, l.subjects.commit)
		if err == nil && found {
			c, err = decodeCommit(msg.Sequence, msg.Header, msg.Data)
		}
		if err != nil || c.seq < e.seq {
			return e, c, err
		}
		again, err := l.lastEpoch(ctx)
		if err != nil || again.seq == e.seq {
			return e, c, err
		}
		e = again
	}
}

// lastEpoch returns the last epoch of the stream, zero if there is none.
func (l *log) lastEpoch(ctx context.Context) (epochRecord, error) {
	msg, found, err := l.lastOn(ctx, l.subjects.epoch)
	if err != nil || !found {
		return epochRecord{}, err
	}
	return decodeEpoch(msg.Sequence, msg.Data)
}

// acquire makes it this node's turn, if it is nobody's, or that of a session that does
// not answer. When it returns nil, somebody has the epoch whom this node knows.
//
// It is a compare-and-set: the new epoch is stored behind the message that was the last
// of the stream when everything up to it was here, and so behind everything that was ever
// committed; whatever was on its way behind that message is refused.
func (l *log) acquire(ctx context.Context, gone string) error {
	select {
	case l.acquiring <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.acquiring }()
	for {
		if _, err := l.Ready(); err == nil {
			return nil
		}
		head := l.node.Head()
		e, c, err := l.ends(ctx)
		if err != nil {
			return err
		}
		l.note(e)
		if e.Session != "" && e.Session != gone && e.Session != l.session {
			return nil
		}
		if corrupt := (*daybook.CorruptError)(nil); errors.As(l.health(), &corrupt) {
			return corrupt
		}
		if head > c.last {
			return fmt.Errorf("stream %s ends at position %d, and this node has come to %d: either its leader has yet to learn what was acknowledged, or it is lost", l.subjects.stream, c.last, head)
		}
		if err := l.until(ctx, c.last); err != nil {
			return err
		}
		stray, err := l.sameLog(ctx)
		if err != nil {
			return err
		}
		what, err := l.take(ctx, e, c, stray)
		if what == stored {
			l.logger.Info("this node holds the epoch", "epoch", e.Epoch+1, "before", e.holder())
			return nil
		}
		if what != passed {
			return err
		}
	}
}

// sameLog makes sure that the stream is still that of the log, and was not made again
// under a node that runs. It returns the sequence of the last message that is neither an
// epoch nor a commit: the first one, unless somebody else has put something in.
func (l *log) sameLog(ctx context.Context) (last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.times.attempt)
	defer cancel()
	msg, found, err := l.lastOn(ctx, l.subjects.identity)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, fmt.Errorf("stream %s has no identity yet", l.subjects.stream)
	}
	last = msg.Sequence
	if last > 1 {
		if msg, found, err = l.at(ctx, 1); err != nil || !found {
			return 0, errors.Join(err, fmt.Errorf("stream %s does not begin with its identity", l.subjects.stream))
		}
	}
	if id, err := decodeIdentity(msg.Data); err != nil || id != l.identity {
		return 0, &daybook.CorruptError{Where: "stream " + l.subjects.stream, Err: errors.Join(errors.New("it was made again, and is of another log than this node was opened with"), err)}
	}
	return last, nil
}

// take stores the next epoch, which is this node's, behind the last message that there
// was.
func (l *log) take(ctx context.Context, e epochRecord, c commit, stray uint64) (outcome, error) {
	l.publishing.Lock()
	defer l.publishing.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)() // Close waits for what is being published
	last := max(stray, e.seq, c.seq)
	next := epochRecord{Epoch: e.Epoch + 1, Session: l.session, Node: l.name, From: c.last, Stamp: e.Stamp}
	msg := l.message(l.subjects.epoch, encodeJSON(next))
	// The last message is one of the two. That the other one is the last of its kind is said
	// besides: a leader that has yet to learn what was acknowledged may have answered with
	// an earlier one, and the turn would begin in front of a commit, or break a promise.
	subject, seq := l.subjects.epoch, e.seq
	if e.seq > c.seq {
		subject, seq = l.subjects.commit, c.seq
	}
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(seq, 10))
	msg.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, subject)
	return l.putEpoch(ctx, next, msg, last)
}

// answerOf returns what an append is answered that could not be done: *unknown* if it was
// handed to a node of which no answer came.
func answerOf(asked bool, events []daybook.Event, err error) error {
	if asked && len(events) > 0 {
		return daybook.Unknown(events, opaque{err})
	}
	var unavailable *daybook.UnavailableError
	if errors.As(err, &unavailable) {
		return unavailable
	}
	if errors.Is(err, daybook.ErrClosed) {
		return daybook.ErrClosed
	}
	return &daybook.UnavailableError{Doing: "append", Err: err}
}

// An opaque error is the reason for one that says something else: nothing is to be found
// in it but that a context ended.
type opaque struct{ error }

// Is reports whether the reason is the end of a context.
func (o opaque) Is(target error) bool {
	return (target == context.Canceled || target == context.DeadlineExceeded) && errors.Is(o.error, target)
}
