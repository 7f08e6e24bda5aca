package process

import (
	"context"
	"errors"
	"time"

	"github.com/daybook-es/daybook"
)

// fireAtOnce is how many deadlines are fired in one append, at most: so many that one sync
// of a disk is shared by hundreds, and so few that their instances fit into memory.
const fireAtOnce = 256

// lookAtClock is how often the clock is looked at while nothing is due, so that a jump is
// seen, and told, when it happens.
const lookAtClock = 10 * time.Second

// fireDeadlines fires deadlines when they are due, in order: by due time, then by
// position. One fires only when the one before it has fired, here or elsewhere, or was
// taken back; so any number of runners fire them in one order.
//
// A deadline waits until everything recorded before it was due has reached the instances:
// who paid in time has paid, however long the program was not running.
func (s *session) fireDeadlines(ctx context.Context) error {
	pauses := s.pauses()
	for ctx.Err() == nil {
		woken := s.woken.wait()
		batch, wait := s.dueNow()
		if len(batch) == 0 {
			s.goOn(ctx, firing)
			select {
			case <-ctx.Done():
			case <-woken:
			case <-s.options.Clock.After(wait):
			}
			continue
		}
		err := s.letEventsPass(ctx)
		for err == nil && len(batch) > 0 {
			var done int
			done, err = s.fire(ctx, batch)
			batch = batch[done:]
		}
		s.mu.Lock()
		for _, d := range batch {
			delete(s.register.taken, d.position)
			s.register.deadlines.add(d)
		}
		s.firing = false
		s.mu.Unlock()
		s.changed.tell()
		if err == nil {
			pauses.Reset()
			s.goOn(ctx, firing)
			continue
		}
		if errors.Is(err, daybook.ErrClosed) || ctx.Err() != nil {
			return err
		}
		s.getStuck(ctx, firing, err)
		s.pause(ctx, pauses)
	}
	return nil
}

// dueNow takes deadlines that are due, in order; or says how long to wait before looking
// again.
func (s *session) dueNow() (batch []due, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, jumped := s.watch.look()
	if !s.ready || jumped != nil {
		return nil, lookAtClock
	}
	wait = lookAtClock
	for len(batch) < fireAtOnce {
		first, any := s.register.deadlines.first()
		if !any {
			break
		}
		if early := first.time().Sub(now); early > 0 {
			wait = min(wait, early)
			break
		}
		s.register.deadlines.pop()
		s.register.taken[first.position] = first
		batch = append(batch, first)
	}
	s.firing = len(batch) > 0
	return batch, wait
}

// letEventsPass waits until everything that is in the log now has reached the instances.
func (s *session) letEventsPass(ctx context.Context) error {
	info, err := s.store.Info(ctx)
	if err != nil {
		return err
	}
	for {
		woken := s.woken.wait()
		s.mu.Lock()
		followed := s.followed
		s.mu.Unlock()
		if followed >= info.Head.Position {
			return nil
		}
		s.following.kick()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
		}
	}
}

// A shot is a deadline that is about to fire, with its locked instance.
type shot struct {
	slot  *slot
	draft *draft
}

