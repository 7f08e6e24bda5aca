package projection

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A worker moves one part of a runner's view. It is used by one goroutine, for one call
// of the runner, and remembers where the part stands, so that it need not be asked.
type worker struct {
	*Runner
	part int

	// stand is where the part stands if known is set; held are the keys of what is set
	// aside.
	known bool
	stand Stand
	held  keySet

	// span bounds what is read, heedless is set to move the part although it is paused,
	// and only, if it is not nil, says which of the events that are read are applied.
	span     daybook.Span
	heedless bool
	only     func(daybook.Recorded) bool

	// amends is set while the worker has the part's turn, to amend what is kept of it.
	amends bool
	// patient is set for Run: what fails is tried again later. Other calls try once.
	patient bool
	// failed is why the first event that this worker has set aside could not be applied.
	failed *EventError
	// batch is how many events a batch has at most now; it follows how long they take.
	// Single is set while a batch is one event.
	batch  int
	single bool
	// buffer holds the events of a batch, and then of the next.
	buffer []daybook.Recorded
	// renewal is when the part has to be claimed again; zero where it is not claimed.
	renewal time.Time
}

func (r *Runner) worker(part int) *worker {
	w := &worker{Runner: r, part: part, batch: r.options.BatchEvents}
	if w.batch <= 0 {
		w.batch = firstBatch
	}
	return w
}

// look finds out where the part stands, unless that is known.
func (w *worker) look(ctx context.Context) error {
	if w.known {
		return nil
	}
	stand, err := w.standOf(ctx, w.part)
	if err != nil {
		return err
	}
	w.stand, w.held, w.known = stand, queue(stand.Aside).keys(), true
	return nil
}

