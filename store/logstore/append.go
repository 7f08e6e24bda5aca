package logstore

import (
	"context"

	"github.com/daybook-es/daybook"
)

// Append implements [daybook.Store]. One that nobody else shares a sync with is faster in a
// context that cannot end, such as [context.Background]: the caller itself writes it.
func (s *Store) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	events, err := daybook.Prepare(events, cond, s.limits)
	if err != nil {
		return daybook.Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: err}
	}
	if s.isClosed() {
		return daybook.Receipt{}, daybook.ErrClosed
	}
	if c := s.journal.elsewhere(); c != nil {
		return s.forward(ctx, c, events, cond)
	}
	return s.appendHere(ctx, events, cond)
}

// appendHere appends events that [daybook.Prepare] passed, if it is this node's turn.
// The request is checked against what is durable here, on the caller's goroutine; the
// sequencer has to check only what came since.
func (s *Store) appendHere(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	r := s.requests.of(events, cond)
	receipt, err := s.precheck(r)
	if err != nil || receipt.Durability != 0 {
		return receipt, err
	}
	if err := s.order.take(r, ctx.Done() == nil); err != nil {
		return daybook.Receipt{}, err
	}
	select {
	case <-r.done:
		return s.answered(r)
	case <-ctx.Done():
	}
	select {
	case <-r.done: // both at once: the answer is worth more
		return s.answered(r)
	default:
		return daybook.Receipt{}, &daybook.UnknownError{IDs: r.ids, Err: ctx.Err()}
	}
}

// answered returns the answer of a request for which done has yielded. The request is
// not used any more.
func (s *Store) answered(r *request) (daybook.Receipt, error) {
	receipt, err := r.receipt, r.err
	if err != nil || receipt.Repeated {
		return receipt, err // an error may name what is in the request
	}
	receipt.Versions = r.versions()
	s.requests.release(r)
	return receipt, nil
}

// precheck checks a request against what is durable, and answers it if that settles it:
// if it is a repeat, if its ids are taken, or if it has no events. A conflict is not
// answered here: the same events may be on their way already, and then the append is a
// repeat.
func (s *Store) precheck(r *request) (daybook.Receipt, error) {
	v := s.view.Load()
	c := &r.check
	c.reset(v, place{}, s.life)
	c.known, c.heads = &s.hidden, &s.heads
	before, err := c.recorded(r)
	if err != nil {
		return daybook.Receipt{}, err
	}
	if before != nil {
		return daybook.ReceiptOf(s.life, before, s.durability, true), nil
	}
	if err := c.refused(r); err != nil {
		return daybook.Receipt{}, err
	}
	losses := s.losses()
	for i := range r.streams {
		st := &r.streams[i]
		if st.head, err = s.heads.find(c, st.name, st.term); err != nil {
			return daybook.Receipt{}, err
		}
	}
	failures, final, err := c.clauses(r)
	if err == nil && losses != nil && !final {
		err = s.undecided(r)
	}
	if err != nil {
		return daybook.Receipt{}, err
	}
	if len(r.ids) == 0 {
		if failures != nil && !planted("condition-of-an-empty-append-not-checked") {
			return daybook.Receipt{}, &daybook.ConflictError{Failures: failures, At: s.life.At(v.head)}
		}
		return daybook.Receipt{Point: s.life.At(v.head), Durability: s.durability}, nil
	}
	if final || planted("condition-checked-outside-the-sequencer") {
		r.failures = failures
	}
	r.checked, r.at = v.endPlace(), v.head
	return daybook.Receipt{}, nil
}
