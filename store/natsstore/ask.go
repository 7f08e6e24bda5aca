package natsstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/internal/shared"
)

// A colleague is whoever holds the epoch, as a node sees it that does not. If nobody
// does, or nobody answers, it is this node itself, as soon as it has taken the epoch
// over.
type colleague struct{ log *log }

var _ shared.Colleague = colleague{}

// errSilent says that a node owes an answer and does not say that it is there.
var errSilent = errors.New("it does not answer")

// errTooLong says that a question is longer than a message may be.
var errTooLong = errors.New("the question has no room in a message")

// Append implements shared.Colleague.
func (c colleague) Append(ctx context.Context, seen daybook.Position, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	l := c.log
	var receipt daybook.Receipt
	asked, err := l.askOn(ctx,
		func() (err error) {
			receipt, err = l.node.Append(ctx, seen, events, cond)
			return err
		},
		func(ctx context.Context, e epochRecord) error {
			a, err := l.ask(ctx, e, question{Epoch: e.Epoch, Seen: seen, Clauses: wireClauses(cond), events: events})
			switch {
			case err != nil:
				return err
			case a.Error != nil:
				err = a.Error.err(events, cond)
			case a.Receipt == nil:
				err = errors.New("an append was answered without a receipt")
			default:
				receipt, err = a.Receipt.receipt(events)
			}
			if err != nil && !definite(err) && !errors.Is(err, errTurn) && !errors.As(err, new(*daybook.UnavailableError)) {
				return fmt.Errorf("%w in a way that can be understood: %w", errSilent, err)
			}
			return err
		})
	if err == nil || definite(err) {
		if came := l.until(ctx, shared.RestsOn(receipt, err)); came != nil && !errors.Is(came, daybook.ErrClosed) {
			return daybook.Receipt{}, answerOf(err == nil, events, came)
		}
	}
	if err == nil {
		return receipt, nil
	}
	// A stream that is damaged says nothing of what a node was asked that did not answer.
	if definite(err) && !(asked && errors.As(err, new(*daybook.CorruptError))) {
		return daybook.Receipt{}, err
	}
	return daybook.Receipt{}, answerOf(asked, events, err)
}

// definite reports whether an error says what became of an append.
func definite(err error) bool {
	var conflict *daybook.ConflictError
	var reused *daybook.ReusedError
	var invalid *daybook.InvalidError
	var unknown *daybook.UnknownError
	var corrupt *daybook.CorruptError
	return errors.As(err, &conflict) || errors.As(err, &reused) || errors.As(err, &invalid) ||
		errors.As(err, &unknown) || errors.As(err, &corrupt)
}

// Known implements shared.Colleague.
func (c colleague) Known(ctx context.Context, stamp int64) (daybook.Position, error) {
	l := c.log
	var p daybook.Position
	_, err := l.askOn(ctx,
		func() (err error) {
			p, err = l.node.Known(ctx, stamp)
			return err
		},
		func(ctx context.Context, e epochRecord) error {
			a, err := l.ask(ctx, e, question{Epoch: e.Epoch, Known: &stamp})
			switch {
			case err != nil:
				return err
			case a.Error != nil:
				return a.Error.err(nil, nil)
			case a.Known == nil:
				return errors.New("what is known was answered without a position")
			}
			p = *a.Known
			return nil
		})
	var unavailable *daybook.UnavailableError
	if err != nil && !errors.As(err, &unavailable) && !errors.Is(err, daybook.ErrClosed) {
		err = &daybook.UnavailableError{Doing: "read", Err: err}
	}
	return p, err
}

// askOn has something done by whoever holds the epoch: here, or by asking. It goes on
// until somebody has done it, or found that it cannot be done, or patience ends. It
// reports whether somebody was asked who may have done it and whose answer did not come.
func (l *log) askOn(ctx context.Context, here func() error, there func(ctx context.Context, e epochRecord) error) (asked bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.times.patience, errPatience)
	defer cancel()
	for pause := time.Duration(0); ; pause = min(2*pause+5*time.Millisecond, l.times.beat/4) {
		if pause > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			case <-l.life.Done():
			}
		}
		if l.life.Err() != nil {
			return asked, daybook.ErrClosed
		}
		if cause := context.Cause(ctx); cause != nil {
			return asked, errors.Join(cause, err)
		}
		if _, notReady := l.Ready(); notReady == nil {
			if err = here(); errors.Is(err, errTurn) {
				continue
			}
			return asked, err
		}
		holder, gone := l.holder(), ""
		if holder.Session != "" && holder.Session != l.session {
			err = there(ctx, holder)
			switch {
			case errors.Is(err, errSilent):
				asked = true
			case err != nil && neverSent(err), errors.Is(err, errTurn), errors.Is(err, errTooLong):
			case ctx.Err() != nil:
				return true, errors.Join(context.Cause(ctx), err)
			default:
				return asked, err
			}
			gone = holder.Session
		}
		if err = errors.Join(l.acquire(ctx, gone), err); errors.As(err, new(*daybook.CorruptError)) {
			return asked, err
		}
		if err == nil || errors.Is(err, daybook.ErrClosed) {
			pause = 0
		}
	}
}

