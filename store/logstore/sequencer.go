package logstore

import (
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// A group has at most this many bytes, unless one append has more: at 500 MB/s they take
// 8 ms to write, several times what a sync costs. Larger groups would make appends wait
// longer, and the disk no faster.
const groupBytes = 4 << 20

// A sequencer puts appends into one order. It checks each against everything before it,
// durable or not, gives it its place, and answers when what the answer rests on is
// durable.
//
// It has two goroutines, which are there only while there is something to do: run
// checks and fills the group that is written next, and commit, one for each group, has
// the journal write the one before. Fields are run's alone unless they are below mu.
// Both end by themselves when nothing waits; stop waits for that.
//
// What others have sequenced is taken in by run too, as groups of its own that are never
// in the same flight as one of this node's: it is taken in only while nothing is being
// written, so it stands behind everything that is durable here, and in front of all that
// is checked afterwards.
type sequencer struct {
	store   *Store
	journal journal

	tail    view   // the log as it will be when everything handed over is durable
	filling *group // what is written next; nil or not empty
	writing *group // what commit has; nil if the disk is idle
	settled chan *fault
	spare   []byte // the bytes of a group that is durable, to be used again

	// term is that of the turn that was begun last.
	term uint64

	// lost are the ids of a group of which nobody knows whether it is recorded.
	lost map[uuid.UUID]bool

	mu      sync.Mutex
	waiting []*request // in the order in which they were handed over
	nudged  bool       // something may have arrived
	running bool
	stopped bool
	idle    sync.WaitGroup // run
	wake    chan struct{}  // of capacity 1
}

func newSequencer(s *Store, j journal, v *view) *sequencer {
	return &sequencer{store: s, journal: j, tail: *v, settled: make(chan *fault), wake: make(chan struct{}, 1)}
}

// take hands a request over: from now on it is answered by the sequencer.
func (q *sequencer) take(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return daybook.ErrClosed
	}
	q.waiting = append(q.waiting, r)
	q.rouse()
	return nil
}

// nudge has the sequencer look whether something has arrived. What arrives while the
// store is being closed is left for the next opening.
func (q *sequencer) nudge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	q.nudged = true
	q.rouse()
}

// rouse sees to it that run looks at what there is. The caller holds mu.
func (q *sequencer) rouse() {
	if !q.running {
		q.running = true
		q.idle.Add(1)
		go q.run()
		return
	}
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// stop takes no more requests, and returns when those that were taken are answered.
func (q *sequencer) stop() {
	q.mu.Lock()
	q.stopped = true
	q.mu.Unlock()
	q.idle.Wait()
}

// run sequences what waits until nothing does. While the disk is busy with one group it
// fills the next: groups form from what arrives, without timers.
func (q *sequencer) run() {
	defer q.idle.Done()
	var batch []*request
	for {
		if q.writing == nil {
			q.takeIn()
		}
		batch = append(batch, q.handedOver(len(batch) > 0)...)
		for len(batch) > 0 && q.sequence(batch[0]) {
			batch = batch[1:]
		}
		if q.writing == nil && q.filling != nil {
			q.writing, q.filling = q.filling, nil
			go q.commit(q.writing)
		}
		if q.writing == nil {
			if len(batch) == 0 && q.rest() {
				return
			}
			continue
		}
		select {
		case <-q.wake:
		case f := <-q.settled:
			q.settle(f)
		}
	}
}

// handedOver returns the requests that have been handed over, unless earlier ones still
// wait for room.
func (q *sequencer) handedOver(full bool) []*request {
	if full {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	handedOver := q.waiting
	q.waiting = nil
	return handedOver
}

// rest reports that nothing waits, and then run is over.
func (q *sequencer) rest() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = len(q.waiting) > 0 || q.nudged
	q.nudged = false
	return !q.running
}

// sequence checks a request and gives it its place, or its answer. It returns false if
// there is no room for it in the group that is being filled.
func (q *sequencer) sequence(r *request) bool {
	if q.filling != nil && !q.room(r) {
		return false
	}
	turn, cannot := q.journal.ready()
	if cannot == nil && turn.term != q.term {
		begun, err := q.beginTurn(turn)
		if !begun && err == nil {
			return false
		}
		cannot = err
	}
	if q.isLost(r) {
		r.answer(daybook.Receipt{}, &daybook.UnknownError{IDs: r.ids, Err: cannot})
		return true
	}
	receipt, err := q.check(r)
	if err != nil || receipt.Repeated {
		q.answerWhenDurable(r, receipt, err)
		return true
	}
	if cannot != nil {
		r.answer(daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: cannot})
		return true
	}
	q.place(r)
	return true
}

// isLost reports whether a request has an id of which nobody knows whether it is
// recorded. Until the store is opened again, every append of that id is answered so.
func (q *sequencer) isLost(r *request) bool {
	if q.lost == nil {
		return false
	}
	for _, id := range r.ids {
		if q.lost[id] {
			return true
		}
	}
	return false
}

