package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Aside says that an instance was set aside, and why: because its reaction to an input
// panicked, an input could not be read, a step can never be carried out as it is, or its
// stream has an event that is none of a process, which then counts as an input.
// Inputs that reach it meanwhile are recorded and wait, in order.
type Aside struct {
	// Process and Instance say which instance. An Aside without an instance is an event
	// that could not be read or correlated, so that no instance was found for it: the
	// process goes on without it.
	Process, Instance string
	// Since is when it was set aside, and Cause says why.
	Since time.Time
	Cause string
	// Input is the id of the input that it could not take or, if IsStep, of the command or
	// effect that could not be carried out; without an instance, that of the event. It is
	// what [Runner.Skip] wants to know.
	Input  uuid.UUID
	IsStep bool
}

// ErrNotSetAside is returned by Retry and Skip if the instance is not set aside, or has not
// that input waiting.
var ErrNotSetAside = errors.New("process: the instance is not set aside, or nothing of this id waits")

// Retry has an instance that was set aside react to what it could not take, and then to
// everything that waits behind it, in order: after the code was mended, or what it
// depends on. It returns nil if the instance goes on; commands that could not be sent
// are then sent again. If a reaction fails again, the instance stays aside, and the error
// says why; what came before has been taken. The error may also be [ErrNotSetAside], or
// one of the store.
//
// With an empty id it tries the events again for which no instance was found. They are
// tried whenever a runner begins to run, too. Instances take them late: behind others
// that were recorded after them.
//
// It may be called whether or not the runner is running.
func (r *Runner) Retry(ctx context.Context, process, id string) error {
	s, err := r.hand(ctx, process)
	if err != nil {
		return err
	}
	if id == "" {
		return s.retryUnread(ctx)
	}
	for first := true; ; first = false {
		left, err := s.retryOne(ctx, id)
		switch {
		case err != nil:
			return err
		case left == 0 && first:
			return fmt.Errorf("%w: %s of %s", ErrNotSetAside, id, process)
		case left <= 1:
			return nil
		}
	}
}

// Skip passes over one input that an instance could not take, or one step that could not
// be carried out, both named by their ids (see [Aside]), for a reason that is recorded;
// without one the error is a [*daybook.InvalidError]. The state never sees an input that
// was skipped. A command that was skipped counts as refused by the rule [Skipped], an
// effect as failed, and the instance reacts to that. What else waits is taken by Retry.
// With an empty id it passes over an event for which no instance was found.
// The error may be [ErrNotSetAside], or one of the store.
//
// It may be called whether or not the runner is running.
func (r *Runner) Skip(ctx context.Context, process, id string, what uuid.UUID, reason string) error {
	if reason == "" {
		return &daybook.InvalidError{What: fmt.Sprintf("skip of %s", what), Reason: "has no reason"}
	}
	s, err := r.hand(ctx, process)
	if err != nil {
		return err
	}
	if id == "" {
		return s.skipUnread(ctx, what, reason)
	}
	found := false
	var step *step
	err = s.note(ctx, id, func(i *instance) (uuid.UUID, record) {
		found, step = false, nil
		event, _ := uuid.NewV7()
		r := skipped{Reason: reason, Last: i.waiting() == 1}
		if step = i.step(what); step != nil && step.blocked {
			r.Step = &what
		} else if slices.ContainsFunc(i.held, func(in *input) bool { return in.id == what }) {
			r.Input = &what
		} else {
			return uuid.Nil, nil
		}
		found = true
		return event, r
	}, daybook.Trace{})
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%w: %s, of %s of %s", ErrNotSetAside, what, id, process)
	case step == nil:
		return nil
	}
	j := job{instance: id, step: step.id, request: step.request, effect: step.effect, skipped: reason, trace: step.trace.By(step.id.String())}
	return s.passOver(ctx, j)
}

// passOver has an instance take that a step was skipped. Whoever recorded the skip does
// so, or, if they are gone, whoever comes to the step next.
func (s *session) passOver(ctx context.Context, j job) error {
	if j.effect {
		return s.answer(ctx, j, returnedID(j.step), returned{Step: j.step, At: s.now(), Failure: Skipped + ": " + j.skipped}, nil)
	}
	return s.answer(ctx, j, answeredID(j.step), answered{Step: j.step, At: s.now(), Refused: &refusal{Rule: Skipped, Reason: j.skipped}}, ineffective(j.step))
}

// waiting returns how many inputs and steps an instance cannot take.
func (i *instance) waiting() int {
	n := len(i.held)
	for _, s := range i.open {
		if s.blocked {
			n++
		}
	}
	return n
}

// hand returns the session of a process, or one for this one act if the runner does not
// run.
func (r *Runner) hand(ctx context.Context, process string) (*session, error) {
	m := r.manager(process)
	if m == nil {
		return nil, &daybook.InvalidError{What: "process", Value: process, Reason: "is none of this runner"}
	}
	if s := m.current(); s != nil {
		return s, nil
	}
	s := newSession(m)
	return s, s.identify(ctx)
}

// retryOne has an instance take the first of what waits, and returns how much waited.
func (s *session) retryOne(ctx context.Context, id string) (waited int, err error) {
	of := s.slots.lock(id)
	defer s.slots.unlock(of)
	for {
		of.instance = nil // what it was folded with may have been mended
		i, err := s.load(ctx, of)
		if err != nil {
			return 0, err
		}
		waited = i.waiting()
		switch {
		case i.aside == nil:
			return 0, nil
		case i.definition == nil && i.number > 0:
			return 0, fmt.Errorf("process: %s of %s began in version %d, which this program lacks", id, s.name, i.number)
		case i.folded != nil:
			return 0, fmt.Errorf("process: %s of %s: %w", id, s.name, i.folded)
		}
		d, in, err := i.retry()
		if err != nil {
			of.instance = nil
			return 0, err
		}
		if d.torn {
			of.instance = nil
			return 0, fmt.Errorf("process: %s of %s stays aside: %s", id, s.name, d.records[len(d.records)-1].(setAside).Cause)
		}
		again, err := s.record(ctx, of, d, in)
		if !again {
			return waited, err
		}
	}
}

// retry prepares that an instance takes the first of what waits: steps that were
// blocked, then inputs in order.
func (i *instance) retry() (*draft, *input, error) {
	last := i.waiting() == 1
	if n := slices.IndexFunc(i.open, func(s *step) bool { return s.blocked }); n >= 0 {
		blocked := i.open[n]
		id, err := uuid.NewV7()
		if err != nil {
			return nil, nil, err
		}
		d := &draft{instance: i, at: i.at}
		err = d.add(id, retried{Step: &blocked.id, Last: last}, blocked.trace.By(blocked.id.String()))
		i.resolve(nil, &blocked.id)
		return d, &input{id: id}, err
	}
	in := i.held[0]
	d, err := i.prepareRetry(in, last)
	return d, in, err
}
