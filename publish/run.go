package publish

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A run is one call of Run: what is in hand between the bookmark and the head.
//
// Its goroutines are the loop, which changes the fields below (besides it only Retry and
// Skip do); one that reads the log; one for each message being sent; at most one that saves
// the bookmark; and at most one that reads what was set aside. They end before Run returns,
// except for a Send that goes on although its context has ended.
type run struct {
	p    *Publisher
	kick chan struct{} // has the loop look again

	mu      sync.Mutex // over all that follows; the loop holds it while it does not wait
	life    daybook.Point
	lanes   map[string]*lane
	ready   []*lane // to be sent now, in turn
	slow    pausing
	drain   []*lane   // to be drained, one at a time
	drainAt time.Time // not before

	// The window, in order of position: what was read and not yet passed by the bookmark.
	window []*entry
	bytes  int              // of those that are not done, and of what was read again of keys set aside
	read   daybook.Position // up to where the log was read

	accepted, passed uint64 // how many entries came into the window, and left it
	last             daybook.Position
	lastID           uuid.UUID
	asides           int
	skipped          []Skip

	saved       Mark
	savedPassed uint64 // of passed, when it was saved
	pending     *Mark  // what is to be saved in any case, because it may have been
	dirty       bool   // the mark is another than the one that was saved
	urgent      bool   // it is to be saved at once
	saveAt      time.Time
	stride      uint64

	sending, drains int
	saving          bool
	stopping        bool
	sent, failures  uint64
	started         uint64            // how many messages were started
	newest          uint64            // the number of the newest of them that the sink took
	failing         map[string]uint64 // the keys that fail, and how many messages had been started when they did
	down            *down
	troubles        [troubleKinds]*trouble

	results chan result
	drained chan drained
	saves   chan save

	ctx, sendCtx context.Context
}

// A result is what became of a lane's first message.
type result struct {
	lane  *lane
	start uint64 // its number among the messages that were started
	err   error
}

// drained is what was read of a key that is set aside.
type drained struct {
	lane   *lane
	bound  daybook.Position
	events []daybook.Recorded
	more   bool
	err    error
}

// A save is what became of saving a mark.
type save struct {
	mark   Mark
	passed uint64
	err    error
}

func newRun(p *Publisher) *run {
	return &run{
		p: p, kick: make(chan struct{}, 1), lanes: make(map[string]*lane), failing: make(map[string]uint64),
		results: make(chan result, p.options.AtOnce), drained: make(chan drained, 1), saves: make(chan save, 1),
	}
}

// begin sets the run up to go on from a mark.
func (r *run) begin(mark Mark, stride uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life, r.read, r.last, r.lastID = mark.Point, mark.Point.Position, mark.Last, mark.LastID
	r.saved, r.skipped, r.stride = mark, slices.Clone(mark.Skipped), max(stride, 1)
	r.saveAt = time.Now().Add(r.p.options.SaveEvery)
	for _, a := range mark.Aside {
		l := &lane{key: a.Key, aside: &a, newest: max(a.Position, a.Newest)}
		r.lanes[a.Key] = l
		r.asides++
		r.retry(l)
	}
}

// loop goes on from a mark until ctx ends.
func (r *run) loop(ctx context.Context, mark Mark, stride uint64) error {
	r.begin(mark, stride)
	var reader sync.WaitGroup
	defer reader.Wait()
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	r.ctx, r.sendCtx = reading, sending
	batches := make(chan batch)
	reader.Go(func() { r.p.follow(reading, mark.Point, batches) })

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, full := r.step(time.Now())
		timer.Reset(wait)
		from := batches
		if full {
			from = nil
		}
		var err error
		select {
		case b := <-from:
			err = r.accept(ctx, b)
		case res := <-r.results:
			r.answered(ctx, res, time.Now())
		case d := <-r.drained:
			r.resume(ctx, d, time.Now())
		case s := <-r.saves:
			err = r.keep(ctx, s, time.Now())
		case <-timer.C:
		case <-r.kick:
		case <-ctx.Done():
			return r.stop(ctx, stopReading, stopSending, nil)
		}
		if err != nil {
			return r.stop(ctx, stopReading, stopSending, err)
		}
	}
}

// never is a pause that something else ends.
const never = time.Hour

// step starts all that is due, and returns for how long nothing else will be, and whether
// the window is full.
func (r *run) step(now time.Time) (wait time.Duration, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := r.slow.over(now); l != nil; l = r.slow.over(now) {
		r.ready = append(r.ready, l)
	}
	wait = never
	if len(r.slow) > 0 {
		wait = r.slow[0].until.Sub(now)
	}
	if r.down != nil && now.Before(r.down.until) {
		wait = min(wait, r.down.until.Sub(now))
	} else {
		r.startSends()
	}
	return min(wait, r.startDrain(now), r.startSave(now)), r.full()
}

// startSends sends the first messages of lanes that are ready, as many as may be sent at
// once. While the sink is down that is one, to see whether it still is.
func (r *run) startSends() {
	atOnce := r.p.options.AtOnce
	if r.down != nil {
		atOnce = 1
	}
	for r.sending < atOnce && len(r.ready) > 0 {
		l := r.ready[0]
		r.ready[0] = nil
		r.ready = r.ready[1:]
		l.tries++
		e := l.queue[0].event
		m := Message{ID: e.ID, Key: l.key, Recorded: e, Attempt: l.tries}
		if l.aside != nil && l.aside.ID == e.ID {
			m.Attempt += l.aside.Attempts
		}
		r.sending++
		r.started++
		start := r.started
		go func() { r.results <- result{l, start, r.p.deliver(r.sendCtx, m)} }()
	}
}

// full reports whether nothing more may be read for now: a further batch may be too much for
// the window, which holds what was sent since the bookmark was saved, too.
func (r *run) full() bool {
	next := r.accepted - r.savedPassed + uint64(r.p.options.batch())
	return next > uint64(r.p.options.Window) || r.bytes >= WindowBytes
}

// accept takes events that were read into the window and into their lanes.
func (r *run) accept(ctx context.Context, b batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.err != nil {
		if hopeless(b.err) {
			return b.err
		}
		r.notice(ctx, storeTrouble, b.err)
		return nil
	}
	r.clear(ctx, storeTrouble)
	for _, event := range b.events {
		key := r.p.keyOf(event)
		l := r.lanes[key]
		if l == nil {
			l = &lane{key: key}
			r.lanes[key] = l
		}
		e := &entry{event: event, position: event.Position, size: event.Size()}
		r.window = append(r.window, e)
		r.accepted++
		if l.aside != nil { // it waits; or it was sent before the key was set aside, ahead of the mark
			l.newest = max(l.newest, event.Position)
			e.finish()
			e.waits = l
			continue
		}
		r.bytes += e.size
		l.queue = append(l.queue, e)
		if len(l.queue) == 1 {
			r.ready = append(r.ready, l)
		}
	}
	r.read = b.upTo
	r.pass()
	return nil
}