// catchUp brings the part to the head of the log.
func (w *worker) catchUp(ctx context.Context) error {
	for {
		err := w.advance(ctx)
		if !errors.Is(err, ErrMoved) {
			return err
		}
		w.known = false
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// advance applies what the log has now. It returns ErrMoved if the part has to be looked
// at again.
func (w *worker) advance(ctx context.Context) error {
	if err := w.look(ctx); err != nil {
		return err
	}
	if w.stand.Paused != "" && !w.heedless {
		return w.pausedError(w.stand.Paused)
	}
	span := w.span
	span.After = w.stand.Position
	if span.Before > 0 && span.Before <= span.After {
		return nil // it has come that far
	}
	reading, err := w.store.Read(ctx, w.query, span)
	if err != nil {
		return err
	}
	if !w.stand.SameLife(reading.Snapshot()) {
		if err := w.adopt(ctx, reading.Snapshot()); err != nil {
			return err
		}
		return ErrMoved // back to the last event applied, and on from there
	}
	if err := w.confirm(ctx, reading.Snapshot()); err != nil {
		return err
	}
	return w.apply(ctx, reading)
}

// apply applies what a reading has, batch by batch.
func (w *worker) apply(ctx context.Context, reading daybook.Reading) error {
	now := reading.Snapshot()
	parts := w.view.Parts()
	c, bytes, count := w.change(), 0, 0
	c.Events = w.buffer[:0]
	defer func() { w.buffer = c.Events[:0] }()
	for e, err := range reading.Events() {
		if err != nil {
			return err
		}
		// What was scavenged since the reading began is what a reading begun now does not
		// show; and what is forgotten is not applied either where a view asks for it by id.
		if e.Forgotten || w.only != nil && !w.only(e) {
			continue
		}
		if parts > 1 {
			keys := w.view.Keys(e)
			part, err := partOf(keys, parts)
			if err != nil {
				failed := &EventError{Event: e, Err: err}
				return w.stopBefore(ctx, c, now, failed, failed)
			}
			if part != w.part {
				continue
			}
		}
		// A full batch waits for the event after it: the last one takes the checkpoint
		// along to the snapshot.
		if count >= w.batch || bytes >= BatchBytes || w.single && count > 0 {
			c.To.Point = now.At(last(c))
			if err := w.commit(ctx, c); err != nil {
				return err
			}
			if err := w.renew(ctx); err != nil {
				return err
			}
			next := w.change()
			next.Events = c.Events[:0]
			c, bytes, count = next, 0, 0
		}
		count++
		if keys := w.heldKeys(e); keys != nil {
			if len(w.stand.Aside)+len(c.SetAside) >= w.options.AsideAtMost {
				failed := &EventError{Event: e, Err: fmt.Errorf("it follows what is set aside, and no more than %d events may be", w.options.AsideAtMost)}
				return w.stopBefore(ctx, c, now, failed, failed)
			}
			w.held.add(keys)
			c.SetAside = append(c.SetAside, w.follower(e, keys))
			continue
		}
		c.Events, bytes = append(c.Events, e), bytes+e.Size()
	}
	c.To.Point = now
	if count == 0 && c.To.Point == c.From.Point {
		return nil // nothing new, and nothing to save
	}
	return w.commit(ctx, c)
}

// heldKeys returns the keys of an event if it has to wait because of one of them, and
// nil if it need not. While nothing is set aside nobody is asked for keys.
func (w *worker) heldKeys(e daybook.Recorded) []string {
	if len(w.held) == 0 {
		return nil
	}
	if keys := w.view.Keys(e); w.held.hasAny(keys) {
		return keys
	}
	return nil
}

// last returns the position of the last event of a change.
func last(c Change) (position daybook.Position) {
	if n := len(c.Events); n > 0 {
		position = c.Events[n-1].Position
	}
	if n := len(c.SetAside); n > 0 {
		position = max(position, c.SetAside[n-1].Position)
	}
	return position
}

// change returns a change of nothing.
func (w *worker) change() Change {
	c := Change{Part: w.part, From: w.stand.Checkpoint, To: w.stand.Checkpoint, Paused: w.stand.Paused, Mark: w.stand.Mark}
	c.To.Owner = w.owner
	return c
}

// follower returns what refers to an event that has to wait because of one of its keys.
func (w *worker) follower(e daybook.Recorded, keys []string) Aside {
	return Aside{Part: w.part, Position: e.Position, EventID: e.ID, Type: e.Type, RecordedAt: e.RecordedAt, Keys: keys, Since: time.Now()}
}

// commit makes a change. An event that cannot be applied is set aside with those that
// follow it, or skipped if somebody has decided so, and the rest of the change is made.
func (w *worker) commit(ctx context.Context, c Change) error {
	began := time.Now()
	to := c.To
	for {
		c.To = to.with(c.Events)
		err := w.make(ctx, c)
		if err == nil {
			break
		}
		failed := (*EventError)(nil)
		if !errors.As(err, &failed) {
			w.known = false // it may have been made, and only the answer be lost
			return err
		}
		if err := w.dispose(ctx, &c, failed, err); err != nil {
			if len(c.Events) > 1 && c.From.Position < failed.Event.Position {
				w.single = true // one by one it comes out how much can be set aside
				return ErrMoved
			}
			return w.stopBefore(ctx, c, to.Point, failed, err)
		}
	}
	w.pace(len(c.Events), time.Since(began))
	w.single = false
	return nil
}

// make makes a change as it is, and remembers it. A change that is being made is
// finished even if ctx ends, unless it takes too long.
func (w *worker) make(ctx context.Context, c Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !w.amends {
		if err := w.takeTurn(ctx); err != nil {
			return err
		}
		defer w.endTurn()
	}
	if c.To == c.From { // who else believes to know where the part stands is to be told
		c.To.Owner = uuid.New()
	}
	ctx, stop := outlasting(ctx)
	defer stop()
	if err := w.applyTo(ctx, c); err != nil {
		return err
	}
	w.stand = w.stand.After(c)
	if len(c.SetAside)+len(c.TakenUp) > 0 {
		w.held = queue(w.stand.Aside).keys()
	}
	w.move(ctx, w.part, c)
	return nil
}

// applyTo has the view make a change, within what goes around it.
func (w *worker) applyTo(ctx context.Context, c Change) error {
	if w.options.Around == nil {
		return w.view.Apply(ctx, c)
	}
	b := Batch{Projection: w.view.Name(), Version: w.view.Version(), Change: c}
	return w.options.Around(ctx, b, func(ctx context.Context) error { return w.view.Apply(ctx, c) })
}

// finishWithin is how long a change that is being made may go on after it was told to
// stop. A batch takes a fraction of a second.
const finishWithin = 10 * time.Second

// outlasting returns a context that ends a while after ctx does.
func outlasting(ctx context.Context) (context.Context, func()) {
	longer, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(finishWithin):
			end()
		}
	})
	return longer, func() { stop(); end() }
}