// errPatience says that something was tried for as long as the options allow.
var errPatience = errors.New("there was no quorum, or no answer from the node that holds the epoch, for as long as one was to wait")

// ask asks the node that holds an epoch, and waits for the answer as long as the node says
// that it is there. The error is errSilent if it does not answer; if it is gone, or cannot be
// reached from here, neverSent says so.
func (l *log) ask(ctx context.Context, e epochRecord, q question) (answer, error) {
	b := q.encode()
	if len(b) > l.GroupBytes() {
		return answer{}, errTooLong
	}
	ctx, silent := context.WithCancelCause(ctx)
	defer silent(nil)
	watch := l.watch(ctx, e.Session, func() { silent(errSilent) })
	defer watch()
	msg, err := l.conn.RequestMsgWithContext(ctx, &nats.Msg{Subject: l.subjects.nodes + e.Session, Data: b})
	if err != nil && neverSent(err) {
		return answer{}, err
	}
	if err != nil && (ctx.Err() == nil || errors.Is(context.Cause(ctx), errSilent)) {
		return answer{}, fmt.Errorf("%w: %w", errSilent, err) // it may have been asked
	}
	if err != nil {
		return answer{}, err
	}
	var a answer
	if err := decodeStrict(msg.Data, &a); err != nil {
		return a, fmt.Errorf("%w in a way that can be read: %w", errSilent, err)
	}
	return a, nil
}

// watch asks a node at each beat whether it is there, and calls silent if it does not say
// so. The function that it returns ends that.
func (l *log) watch(ctx context.Context, session string, silent func()) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	over := false
	again := func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			timer.Reset(l.times.beat)
		}
	}
	mu.Lock()
	timer = time.AfterFunc(l.times.beat, func() {
		once, cancel := context.WithTimeout(ctx, 2*l.times.beat)
		defer cancel()
		if _, err := l.conn.RequestMsgWithContext(once, nats.NewMsg(l.subjects.alive+session)); err != nil {
			silent()
			return
		}
		again()
	})
	mu.Unlock()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		timer.Stop()
	}
}

// serve answers what other nodes ask of this one.
func (l *log) serve() error {
	_, err := l.conn.Subscribe(l.subjects.alive+l.session, func(msg *nats.Msg) {
		_ = msg.Respond(nil) // who asked asks again
	})
	if err != nil {
		return err
	}
	_, err = l.conn.Subscribe(l.subjects.nodes+l.session, func(msg *nats.Msg) {
		if l.life.Err() != nil {
			return
		}
		go func() {
			a := l.answer(msg.Data)
			b := encodeJSON(a)
			if len(b) > l.payload && a.Error != nil && a.Error.Kind != kindUnknown {
				// Nothing was recorded. Who asked finds the same out, in a turn of its own.
				b = encodeJSON(errorAnswer(fmt.Errorf("%w for an answer of %d bytes", errTurn, len(b)), nil))
			}
			if err := msg.Respond(b); err != nil {
				l.logger.Warn("an answer to another node is lost", "err", err)
			}
		}()
	})
	return err
}

// answer does what another node asks. It does not ask on.
func (l *log) answer(b []byte) answer {
	q, err := decodeQuestion(b)
	if err != nil {
		return errorAnswer(&daybook.InvalidError{What: "question", Reason: err.Error()}, nil)
	}
	// Who asks may have asked the holder of an earlier epoch, and got no answer. Then a node
	// that held one before that, and does not know that it is over, must not say what is so.
	turn, err := l.Ready()
	if err == nil && turn.Epoch < q.Epoch {
		err = fmt.Errorf("%w %d", errTurn, q.Epoch)
	}
	if err != nil {
		return errorAnswer(err, nil)
	}
	ctx, cancel := context.WithTimeout(l.life, l.times.patience)
	defer cancel()
	if q.Known != nil {
		p, err := l.node.Known(ctx, *q.Known)
		if err != nil {
			return errorAnswer(err, nil)
		}
		return answer{Known: &p}
	}
	cond := condition(q.Clauses)
	events, err := daybook.Prepare(q.events, cond, l.Limits())
	if err != nil {
		return errorAnswer(err, cond)
	}
	receipt, err := l.node.Append(ctx, q.Seen, events, cond)
	if err != nil {
		return errorAnswer(err, cond)
	}
	return receiptAnswer(receipt, events)
}