// room reports whether a request fits into the group that is being filled.
func (q *sequencer) room(r *request) bool { return q.fits(q.filling, len(r.frame)) }

// fits reports whether a frame of some bytes may go behind the others of a group.
func (q *sequencer) fits(g *group, frameBytes int) bool {
	end := int64(len(g.bytes) + frameBytes)
	return end <= groupBytes && g.offset+end <= q.store.segmentBytes(g.segment.number)
}

// check looks at what came since the request was checked on its own goroutine. It
// returns the receipt of a repeat, an error that says why nothing is to be recorded, or
// neither.
func (q *sequencer) check(r *request) (daybook.Receipt, error) {
	life := q.store.life
	c := newCheck(&q.tail, r.checked, life)
	before, err := c.recorded(r)
	if err != nil {
		return daybook.Receipt{}, err
	}
	if before != nil {
		return daybook.ReceiptOf(life, before, q.store.durability, true), nil
	}
	if r.failures != nil {
		return daybook.Receipt{}, &answeredError{&daybook.ConflictError{Failures: r.failures, At: life.At(r.at)}}
	}
	if planted("condition-checked-outside-the-sequencer") {
		return daybook.Receipt{}, q.bringHeads(c, r)
	}
	failures, _, err := c.clauses(r)
	if err != nil {
		return daybook.Receipt{}, err
	}
	if failures != nil {
		return daybook.Receipt{}, &daybook.ConflictError{Failures: failures, At: life.At(q.tail.head)}
	}
	return daybook.Receipt{}, q.bringHeads(c, r)
}

// answeredError is an answer that rests only on what is durable.
type answeredError struct{ error }

// bringHeads brings the versions of the streams that a request writes up to the tail.
func (q *sequencer) bringHeads(c *check, r *request) (err error) {
	for i := range r.streams {
		s := &r.streams[i]
		if s.version, _, err = c.head(s.name, s.term, s.version, 0); err != nil {
			return err
		}
	}
	return nil
}

// place gives a request its place in the log: positions, versions, time. It puts its
// frame into the group that is being filled.
func (q *sequencer) place(r *request) {
	if q.filling == nil {
		q.begin(len(r.frame))
	}
	g, t := q.filling, &q.tail
	offset := g.offset + int64(len(g.bytes))

	for _, w := range r.written {
		if w.stream >= 0 {
			s := &r.streams[w.stream]
			s.version++
			r.frame.At(w.offset).SetVersion(s.version)
		}
	}
	r.frame.Seal(q.store.home.salt, frame.Seal{
		Before: t.checksum, First: t.head + 1, Durable: g.durable,
		Stamp: q.store.stamps.next(q.store.home.world.Clock.Now().UnixNano()),
	})

	table := (*g.segment.index.Load()).(*index.Table)
	for i, w := range r.written {
		table.Add(posting(offset+int64(w.offset)), r.terms[w.terms:w.endsAt])
		if made, timed := term.Made(r.ids[i]); timed {
			table.AddMade(made)
		}
	}
	q.grow(g, r.frame)
	g.requests = append(g.requests, r)
	r.receipt = daybook.Receipt{
		Point:      q.store.life.At(t.head),
		Versions:   make(map[string]daybook.Version, len(r.streams)),
		RecordedAt: timeOf(t.stamp),
		Durability: q.store.durability,
	}
	for _, s := range r.streams {
		r.receipt.Versions[s.name] = s.version
	}
}

// grow puts a frame, whose events are in the index, behind the others of a group, which
// is the last.
func (q *sequencer) grow(g *group, f frame.Frame) {
	t := &q.tail
	offset := g.offset + int64(len(g.bytes))
	g.bytes = append(g.bytes, f...)
	g.segment.mark(f, offset)
	t.head, t.stamp, t.checksum = f.Last(), f.Stamp(), f.Checksum()
	t.end = offset + int64(len(f))
	g.after = *t
	g.after.unsynced = nil
}

// begin begins a group for a frame of some bytes: behind the last one, or in a new
// segment if there is no room.
func (q *sequencer) begin(frameBytes int) {
	t := &q.tail
	g := &group{durable: t.head, bytes: q.spare, term: q.term}
	q.spare = nil
	g.segment, g.offset = q.active(frameBytes), t.end
	if g.segment == nil {
		g.segment, g.offset, g.opens = q.open(), segmentHeaderBytes, true
	}
	q.filling = g
	t.unsynced = append(t.unsynced[:len(t.unsynced):len(t.unsynced)], g)
}