// fire fires deadlines, as many together as one append takes, and returns how many of
// them are done with.
func (s *session) fire(ctx context.Context, batch []due) (done int, err error) {
	info, err := s.store.Info(ctx)
	if err != nil {
		return 0, err
	}
	var shots []shot
	locked := make(map[string]bool)
	defer func() {
		for _, shot := range shots {
			s.slots.unlock(shot.slot)
		}
	}()
	var events []daybook.Event
	var condition daybook.Condition
	size := 0
	for _, d := range batch {
		e, there, err := s.scheduled(ctx, d.position)
		if err != nil {
			return 0, s.miss(shots, err)
		}
		if !there {
			done++
			continue
		}
		id := instanceOf(s.name, e.Stream)
		if locked[id] {
			break // it fires when its instance has reacted to the one before
		}
		of := s.slots.lock(id)
		draft, err := s.aim(ctx, of, e)
		if err != nil || draft == nil {
			s.slots.unlock(of)
			if err != nil {
				return 0, s.miss(shots, err)
			}
			done++
			continue
		}
		if len(shots) > 0 && (len(events)+len(draft.events) > info.Limits.AppendEvents || size+draft.size() > info.Limits.AppendBytes) {
			of.instance = nil // it has reacted, and what it decided is thrown away
			s.slots.unlock(of)
			break
		}
		locked[id] = true
		shots = append(shots, shot{of, draft})
		events, condition = append(events, draft.events...), append(condition, draft.condition()...)
		size += draft.size()
		done++
	}
	if len(shots) == 0 {
		return done, nil
	}
	receipt, err := s.append(ctx, events, condition)
	if err == nil && !receipt.Repeated {
		s.hit(ctx, shots, receipt, len(events))
		return done, nil
	}
	s.miss(shots, nil)
	invalid, reused := (*daybook.InvalidError)(nil), (*daybook.ReusedError)(nil)
	if err != nil && !isConflict(err) && !errors.As(err, &invalid) && !errors.As(err, &reused) {
		return 0, err
	}
	// Somebody else was first with one of them, or one cannot be recorded: one by one.
	for _, shot := range shots {
		s.slots.unlock(shot.slot)
	}
	shots = nil
	if err := s.fireOneByOne(ctx, batch[:done]); err != nil {
		return 0, err
	}
	return done, nil
}

// hit brings the instances up to date with deadlines that have fired.
func (s *session) hit(ctx context.Context, shots []shot, receipt daybook.Receipt, events int) {
	last := receipt.Position - daybook.Position(events)
	for _, shot := range shots {
		last += daybook.Position(len(shot.draft.events))
		shot.draft.settle(last, receipt)
		s.slots.saw(shot.slot.id, shot.draft.instance.at)
		if shot.draft.torn {
			shot.slot.instance = nil
			s.options.Logger.ErrorContext(ctx, "an instance was set aside", "process", s.name, "instance", shot.slot.id)
		}
	}
}

// miss throws away the states of instances that have reacted in vain.
func (s *session) miss(shots []shot, err error) error {
	for _, shot := range shots {
		shot.slot.instance = nil
	}
	return err
}

// fireOneByOne fires deadlines in one append each.
func (s *session) fireOneByOne(ctx context.Context, batch []due) error {
	for _, d := range batch {
		e, there, err := s.scheduled(ctx, d.position)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		id := instanceOf(s.name, e.Stream)
		if err := s.take(ctx, id, func(i *instance) *input { return s.firingOf(i, e) }); err != nil {
			return err
		}
	}
	return nil
}

// scheduled reads the event that set a deadline; it may have been forgotten.
func (s *session) scheduled(ctx context.Context, at daybook.Position) (daybook.Recorded, bool, error) {
	reading, err := s.store.Read(ctx, daybook.All(), daybook.Span{After: at - 1, Before: at + 1})
	if err != nil {
		return daybook.Recorded{}, false, err
	}
	for e, err := range reading.Events() {
		return e, err == nil && e.Type == typeScheduled && e.Category() == categoryOf(s.name), err
	}
	return daybook.Recorded{}, false, nil
}

// aim prepares the firing of a deadline; nil if it is not pending any more, or not ours
// to fire.
func (s *session) aim(ctx context.Context, of *slot, e daybook.Recorded) (*draft, error) {
	i, err := s.load(ctx, of)
	if err != nil {
		return nil, err
	}
	in := s.firingOf(i, e)
	if in == nil {
		return nil, nil
	}
	var draft *draft
	err = s.react(ctx, of, in, func(context.Context) (err error) {
		draft, err = i.prepare(in)
		return err
	})
	if err != nil {
		of.instance = nil
	}
	return draft, err
}

// firingOf returns the input of a deadline that fires, if it is still pending.
func (s *session) firingOf(i *instance, e daybook.Recorded) *input {
	if i.definition == nil {
		return nil
	}
	for _, d := range i.deadlines {
		if d.ID == e.ID {
			now := s.now()
			return &input{id: firedID(d.ID), what: fired{d, now}, at: now, trace: e.Trace().By(d.ID.String())}
		}
	}
	return nil
}
