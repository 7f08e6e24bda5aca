package decider

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Decide reads what the plan is about, makes the decision, and records the facts
// that it returned, together or not at all, if nothing that the plan asked for was
// recorded in the meantime. If something was, it waits until that can be read, and
// reads and decides again, up to [DefaultAttempts] times with pauses between them
// (see [Attempts]).
//
// The receipt is that of the events. If the decision returned no facts, it has no
// versions, and its Point is the one up to which the log was read for the decision.
// The errors are
//
//   - a [*daybook.RefusedError] with what the decision returned, and the point at
//     which it was decided;
//   - a [*daybook.ConflictError] if a clause of [Plan.If] does not hold, or if others
//     were first at every attempt;
//   - a [*daybook.InvalidError] if what was decided can never be recorded, such as a
//     fact that no fold knows;
//   - a [*daybook.UnreadableError] if the past has an event that the decider of a
//     stream does not know;
//   - a [*daybook.UnknownError] if the events may be recorded and the store, although
//     asked again, did not tell;
//   - an [*daybook.UnavailableError] if ctx ended or the store could not be reached;
//   - any other that the store returned.
//
// The trace that the context carries becomes the metadata of the events.
func Decide(ctx context.Context, store daybook.Store, plan Plan, options ...Option) (daybook.Receipt, error) {
	s := settle(options)
	if receipt, recorded, err := s.recall(ctx); recorded || err != nil {
		return receipt, err
	}
	var (
		d      draft
		doubt  error // why it is not known whether the draft is recorded
		pauses = newPauses()
	)
	for attempt := 1; ; attempt++ {
		var receipt daybook.Receipt
		var err error
		if doubt == nil {
			d, err = plan.decide(ctx, store, s)
		}
		if err == nil {
			receipt, err = d.record(ctx, store)
		}
		if err == nil && !receipt.Repeated && len(d.events) > 0 {
			return receipt, nil
		}

		// Any other outcome may be our own doing: an earlier attempt, whose answer was
		// lost, has recorded the events, or the same command has been run elsewhere. If
		// so, what is recorded is the answer.
		conflict, unknown := (*daybook.ConflictError)(nil), (*daybook.UnknownError)(nil)
		if errors.As(err, &unknown) {
			doubt = err
		}
		answer, recorded, failed := s.recall(ctx)
		switch {
		case recorded:
			return answer, failed
		case failed != nil:
			return daybook.Receipt{}, cmp.Or(doubt, failed)
		case unknown != nil:
			// The same events are appended again, which is safe, and tells.
		case errors.As(err, &conflict):
			doubt = nil // nor can the lost append still be recorded: it had the same condition
			if broken := d.broken(conflict); broken != nil {
				return daybook.Receipt{}, broken
			}
		case err != nil:
			return daybook.Receipt{}, cmp.Or(doubt, err)
		default:
			return receipt, nil
		}

		if attempt == s.attempts {
			return daybook.Receipt{}, fmt.Errorf("decider: %s: gave up after %d attempts: %w", plan.about, attempt, err)
		}
		if err := pauses.next(ctx, store, conflict); err != nil {
			return daybook.Receipt{}, cmp.Or(doubt, err)
		}
	}
}

// A draft is what was decided and is to be recorded.
type draft struct {
	events []daybook.Event
	final  daybook.Condition // the caller's own
	own    daybook.Condition // that nothing was recorded since the draft's reading
	at     daybook.Point     // the draft's reading
}

// decide reads, folds and decides.
func (p Plan) decide(ctx context.Context, store daybook.Store, s settings) (draft, error) {
	if p.begin == nil {
		return draft{}, &daybook.InvalidError{What: "plan", Reason: "is empty: it says nothing about what to decide"}
	}
	if p.invalid != nil {
		return draft{}, p.invalid
	}
	subject, at, err := p.read(ctx, store, s.snapshots)
	if err != nil {
		return draft{}, err
	}
	d := draft{final: p.final, own: daybook.Nothing(p.query, at), at: at}
	facts, err := subject.decided()
	if err != nil {
		return draft{}, daybook.Refused(err, d.at)
	}
	metadata := daybook.TraceOf(ctx).Metadata()
	for _, fact := range facts {
		event, err := subject.event(fact)
		if err != nil {
			return draft{}, err
		}
		// The store would give ids, too; but only whoever knows them can ask again.
		if event.ID, err = uuid.NewV7(); err != nil {
			return draft{}, fmt.Errorf("decider: make an id: %w", err)
		}
		event.Metadata = metadata
		d.events = append(d.events, event)
	}
	if err := s.stamp(d.events); err != nil {
		return draft{}, err
	}
	return d, nil
}

// record hands the draft to the store. If there is nothing to record, and nothing
// that the caller wants checked, the store need not be asked.
func (d draft) record(ctx context.Context, store daybook.Store) (daybook.Receipt, error) {
	if len(d.events) == 0 && len(d.final) == 0 {
		return daybook.Receipt{Point: d.at}, nil
	}
	return store.Append(ctx, d.events, append(d.final[:len(d.final):len(d.final)], d.own...))
}

// broken returns the part of a conflict that is about the caller's own clauses; nil
// if something was merely recorded since the draft's reading. A clause of the
// caller's may look like the draft's own, if it is about the same point; the next
// attempt reads at another point, and can tell them apart.
func (d draft) broken(conflict *daybook.ConflictError) *daybook.ConflictError {
	if len(d.final) == 0 {
		return nil
	}
	var failures []daybook.Failure
	for _, f := range conflict.Failures {
		if f.Clause.Kind != daybook.NothingSelected || f.Clause.After != d.at {
			failures = append(failures, f)
		}
	}
	if len(failures) == 0 {
		return nil
	}
	return &daybook.ConflictError{Failures: failures, At: conflict.At}
}