// dispose takes an event that cannot be applied out of a change, and what follows it:
// it is skipped if somebody has decided so, otherwise set aside. The error says that it
// cannot be.
func (w *worker) dispose(ctx context.Context, c *Change, failed *EventError, cause error) error {
	at := slices.IndexFunc(c.Events, func(e daybook.Recorded) bool { return e.Position == failed.Event.Position })
	if at < 0 {
		return cause // of an event that it was not given
	}
	e := c.Events[at]
	ctx = daybook.WithTrace(ctx, e.Trace()) // what is logged belongs to what was wanted
	if i := slices.IndexFunc(w.stand.Skips, func(s Skip) bool { return s.EventID == e.ID }); i >= 0 {
		c.Skipped = append(c.Skipped, w.stand.Skips[i])
		c.Events = slices.Delete(slices.Clone(c.Events), at, at+1)
		w.options.Logger.WarnContext(ctx, "an event that was skipped in an earlier version is skipped again", "event", e.ID.String(), "position", e.Position, "reason", w.stand.Skips[i].Reason)
		return nil
	}
	a := w.follower(e, w.view.Keys(e))
	for _, before := range w.stand.Aside {
		if before.Position == e.Position {
			a = before
		}
	}
	a.Attempts++
	a.Cause, a.Next = causeOf(cause), time.Time{}
	if a.Attempts < w.options.Attempts {
		a.Next = time.Now().Add(w.options.pauseAfter(a.Attempts))
	}
	if w.failed == nil {
		w.failed = failed
	}

	// What follows it goes with it: it stays aside if it was, and is set aside if not.
	held := keySet{}
	held.add(a.Keys)
	aside := []Aside{a}
	var rest []daybook.Recorded
	for i, e := range c.Events {
		keys := w.view.Keys(e)
		switch {
		case i < at || i > at && !held.hasAny(keys):
			rest = append(rest, e)
			continue
		case i > at:
			held.add(keys)
			if !slices.Contains(c.TakenUp, e.Position) {
				aside = append(aside, w.follower(e, keys))
			}
		}
		c.TakenUp = slices.DeleteFunc(slices.Clone(c.TakenUp), func(p daybook.Position) bool { return p == e.Position })
	}
	aside = append(aside, c.SetAside...)
	slices.SortFunc(aside, byPosition)
	if after := queue(w.stand.Aside).with(Change{SetAside: aside}); len(after) > w.options.AsideAtMost {
		return fmt.Errorf("%w (and no more than %d events may be set aside)", cause, w.options.AsideAtMost)
	}
	c.Events, c.SetAside = rest, aside
	if a.Attempts == 1 {
		w.options.Logger.ErrorContext(ctx, "an event cannot be applied and is set aside; its keys wait, the others go on",
			"event", e.ID.String(), "position", e.Position, "type", e.Type, "keys", a.Keys, "error", cause)
	} else if a.Next.IsZero() {
		w.options.Logger.ErrorContext(ctx, "an event still cannot be applied and stays set aside until somebody retries or skips it",
			"event", e.ID.String(), "position", e.Position, "type", e.Type, "keys", a.Keys, "attempts", a.Attempts, "error", cause)
	}
	return nil
}

// stopBefore makes what comes before an event that can neither be applied nor set
// aside, so that the part stands right before it, and returns the error.
func (w *worker) stopBefore(ctx context.Context, c Change, now daybook.Point, failed *EventError, cause error) error {
	c.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e daybook.Recorded) bool { return e.Position >= failed.Event.Position })
	c.SetAside = slices.DeleteFunc(c.SetAside, func(a Aside) bool { return a.Position >= failed.Event.Position })
	if c.From.Position >= failed.Event.Position || len(c.Events)+len(c.SetAside) == 0 {
		return cause
	}
	c.To = c.From
	c.To.Point, c.To.Owner = now.At(failed.Event.Position-1), w.owner
	c.To = c.To.with(c.Events)
	err := w.make(ctx, c)
	if errors.As(err, new(*EventError)) {
		w.single = true // one of them cannot be applied either: it comes first
		return ErrMoved
	}
	if err != nil {
		w.known = false
		return err
	}
	return cause
}

