package process

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A session runs a process while the log lives one life. It has these goroutines, which
// all end with the context of run: one that follows the log for inputs, one that follows
// the category of the instances for what there is to do, one that fires deadlines, one
// that does what was put off, and workers that let instances go on, send commands and
// call effects.
type session struct {
	*manager
	life  daybook.Point // position zero of it; set before anything else is done
	slots slots

	advances *queue[string] // instances that may have something to do
	commands *queue[job]
	effects  *queue[job]

	following   waiter
	registering waiter
	woken       *signal       // there is something new for those who wait for time to pass
	again       chan struct{} // somebody wants another session

	mu         sync.Mutex
	followed   daybook.Position // every event up to here was dealt with
	registered daybook.Position // what instances have to do is known up to here
	ready      bool             // all that was there when the session began is known
	register   register
	agenda     agenda
	firing     bool // deadlines that were due are being fired
	tookUp     bool // the events that were set aside were tried again
}

func newSession(m *manager) *session {
	s := &session{manager: m, woken: newSignal(), again: make(chan struct{}, 1), register: newRegister()}
	s.slots.warm = m.options.Warm
	s.advances = newQueue[string](m.changed.tell)
	s.commands = newQueue[job](m.changed.tell)
	s.effects = newQueue[job](m.changed.tell)
	return s
}

func (s *session) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := s.insist(ctx, following, func() error {
		return s.identify(ctx)
	})
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	begin := func(do func(context.Context) error) {
		running.Go(func() {
			if err := do(ctx); err != nil {
				stop(err)
			}
		})
	}
	begin(s.follow)
	begin(func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-s.again:
			return errAgain
		}
	})
	begin(s.keepRegister)
	begin(s.fireDeadlines)
	begin(s.keepAgenda)
	for range s.options.Parallel {
		running.Go(func() { s.advances.work(ctx, func(id string) { s.advance(ctx, id) }) })
		running.Go(func() { s.commands.work(ctx, func(j job) { s.send(ctx, j) }) })
	}
	for range s.options.Calls {
		running.Go(func() { s.effects.work(ctx, func(j job) { s.call(ctx, j) }) })
	}
	running.Wait()
	return context.Cause(ctx)
}

// identify finds out which life of which log this is.
func (s *session) identify(ctx context.Context) error {
	info, err := s.store.Info(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life = info.Head.At(0)
	return err
}

// isSettled reports whether there is nothing to do up to the head of the log, unless time
// passes.
func (s *session) isSettled(head daybook.Point) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.IsZero() || !s.life.SameLife(head) || s.followed < head.Position || s.registered < head.Position || !s.ready || s.firing || s.agenda.isDue(s.options.Clock.Boot()) {
		return false
	}
	if !s.advances.isIdle() || !s.commands.isIdle() || !s.effects.isIdle() {
		return false
	}
	first, any := s.register.deadlines.first()
	now, paused := s.watch.look()
	return !any || paused != nil || first.time().After(now)
}

// sameLife returns an error if a reading is of another life of the log than the session.
func (s *session) sameLife(at daybook.Point) error {
	if !s.life.SameLife(at) {
		return &daybook.LifeError{Given: s.life, Log: at}
	}
	return nil
}

// load returns the instance of a locked slot as it is in the log, or was when somebody
// last looked.
func (s *session) load(ctx context.Context, of *slot) (*instance, error) {
	if !s.slots.isStale(of) {
		return of.instance, nil
	}
	i, err := load(ctx, s.store, s.name, of.id, s.versions)
	of.instance = i
	return i, err
}

// take has an instance take an input, which about returns; nil if there is none to take,
// because it was taken before or does not concern the instance. Whoever is first with an
// input, here or elsewhere, has it taken; for all others it then is none any more.
func (s *session) take(ctx context.Context, id string, about func(*instance) *input) error {
	of := s.slots.lock(id)
	defer s.slots.unlock(of)
	for {
		i, err := s.load(ctx, of)
		if err != nil {
			return err
		}
		in := about(i)
		if in == nil {
			return nil
		}
		again := false
		err = s.react(ctx, of, in, func(ctx context.Context) error {
			d, err := i.prepare(in)
			if err != nil {
				of.instance = nil
				return err
			}
			again, err = s.record(ctx, of, d, in)
			return err
		})
		if !again {
			return err
		}
	}
}

