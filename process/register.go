package process

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A register is what a session knows of all instances together: what they have to do,
// and no more. It is derived from their streams, in memory.
type register struct {
	steps      map[uuid.UUID]*pending // without an outcome
	byInstance map[string][]uuid.UUID // the same, by instance
	deadlines  deadlines
	taken      map[daybook.Position]due // deadlines that were due, and of whose end the register has not read
	aside      map[string]Aside
	unread     map[uuid.UUID]Aside // events for which no instance was found, as far as this session knows
	live       map[int]int         // instances that are not done, by version
	finished   int
	mine       map[uuid.UUID]bool // steps that this runner decided on and the register has not read
}

// pending is a step without an outcome.
type pending struct {
	instance string
	since    time.Time
	from     time.Duration // on the clock of the boot: not to be carried out before
	begun    bool          // it is being carried out
	failed   int           // attempts that failed since this session began
	failure  string        // how the last one did
	pauses   *backoff.ExponentialBackOff
}

func newRegister() register {
	return register{
		steps:      make(map[uuid.UUID]*pending),
		byInstance: make(map[string][]uuid.UUID),
		taken:      make(map[daybook.Position]due),
		aside:      make(map[string]Aside),
		unread:     make(map[uuid.UUID]Aside),
		live:       make(map[int]int),
		mine:       make(map[uuid.UUID]bool),
	}
}

// keepRegister follows the streams of all instances. It reads what is there, then has
// everything done that was left undone, and after that what comes.
func (s *session) keepRegister(ctx context.Context) error {
	query := daybook.Query{{Categories: []string{categoryOf(s.name)}}}
	var at daybook.Position
	var last eventAt
	err := s.insist(ctx, registering, func() (err error) {
		at, last, err = s.loadSnapshot(ctx)
		return err
	})
	if err != nil {
		return err
	}
	read := 0 // since the last snapshot
	defer func() {
		if read > 0 {
			s.saveSnapshot(context.WithoutCancel(ctx), at, last)
		}
	}()
	for {
		err := s.insist(ctx, registering, func() error {
			reading, err := s.store.Read(ctx, query, daybook.Span{After: at, Borrowed: true})
			if err == nil {
				err = s.sameLife(reading.Snapshot())
			}
			if err != nil {
				return err
			}
			for e, err := range reading.Events() {
				if err != nil {
					return err
				}
				s.enter(ctx, e)
				at, last = e.Position, eventAt{e.ID, e.Position, e.RecordedAt}
				if read++; read == snapshotEvery {
					s.saveSnapshot(ctx, at, last)
					read = 0
				}
			}
			at = reading.Snapshot().Position
			return nil
		})
		if err != nil {
			return err
		}
		s.moveRegistered(at)
		if err := s.insist(ctx, registering, func() error { return s.registering.wait(ctx, s.store, query, at) }); err != nil {
			return err
		}
	}
}

func (s *session) moveRegistered(at daybook.Position) {
	s.mu.Lock()
	s.registered = at
	if !s.ready {
		s.ready = true
		for id := range s.register.byInstance {
			s.advances.push(id)
		}
	}
	s.mu.Unlock()
	s.woken.tell()
	s.changed.tell()
}

// enter takes in the next event of an instance's stream, of which it keeps nothing.
func (s *session) enter(ctx context.Context, e daybook.Recorded) {
	s.watch.recorded(e.RecordedAt)
	id := strings.Clone(instanceOf(s.name, e.Stream))
	s.slots.saw(id, e.Version)
	if e.Type == typeReceived && !bytes.Contains(e.Data, []byte(`"version"`)) || e.Type == typeCalling {
		return // it changes nothing, and there are many
	}
	r, err := recordOf(e)
	if err != nil {
		s.options.Logger.ErrorContext(ctx, "an instance is set aside", "process", s.name, "instance", id, "cause", err)
		r = unreadable{err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reg := &s.register
	switch r := r.(type) {
	case received:
		if r.Version > 0 {
			reg.live[r.Version]++
		}
	case finished:
		if reg.live[r.Version]--; reg.live[r.Version] == 0 {
			delete(reg.live, r.Version)
		}
		reg.finished++
	case sent, asked:
		s.expect(e, id)
	case answered:
		s.outcome(r.Step, id)
	case returned:
		s.outcome(r.Step, id)
	case scheduled:
		d := due{r.Due.UnixNano(), e.Position}
		reg.deadlines.add(d)
		if first, _ := reg.deadlines.first(); s.ready && first == d {
			s.woken.tell()
		}
	case cancelled:
		reg.end(r.Position)
	case fired:
		reg.end(r.Position)
	case setAside:
		reg.setAside(Aside{
			Process: s.name, Instance: id, Since: e.RecordedAt, Cause: strings.Clone(r.Cause),
			Input: *cmp.Or(r.Input, r.Step), IsStep: r.Step != nil,
		})
	case unreadable:
		reg.setAside(Aside{Process: s.name, Instance: id, Since: e.RecordedAt, Cause: strings.Clone(r.err.Error()), Input: e.ID})
	case retried:
		s.resolved(id, r.Last)
	case skipped:
		s.resolved(id, r.Last)
	}
}

// setAside takes in that an instance cannot go on, for one more reason if there was one.
func (r *register) setAside(a Aside) {
	if before, is := r.aside[a.Instance]; is {
		a.Since = before.Since
	}
	r.aside[a.Instance] = a
}

// expect takes in a step that was decided on.
func (s *session) expect(e daybook.Recorded, id string) {
	p := &pending{instance: id, since: e.RecordedAt}
	s.register.steps[e.ID] = p
	s.register.byInstance[id] = append(s.register.byInstance[id], e.ID)
	switch mine := s.register.mine[e.ID]; {
	case mine:
		delete(s.register.mine, e.ID)
		if s.ready {
			s.advances.push(id)
		}
	case s.ready: // whoever decided on it is about to carry it out
		p.from = s.options.Clock.Boot() + s.options.TakeOver
		s.putOff(p.from, id)
	}
}

// outcome takes in that a step has its outcome: another one of the instance may have
// waited for that.
func (s *session) outcome(step uuid.UUID, id string) {
	reg := &s.register
	delete(reg.steps, step)
	left := slices.DeleteFunc(reg.byInstance[id], func(other uuid.UUID) bool { return other == step })
	if len(left) == 0 {
		delete(reg.byInstance, id)
		return
	}
	reg.byInstance[id] = left
	if s.ready {
		s.advances.push(id)
	}
}

func (s *session) resolved(id string, last bool) {
	if last {
		delete(s.register.aside, id)
	}
	if s.ready && len(s.register.byInstance[id]) > 0 {
		s.advances.push(id)
	}
}

// end takes in that a deadline is not pending any more.
func (r *register) end(position daybook.Position) {
	if _, taken := r.taken[position]; taken {
		delete(r.taken, position)
		return
	}
	r.deadlines.remove(position)
}