// A batch should be large enough that what a transaction costs beside its statements no
// longer shows, and small enough that a reader or another writer who waits for it does
// not notice: it takes about this long.
const (
	leastBatchTime = 20 * time.Millisecond
	mostBatchTime  = 60 * time.Millisecond
)

// A batch begins small, because how long a handler takes is not known. The most bounds
// memory together with BatchBytes.
const (
	firstBatch = 100
	leastBatch = 10
	mostBatch  = 10_000
)

// pace changes the size of batches to what a batch of n events took.
func (w *worker) pace(n int, took time.Duration) {
	switch {
	case w.options.BatchEvents > 0:
	case took > mostBatchTime:
		w.batch = max(w.batch/2, leastBatch)
	case took < leastBatchTime && n >= w.batch:
		w.batch = min(2*w.batch, mostBatch)
	}
}

// adopt lets a part that was built in another incarnation of the log go on in this
// one, if the last event that it applied is still there. A restore keeps positions,
// and brings back a beginning of the log: so everything that the part shows is in
// the log, and what comes after that event is yet to be applied. What was set aside
// before it stays so, if it is in the log.
func (w *worker) adopt(ctx context.Context, now daybook.Point) error {
	from := w.stand.Checkpoint
	if from.Log != now.Log {
		return w.divergedError(from, now)
	}
	var ids []uuid.UUID
	if from.Applied > 0 {
		ids = append(ids, from.EventID)
	}
	for _, a := range w.stand.Aside {
		ids = append(ids, a.EventID)
	}
	places, err := w.places(ctx, ids, now)
	if err != nil {
		return err
	}
	if from.Applied > 0 && places[from.EventID] != from.Applied {
		return w.divergedError(from, now)
	}
	c := w.change()
	c.To.Point = now.At(from.Applied)
	for _, a := range w.stand.Aside {
		if a.Position > from.Applied || places[a.EventID] != a.Position {
			c.TakenUp = append(c.TakenUp, a.Position)
		}
	}
	if err := w.make(ctx, c); err != nil {
		return err
	}
	w.options.Logger.WarnContext(ctx, "the log was restored; the projection goes on in its new incarnation",
		"position", c.To.Position, "incarnation", c.To.Incarnation.String())
	return nil
}

// retry tries what is set aside and can be tried: what due accepts, and the followers
// of nothing that stays.
func (w *worker) retry(ctx context.Context, due func(Aside) bool) error {
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		if w.stand.Paused != "" {
			return w.pausedError(w.stand.Paused)
		}
		ready := queue(w.stand.Aside).ready(due)
		if len(ready) == 0 {
			return nil
		}
		ready = ready[:min(len(ready), w.batch)]
		c := w.change()
		var err error
		if c.Events, err = w.events(ctx, ready); err != nil {
			return err
		}
		for _, a := range ready {
			c.TakenUp = append(c.TakenUp, a.Position)
		}
		if err := w.commit(ctx, c); err != nil {
			if errors.Is(err, ErrMoved) && ctx.Err() == nil {
				continue
			}
			return err
		}
		// What was tried and failed is not tried again at once.
		once, before := due, ready
		due = func(a Aside) bool {
			return once(a) && !slices.ContainsFunc(before, func(b Aside) bool { return b.Position == a.Position })
		}
	}
}

// events reads events that were set aside. One that was forgotten since is not among
// them.
func (w *worker) events(ctx context.Context, asides []Aside) ([]daybook.Recorded, error) {
	ids := make([]uuid.UUID, len(asides))
	for i, a := range asides {
		ids[i] = a.EventID
	}
	reading, err := w.store.Read(ctx, daybook.Query{{IDs: ids}}, daybook.Span{})
	if err != nil {
		return nil, err
	}
	if !w.stand.SameLife(reading.Snapshot()) {
		return nil, &daybook.LifeError{Given: w.stand.Point, Log: reading.Snapshot()}
	}
	var events []daybook.Recorded
	for e, err := range reading.Events() {
		if err != nil {
			return nil, err
		}
		if !e.Forgotten {
			events = append(events, e)
		}
	}
	return events, nil
}

// pauseAfter returns how long to pause after so many failures in a row.
func (o Options) pauseAfter(failures int) time.Duration {
	pause := float64(o.RetryAfter) * math.Pow(2, float64(failures-1))
	return time.Duration(min(pause, float64(o.RetryAtMost)))
}
