package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
)

// A job is a step of an instance whose turn it is.
type job struct {
	instance string
	step     uuid.UUID
	request  request
	effect   bool
	skipped  string // why it was skipped; empty if it was not
	trace    daybook.Trace
}

// advance has those steps of an instance carried out whose turn it is.
func (s *session) advance(ctx context.Context, id string) {
	of := s.slots.lock(id)
	defer s.slots.unlock(of)
	i, err := s.load(ctx, of)
	stuck := "instance " + id
	if err == nil {
		s.goOn(ctx, stuck)
	} else if ctx.Err() == nil {
		s.getStuck(ctx, stuck, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.putOff(s.options.Clock.Boot()+s.options.RetryAfter, id)
		return
	}
	if i.definition == nil {
		return
	}
	for _, ready := range i.ready() {
		p := s.register.steps[ready.id]
		if p == nil || p.begun {
			continue // the register has not read of it, and will come back; or it is on its way
		}
		if p.from > s.options.Clock.Boot() {
			continue // it is on the agenda
		}
		p.begun, p.failed = true, max(p.failed, ready.failed)
		j := job{
			instance: id, step: ready.id, request: ready.request, effect: ready.effect, skipped: ready.skipped,
			trace: ready.trace.By(ready.id.String()),
		}
		if ready.effect {
			s.effects.push(j)
		} else {
			s.commands.push(j)
		}
	}
}

// finish ends the carrying out of a step, for now.
func (s *session) finish(j job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.register.steps[j.step]; p != nil {
		p.begun = false
	}
}

// leave leaves a step to another runner, which has begun to carry it out.
func (s *session) leave(j job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.register.steps[j.step]; p != nil {
		p.begun, p.from = false, s.options.Clock.Boot()+s.options.TakeOver
		s.putOff(p.from, j.instance)
	}
}

// later ends an attempt at a step that failed, and puts off the next one.
func (s *session) later(ctx context.Context, j job, what string, cause error) {
	s.options.Logger.WarnContext(ctx, "a step failed and will be tried again",
		"process", s.name, "instance", j.instance, "step", j.request.Name, "failed", what, "error", cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.register.steps[j.step]
	if p == nil {
		return
	}
	if p.pauses == nil {
		p.pauses = s.pauses()
	}
	p.begun, p.from = false, s.options.Clock.Boot()+p.pauses.NextBackOff()
	s.putOff(p.from, j.instance)
}

// send sends a command and has the instance take the answer.
//
// The command can take effect only while it has no answer, and be refused only while it
// has taken no effect: each append says so in its condition. So even if two runners send
// it at the same time, and the domain answers them differently, the answer that is
// recorded is what happened.
func (s *session) send(ctx context.Context, j job) {
	ctx = daybook.WithTrace(ctx, j.trace)
	if j.skipped != "" && s.skip(ctx, j) {
		return
	}
	unanswered := daybook.Nothing(daybook.Query{{IDs: []uuid.UUID{answeredID(j.step)}}}, daybook.Point{})
	receipt, err := s.bus.Send(ctx,
		command.Envelope{ID: command.ID(j.step), Principal: categoryOf(s.name), If: unanswered},
		j.request.Name, j.request.Data)
	a := answered{Step: j.step, At: s.now()}
	var condition daybook.Condition
	refused := (*daybook.RefusedError)(nil)
	switch {
	case err == nil:
		a.Point = &receipt.Point
	case errors.As(err, &refused):
		a.Refused = &refusal{Rule: refused.Rule, Reason: refused.Err.Error()}
		if a.Refused.Rule == "" {
			a.Refused.Rule = "refused"
		}
		condition = ineffective(j.step)
	case ctx.Err() != nil:
		s.finish(j)
		return
	case isHopeless(err):
		s.block(ctx, j, err)
		return
	default:
		s.later(ctx, j, "to be sent", err)
		return
	}
	if err := s.answer(ctx, j, answeredID(j.step), a, condition); err != nil {
		s.later(ctx, j, "to have its answer recorded", err)
		return
	}
	s.finish(j)
}

// ineffective holds while a command has recorded nothing.
func ineffective(command uuid.UUID) daybook.Condition {
	return daybook.Nothing(daybook.Query{{IDs: []uuid.UUID{daybook.EventID(command, 0)}}}, daybook.Point{})
}

// isHopeless reports whether a command can never be sent as it is.
func isHopeless(err error) bool {
	invalid, denied, reused := (*daybook.InvalidError)(nil), (*command.DeniedError)(nil), (*command.ReusedError)(nil)
	return errors.As(err, &invalid) || errors.As(err, &denied) || errors.As(err, &reused)
}

// skip carries a step out that was skipped, and reports whether that is all: a command
// that took effect before it was skipped has an answer after all.
func (s *session) skip(ctx context.Context, j job) bool {
	err := s.passOver(ctx, j)
	if errors.As(err, new(*daybook.ConflictError)) {
		return false
	}
	if err != nil {
		s.later(ctx, j, "to be passed over", err)
		return true
	}
	s.finish(j)
	return true
}

// answer has an instance take the outcome of a step, unless it has one.
func (s *session) answer(ctx context.Context, j job, id uuid.UUID, what record, condition daybook.Condition) error {
	return s.take(ctx, j.instance, func(i *instance) *input {
		step := i.step(j.step)
		if step == nil {
			return nil
		}
		at := s.now()
		if a, is := what.(answered); is {
			at = a.At
		} else if r, is := what.(returned); is {
			at = r.At
		}
		return &input{id: id, what: what, at: at, trace: j.trace, step: step, condition: condition}
	})
}

// now returns the wall clock's time, as it is recorded.
func (s *session) now() time.Time { return s.options.Clock.Now().UTC().Round(0) }

// block sets an instance aside because of a step that cannot be carried out.
func (s *session) block(ctx context.Context, j job, cause error) {
	noted := false
	err := s.note(ctx, j.instance, func(i *instance) (uuid.UUID, record) {
		step := i.step(j.step)
		if noted = step != nil && !step.blocked && step.skipped == ""; !noted {
			return uuid.Nil, nil
		}
		id, _ := uuid.NewV7()
		return id, setAside{Step: &j.step, Cause: cause.Error()}
	}, j.trace)
	if err != nil {
		s.later(ctx, j, "to be set aside", err)
		return
	}
	s.finish(j)
	if !noted {
		return
	}
	s.options.Logger.ErrorContext(ctx, "an instance was set aside", "process", s.name, "instance", j.instance,
		"step", j.request.Name, "cause", cause)
}

// note appends one record to the stream of an instance, and applies it. About returns
// it, or nil if there is nothing to note, and is asked again whenever somebody else was
// first; if it is recorded under its id already, that is an errRepeated.
func (s *session) note(ctx context.Context, id string, about func(*instance) (uuid.UUID, record), trace daybook.Trace) error {
	of := s.slots.lock(id)
	defer s.slots.unlock(of)
	for {
		i, err := s.load(ctx, of)
		if err != nil {
			return err
		}
		event, r := about(i)
		if r == nil {
			return nil
		}
		e, err := eventOf(i.stream(), event, r, trace)
		if err != nil {
			return err
		}
		receipt, err := s.append(ctx, []daybook.Event{e}, daybook.At(i.stream(), i.at))
		if err == nil && !receipt.Repeated {
			i.apply(daybook.Recorded{Event: e, Position: receipt.Position, Version: i.at + 1, RecordedAt: receipt.RecordedAt}, r, nil)
			s.slots.saw(id, i.at)
			return nil
		}
		of.instance = nil
		if err == nil {
			return errRepeated
		}
		conflict := (*daybook.ConflictError)(nil)
		if !errors.As(err, &conflict) {
			return err
		}
		if err := s.reach(ctx, conflict.Position()); err != nil {
			return err
		}
	}
}

var errRepeated = errors.New("process: it was noted before")

func isConflict(err error) bool {
	conflict := (*daybook.ConflictError)(nil)
	return errors.As(err, &conflict)
}

// call calls an effect, having noted that it is about to, and has the instance take what
// comes of it.
func (s *session) call(ctx context.Context, j job) {
	ctx = daybook.WithTrace(ctx, j.trace)
	if j.skipped != "" && s.skip(ctx, j) {
		return
	}
	s.mu.Lock()
	var failed int
	var failure string
	if p := s.register.steps[j.step]; p != nil {
		failed, failure = p.failed, p.failure
	}
	s.mu.Unlock()

	var handler *requestHandler
	attempt := 0
	err := s.note(ctx, j.instance, func(i *instance) (uuid.UUID, record) {
		handler, attempt = nil, 0 // what was so when it was asked before may not be so any more
		step := i.step(j.step)
		if step == nil || i.definition == nil {
			return uuid.Nil, nil
		}
		if handler = i.definition.effects[j.request.Name]; handler == nil {
			return uuid.Nil, nil
		}
		attempt, failed = step.calls+1, max(failed, step.failed)
		return callingID(j.step, attempt), calling{Step: j.step, Call: attempt, Failed: failed, Failure: failure}
	}, j.trace)
	switch {
	case ctx.Err() != nil:
		s.finish(j)
		return
	case errors.Is(err, errRepeated): // by another runner, at the same moment
		s.leave(j)
		return
	case err != nil:
		s.later(ctx, j, "to be begun", err)
		return
	case attempt == 0 && handler == nil:
		s.undeclared(ctx, j)
		return
	}

	result, err := s.callOut(ctx, handler, j, attempt)
	r := returned{Step: j.step, At: s.now(), Result: result}
	if err != nil {
		if ctx.Err() != nil && !IsPermanent(err) {
			s.finish(j)
			return
		}
		failed++
		if !IsPermanent(err) && failed < s.options.Attempts {
			s.mu.Lock()
			if p := s.register.steps[j.step]; p != nil {
				p.failed, p.failure = failed, err.Error()
			}
			s.mu.Unlock()
			s.later(ctx, j, "to be called", err)
			return
		}
		if r.Result, r.Failure = nil, err.Error(); r.Failure == "" {
			r.Failure = "it failed and did not say why"
		}
	}
	// What the provider said is worth more than one attempt to keep it.
	err = s.insist(ctx, "step "+j.step.String(), func() error { return s.answer(ctx, j, returnedID(j.step), r, nil) })
	if err != nil {
		s.later(ctx, j, "to have its result recorded", err)
		return
	}
	s.finish(j)
}

// undeclared sets an instance aside whose effect its process does not declare any more,
// unless the step has its outcome already.
func (s *session) undeclared(ctx context.Context, j job) {
	s.block(ctx, j, fmt.Errorf("the process does not declare the effect %q any more", j.request.Name))
}

// callOut makes one call of an effect. A provider that panics has failed.
func (s *session) callOut(ctx context.Context, handler *requestHandler, j job, attempt int) (result []byte, err error) {
	value, err := handler.value(j.request.Data)
	if err != nil {
		return nil, Permanent(err)
	}
	ctx, stop := context.WithTimeout(ctx, s.options.CallTimeout)
	defer stop()
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the call of %s panicked: %v", j.request.Name, cause)
		}
	}()
	key := j.step.String()
	next := func(ctx context.Context) (any, error) { return handler.call(ctx, key, value) }
	if s.options.Around != nil {
		inner := next
		c := Call{Process: s.name, Instance: j.instance, Effect: j.request.Name, Value: value, Key: key, Attempt: attempt}
		next = func(ctx context.Context) (any, error) { return s.options.Around(ctx, c, inner) }
	}
	returned, err := next(ctx)
	if err != nil {
		return nil, err
	}
	if result, err = json.Marshal(returned); err != nil {
		return nil, Permanent(fmt.Errorf("write the result of %s: %w", j.request.Name, err))
	}
	return result, nil
}