// active returns the segment that is being written, if a frame of some bytes may still
// go there. An empty one takes any frame.
func (q *sequencer) active(frameBytes int) *segment {
	t := &q.tail
	if len(t.segments) == 0 {
		return nil
	}
	last := t.segments[len(t.segments)-1]
	if last.full.Load() || t.end > segmentHeaderBytes && t.end+int64(frameBytes) > q.store.segmentBytes(last.number) {
		return nil
	}
	return last
}

// open puts a new segment behind the others. The journal makes its file when the first
// group for it is committed.
func (q *sequencer) open() *segment {
	t := &q.tail
	number := uint64(1)
	if n := len(t.segments); n > 0 {
		last := t.segments[n-1]
		if last.end != t.end { // else it was set before a group that failed
			last.end = t.end
		}
		number = last.number + 1
	}
	s := &segment{home: q.store.home, number: number, first: t.head + 1, before: t.checksum, marked: true}
	s.setTerms(new(index.Table))
	t.segments = append(t.segments[:len(t.segments):len(t.segments)], s)
	t.end = segmentHeaderBytes
	return s
}

// answerWhenDurable answers a request that recorded nothing, as soon as everything that
// the answer may rest on is durable.
func (q *sequencer) answerWhenDurable(r *request, receipt daybook.Receipt, err error) {
	if answered := (*answeredError)(nil); errors.As(err, &answered) {
		r.answer(receipt, answered.error)
		return
	}
	newest := q.filling
	if newest == nil {
		newest = q.writing
	}
	if newest == nil || planted("conflict-answered-before-its-group-is-durable") {
		r.answer(receipt, err)
		return
	}
	newest.resting = append(newest.resting, resting{r, receipt, err})
}

// commit has the journal make a group durable.
func (q *sequencer) commit(g *group) {
	if planted("publish-before-sync") {
		after := g.after
		q.store.publish(&after, g)
	}
	q.settled <- q.journal.commit(g)
}

// settle deals with the group that commit had: publishes it, lets the next one go, and
// answers.
func (q *sequencer) settle(f *fault) {
	g := q.writing
	q.writing = nil
	if f != nil {
		q.abandon(g, f)
		return
	}
	q.tail.unsynced = nil
	if q.filling != nil {
		q.tail.unsynced = []*group{q.filling}
	}
	after := g.after
	q.store.publish(&after, g)
	q.store.stamps.settle(after.stamp)
	if q.filling != nil {
		q.writing, q.filling = q.filling, nil
		go q.commit(q.writing)
	}
	if cap(g.bytes) <= 2*groupBytes {
		q.spare = g.bytes[:0]
	}
	q.store.setHealth(nil)
	for _, r := range g.requests {
		r.answer(r.receipt, nil)
	}
	for _, a := range g.resting {
		a.request.answer(a.receipt, a.err)
	}
}

// abandon answers everybody whose answer rests on a group that was not made durable,
// and goes back to what is.
func (q *sequencer) abandon(g *group, f *fault) {
	next := q.filling
	q.filling = nil
	durable := *q.store.view.Load()
	for _, s := range q.tail.segments {
		if s.number == durable.endPlace().segment && !s.full.Load() {
			table := (*s.index.Load()).(*index.Table)
			s.setTerms(table.Before(posting(durable.end)))
			s.unmark(durable.end)
		}
	}
	q.tail = durable
	q.store.stamps.settleAll()
	if !f.late {
		q.store.setHealth(&HealthError{Dir: q.store.home.dir, ReadOnly: f.fatal, Err: f.err})
	}
	q.store.home.log.fault(g, f)

	failed := &daybook.UnavailableError{Doing: "append", Err: f.err}
	if f.unknown {
		q.lost = make(map[uuid.UUID]bool)
	}
	for _, r := range g.requests {
		if !f.unknown {
			r.answer(daybook.Receipt{}, failed)
			continue
		}
		for _, id := range r.ids {
			q.lost[id] = true
		}
		r.answer(daybook.Receipt{}, &daybook.UnknownError{IDs: r.ids, Err: f.err})
	}
	q.abandonResting(g, f)
	if next == nil {
		return
	}
	behind := &daybook.UnavailableError{Doing: "append", Err: fmt.Errorf("what was to be recorded before it could not be: %w", f.err)}
	for _, r := range next.requests {
		r.answer(daybook.Receipt{}, behind)
	}
	q.abandonResting(next, f)
}

// abandonResting answers requests that recorded nothing and whose answer rested on a
// group that failed. One that has an id of that group is told that nobody knows.
func (q *sequencer) abandonResting(g *group, f *fault) {
	for _, a := range g.resting {
		var err error = &daybook.UnavailableError{Doing: "append", Err: fmt.Errorf("the answer rested on what could not be recorded: %w", f.err)}
		if q.isLost(a.request) {
			err = &daybook.UnknownError{IDs: a.request.ids, Err: f.err}
		}
		a.request.answer(daybook.Receipt{}, err)
	}
}