// record appends a draft. It reports whether somebody else was first, so that the
// instance is to be looked at again. An instance that was forgotten for good takes
// nothing any more: that is logged, and no error.
func (s *session) record(ctx context.Context, of *slot, d *draft, in *input) (again bool, err error) {
	receipt, err := s.append(ctx, d.events, append(d.condition(), in.condition...))
	invalid, conflict, reused := (*daybook.InvalidError)(nil), (*daybook.ConflictError)(nil), (*daybook.ReusedError)(nil)
	if errors.As(err, &invalid) {
		gone, unknown := s.isTombstoned(ctx, streamOf(s.name, of.id))
		switch {
		case unknown != nil:
			of.instance = nil
			return false, unknown
		case gone:
			of.instance = nil
			s.options.Logger.WarnContext(ctx, "an instance whose stream was tombstoned takes nothing any more",
				"process", s.name, "instance", of.id, "input", in.id)
			return false, nil
		}
	}
	if invalid != nil && len(d.events) > 1 && d.events[0].ID == in.id {
		if d, err = d.instance.refuse(in, d.at, err); err == nil {
			receipt, err = s.append(ctx, d.events, append(d.condition(), in.condition...))
		}
	}
	if err == nil && !receipt.Repeated {
		d.settle(receipt.Position, receipt)
		if s.slots.saw(of.id, d.instance.at); d.torn {
			of.instance = nil
			s.options.Logger.ErrorContext(ctx, "an instance was set aside", "process", s.name, "instance", of.id,
				"cause", d.records[len(d.records)-1].(setAside).Cause)
		}
		return false, nil
	}
	of.instance = nil
	switch {
	case err == nil:
		return false, nil // it was taken before, perhaps by an attempt whose answer was lost
	case errors.As(err, &reused) && reused.ID == d.events[0].ID:
		return false, nil // likewise, and it led to something else
	case errors.As(err, &conflict):
		for _, f := range conflict.Failures {
			if f.Clause.Kind == daybook.NothingSelected {
				return false, err // what the input says is not so any more
			}
		}
		return true, s.reach(ctx, conflict.Position())
	}
	return false, err
}

// isTombstoned reports whether a stream was forgotten for good.
func (s *session) isTombstoned(ctx context.Context, stream string) (bool, error) {
	tombstones := daybook.Query{{Streams: []string{daybook.StreamAbout(stream)}, Types: []string{daybook.TypeTombstoned}}}
	reading, err := s.store.Read(ctx, tombstones, daybook.Span{Limit: 1})
	if err != nil {
		return false, err
	}
	found, err := reading.Collect()
	return len(found) > 0, err
}

// append appends events of instances, and remembers which steps this runner decided on.
// They are recorded only in the life of the log in which they were decided on: what was
// read in another one says nothing about this. Otherwise the error is a
// [*daybook.LifeError].
func (s *session) append(ctx context.Context, events []daybook.Event, condition daybook.Condition) (daybook.Receipt, error) {
	var steps []uuid.UUID
	for _, e := range events {
		if e.Type == typeSent || e.Type == typeAsked {
			steps = append(steps, e.ID)
		}
	}
	s.mu.Lock()
	for _, id := range steps {
		s.register.mine[id] = true
	}
	s.mu.Unlock()
	sameLife := daybook.Nothing(daybook.Query{{IDs: []uuid.UUID{events[0].ID}}}, s.life)
	receipt, err := s.store.Append(ctx, events, append(sameLife, condition...))
	if conflict := (*daybook.ConflictError)(nil); errors.As(err, &conflict) && !s.life.SameLife(conflict.At) {
		err = &daybook.LifeError{Given: s.life, Log: conflict.At}
	}
	if unknown := (*daybook.UnknownError)(nil); err != nil && !errors.As(err, &unknown) {
		s.mu.Lock()
		for _, id := range steps {
			delete(s.register.mine, id)
		}
		s.mu.Unlock()
	}
	return receipt, err
}

// reach waits until a position can be read.
func (s *session) reach(ctx context.Context, position daybook.Position) error {
	if position == 0 {
		return nil
	}
	_, err := s.store.Wait(ctx, daybook.All(), position-1)
	return err
}
