package logstore

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

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
// Whoever hands a request over sequences it, and what others have handed over until
// then, unless somebody is sequencing already, who will come to it. So a lone append
// waits for no other goroutine but the one that writes, and under load requests queue
// for a moment only.
//
// Each group has a goroutine, commit, that has the journal write it, settles what became
// of it, answers, and goes on with what waits. Only a request that has a group to itself,
// and whose caller is patient, that is, waits for the answer whatever happens, is written
// by that caller: beside a sync of 80 µs that saves the 25 that two goroutines take to
// wake each other. While the disk is busy with one group the next one is filled, and
// behind a group there may be a pause, so that those who were answered come back in time
// for the next one. All goroutines end by themselves when nothing waits; stop waits for
// that.
//
// What others have sequenced is taken in too, as groups of its own that are never
// in the same flight as one of this node's: it is taken in only while nothing is being
// written, so it stands behind everything that is durable here, and in front of all that
// is checked afterwards.
type sequencer struct {
	store   *Store
	journal journal

	// settling is set while a group is durable, or has failed, and its goroutine waits for
	// desk: it goes before requests.
	settling atomic.Bool

	desk    sync.Mutex // held by who sequences or settles; guards what follows
	tail    view       // the log as it will be when everything handed over is durable
	filling *group     // what is written next; nil or not empty
	writing *group     // what the journal has; nil if the disk is idle
	next    []*request // those that are sequenced next
	errands []*errand  // what the journal is to do as soon as it is idle
	pause   pause      // before the next group is written
	patient *request   // of whoever is at the desk and writes a group that has it alone; mostly nil
	alone   *group     // that group, as soon as it is to be written
	sealing bool       // the next group begins a new segment
	spare   []byte     // the bytes of a group that is durable, to be used again
	checks  check
	epoch   uint64 // of the turn that was begun last
	// lost are the ids of a group of which nobody knows whether it is recorded.
	lost map[uuid.UUID]bool

	taken atomic.Uint64 // counts the requests that were handed over

	mu      sync.Mutex // guards what follows
	waiting []*request // in the order in which they were handed over
	room    []*request // the memory of waiting, when it is its turn again
	nudged  bool       // something may have arrived
	stopped bool
	// busy counts the requests that were not answered, and the goroutines.
	busy sync.WaitGroup
}

func newSequencer(s *Store, j journal, v *view) *sequencer {
	return &sequencer{store: s, journal: j, tail: *v}
}

// take hands a request over: from now on it is answered by the sequencer. A patient
// caller waits for the answer and for nothing else, because nothing can end the context.
func (q *sequencer) take(r *request, patient bool) error {
	q.mu.Lock()
	if q.stopped {
		q.mu.Unlock()
		return daybook.ErrClosed
	}
	q.waiting = append(q.waiting, r)
	q.taken.Add(1)
	q.busy.Add(2) // the request, and the goroutine that is here
	q.mu.Unlock()

	defer q.busy.Done()
	var own *request // that this caller writes, if nobody else has the group with it
	if patient {
		own = r
	}
	did, alone := q.serveFor(own)
	if alone != nil {
		if paused := q.carryOutHere(alone); paused {
			go q.resume() // the next group waits for this caller to come back
			return nil
		}
		q.busy.Done() // which write has added for whoever writes
		did = q.serve()
	}
	if did && q.anything() {
		q.busy.Add(1) // what came meanwhile must not keep this caller from its own answer
		go q.goOn()
	}
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
	q.busy.Add(1)
	go q.goOn()
}

// goOn sequences what waits until nothing does, or nothing can be done before the group
// that is being written is durable.
func (q *sequencer) goOn() {
	defer q.busy.Done()
	for q.anything() && q.serve() {
	}
}

// anything reports whether something waits to be sequenced or has arrived.
func (q *sequencer) anything() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) > 0 || q.nudged
}

// stop takes no more requests, and returns when those that were taken are answered.
func (q *sequencer) stop() {
	q.mu.Lock()
	q.stopped = true
	q.mu.Unlock()
	q.busy.Wait()
}

// serve sequences what waits, as far as there is room, and has it written if the disk is
// idle and there is no pause. It returns false if it did nothing because somebody else is
// at the desk, or goes there as soon as the group that is being written is settled or the
// pause ends, and will look at what waits after that. Whoever gets true must look again
// whether something waits.
func (q *sequencer) serve() bool {
	did, _ := q.serveFor(nil)
	return did
}

// serveFor does what serve says. The caller of a patient request, which may be nil, is
// given the group that has it alone, if that is to be written now, and carries it out.
func (q *sequencer) serveFor(patient *request) (did bool, alone *group) {
	if q.settling.Load() || !q.desk.TryLock() {
		return false, nil
	}
	defer q.desk.Unlock()
	q.patient = patient
	running := q.fetch()
	// A group that was filled during a pause is written first: what arrives may be in its place.
	did = running && q.writing == nil && !q.pause.on && q.filling == nil && q.takeIn()
	n := 0
	for n < len(q.next) && !q.settling.Load() {
		if q.sequence(q.next[n]) {
			n++
		} else if !q.write() {
			break
		}
		did = true
	}
	q.next = slices.Delete(q.next, 0, n) // nobody keeps a request that was answered
	// While the disk is idle nobody else will look at what came while the desk was taken.
	did = q.write() || did || q.writing == nil && !q.pause.on
	alone, q.alone, q.patient = q.alone, nil, nil
	return did, alone
}

// fetch takes the requests that wait, unless earlier ones still wait for room. It returns
// false if the store is being closed.
func (q *sequencer) fetch() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writing == nil {
		q.nudged = false // the caller looks whether something has arrived
	}
	if len(q.next) == 0 {
		q.next, q.waiting, q.room = q.waiting, q.room[:0], q.next
	}
	return !q.stopped
}

// write has the group written that was filled, if there is one and the disk is idle.
func (q *sequencer) write() bool {
	if q.writing != nil || q.pause.on || q.filling == nil && len(q.errands) == 0 {
		return false
	}
	if len(q.errands) > 0 {
		q.writing = &group{errand: q.errands[0], durable: q.tail.head, epoch: q.epoch}
		q.errands = slices.Delete(q.errands, 0, 1)
		q.busy.Add(1)
		go q.commit(q.writing)
		return true
	}
	q.writing, q.filling = q.filling, nil
	q.writing.after = q.tail
	q.writing.after.unsynced = nil
	q.busy.Add(1)
	if g := q.writing; q.patient != nil && len(g.requests) == 1 && g.requests[0] == q.patient {
		q.alone = g
	} else {
		go q.commit(g)
	}
	return true
}

// sequence checks a request and gives it its place, or its answer. It returns false if
// there is no room for it in the group that is being filled.
func (q *sequencer) sequence(r *request) bool {
	if q.filling != nil && !q.fits(q.filling, len(r.frame)) {
		return false
	}
	turn, cannot := q.journal.ready()
	if cannot == nil && turn.Epoch != q.epoch {
		begun, err := q.beginTurn(turn)
		if !begun && err == nil {
			return false
		}
		cannot = err
	}
	if q.isLost(r) {
		q.answer(r, daybook.Receipt{}, &daybook.UnknownError{IDs: r.ids, Err: cannot})
		return true
	}
	receipt, err := q.checked(r)
	if err != nil || receipt.Repeated {
		q.answerWhenDurable(r, receipt, err)
		return true
	}
	if cannot != nil {
		q.answer(r, daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: cannot})
		return true
	}
	q.place(r)
	return true
}

// isLost reports whether a request has an id of which nobody knows whether it is
// recorded. Until the store is opened again, every append of that id is answered so.
func (q *sequencer) isLost(r *request) bool {
	if q.lost == nil || planted("unknown-forgotten") {
		return false
	}
	for _, id := range r.ids {
		if q.lost[id] {
			return true
		}
	}
	return false
}

// fits reports whether a frame of some bytes may go behind the others of a group.
func (q *sequencer) fits(g *group, frameBytes int) bool {
	end := int64(len(g.bytes) + frameBytes)
	return end <= int64(q.store.groupBytes) && g.offset+end <= q.store.segmentBytes(g.segment.number)
}

// checked returns what check does, or for events that another log has recorded what
// restorable does.
func (q *sequencer) checked(r *request) (daybook.Receipt, error) {
	if r.given == nil {
		return q.check(r)
	}
	since, err := q.tail.since(r.checked, r.at)
	if err != nil {
		return daybook.Receipt{}, err
	}
	c := &q.checks
	c.reset(&q.tail, since, q.store.life)
	return daybook.Receipt{}, c.restorable(r)
}

// check looks at what came since the request was checked on its own goroutine. It
// returns the receipt of a repeat, an error that says why nothing is to be recorded, or
// neither.
func (q *sequencer) check(r *request) (daybook.Receipt, error) {
	life := q.store.life
	c := &q.checks
	since, err := q.tail.since(r.checked, r.at)
	if err != nil {
		return daybook.Receipt{}, err
	}
	c.reset(&q.tail, since, life)
	before, err := c.recorded(r)
	if err != nil {
		return daybook.Receipt{}, err
	}
	if before != nil {
		return daybook.ReceiptOf(life, before, q.store.durability, true), nil
	}
	if err := c.refused(r); err != nil && !planted("tombstone-not-checked-in-the-sequencer") {
		return daybook.Receipt{}, err
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

	seal := frame.Seal{Before: t.checksum, Durable: g.durable}
	if planted("durable-position-not-written") {
		seal.Durable = 0
	}
	if r.given == nil {
		seal.First, seal.Stamp = t.head+1, q.store.stamps.next(q.store.clock.now())
	} else {
		seal.First, seal.Stamp = r.given.first, r.given.stamp
		q.store.stamps.given(seal.Stamp)
	}
	r.number(seal.First)
	r.frame.Seal(q.store.home.salt, seal)

	table := (*g.segment.index.Load()).(*index.Table)
	for i, w := range r.written {
		if planted("type-not-indexed") && w.stream >= 0 {
			r.terms[w.terms+2] = r.terms[w.terms]
		}
		table.Add(posting(offset+int64(w.offset)), r.terms[w.terms:w.endsAt])
		if made, timed := term.Made(r.ids[i]); timed {
			table.AddMade(made)
		}
	}
	q.grow(g, r.frame)
	g.requests = append(g.requests, r)
	r.receipt = daybook.Receipt{
		Point:      q.store.life.At(t.head),
		RecordedAt: timeOf(t.stamp),
		Durability: q.store.durability,
	}
}

// grow puts a frame, whose events are in the index, behind the others of a group, which
// is the last.
func (q *sequencer) grow(g *group, f frame.Frame) {
	t := &q.tail
	offset := g.offset + int64(len(g.bytes))
	g.bytes = append(g.bytes, f...)
	g.segment.mark(f, offset)
	g.segment.noteAbouts(f)
	t.head, t.stamp, t.checksum = f.Last(), f.Stamp(), f.Checksum()
	t.end = offset + int64(len(f))
}

// begin begins a group for a frame of some bytes: behind the last one, or in a new
// segment if there is no room.
func (q *sequencer) begin(frameBytes int) {
	t := &q.tail
	g := &group{durable: t.head, bytes: q.spare, epoch: q.epoch}
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
	if q.sealing || last.full.Load() || t.end > segmentHeaderBytes && t.end+int64(frameBytes) > q.store.segmentBytes(last.number) {
		return nil
	}
	return last
}

// open puts a new segment behind the others. The journal makes its file when the first
// group for it is committed.
func (q *sequencer) open() *segment {
	t := &q.tail
	number, terms := uint64(1), 0
	if n := len(t.segments); n > 0 {
		last := t.segments[n-1]
		if ix := last.index.Load(); ix != nil {
			if table, ok := (*ix).(*index.Table); ok {
				terms = table.Terms() // as many as before, so that nobody waits for the table to grow
			}
		}
		if last.end != t.end { // else it was set before a group that failed
			last.end = t.end
		}
		number = last.number + 1
	}
	s := &segment{home: q.store.home, number: number, first: t.head + 1, before: t.checksum, marked: true}
	s.setTerms(index.NewTable(terms))
	s.abouts.known.Store(hasNone)
	q.sealing = false
	t.segments = append(t.segments[:len(t.segments):len(t.segments)], s)
	t.end = segmentHeaderBytes
	return s
}

// answerWhenDurable answers a request that recorded nothing, as soon as everything that
// the answer may rest on is durable.
func (q *sequencer) answerWhenDurable(r *request, receipt daybook.Receipt, err error) {
	if answered := (*answeredError)(nil); errors.As(err, &answered) {
		q.answer(r, receipt, answered.error)
		return
	}
	newest := q.newest()
	if newest == nil || planted("conflict-answered-before-its-group-is-durable") {
		q.answer(r, receipt, err)
		return
	}
	newest.resting = append(newest.resting, resting{r, receipt, err})
}

// newest returns the group that becomes durable last, nil if all are.
func (q *sequencer) newest() *group {
	if q.filling != nil {
		return q.filling
	}
	return q.writing
}

// commit carries a group out, and goes on with what waits.
func (q *sequencer) commit(g *group) {
	if q.carryOut(g) {
		q.resume()
		return
	}
	q.serve()
	q.goOn()
}

// carryOutHere is carryOut on the goroutine of a caller. A panic ends the program all the
// same, as it does on one of the store's own: behind a caller that recovers from it the
// store would wait for ever.
func (q *sequencer) carryOutHere(g *group) (paused bool) {
	defer func() {
		if p := recover(); p != nil {
			stack := debug.Stack()
			go func() { panic(fmt.Sprintf("logstore: while a group was recorded: %v\n%s", p, stack)) }()
			select {}
		}
	}()
	return q.carryOut(g)
}

// carryOut has the journal make a group durable, and deals with what became of it. If it
// returns true, there is a pause: the next group is written when the caller has called
// resume.
func (q *sequencer) carryOut(g *group) (paused bool) {
	if planted("publish-before-sync") {
		after := g.after
		q.store.publish(&after, g)
	}
	if planted("commit-in-a-later-turn") {
		t, _ := q.journal.ready()
		g.epoch = t.Epoch
	}
	clock := q.store.home.world.Clock
	q.store.underway.begin(clock)
	f := q.makeDurable(g)
	took := q.store.underway.end(clock)
	if f == nil && g.errand == nil {
		q.store.synced.add(len(g.bytes), took)
	}

	q.settling.Store(true)
	q.desk.Lock()
	q.settling.Store(false)
	q.writing = nil
	if f != nil {
		q.abandon(g, f)
		q.desk.Unlock()
	} else {
		paused = q.pause.begin(g, q.filling, q.taken.Load(), took)
		q.settle(g)
		q.desk.Unlock()
		q.answerAll(g)
	}
	if g.errand != nil {
		close(g.errand.done)
	}
	return paused
}

// makeDurable has the journal make a group durable, or does an errand in place of one.
func (q *sequencer) makeDurable(g *group) *fault {
	if g.errand == nil {
		return q.journal.commit(g)
	}
	f := g.errand.do()
	g.errand.failed = f
	if f != nil && !f.fatal {
		return nil // nothing was changed, and nobody's answer rests on it
	}
	return f
}

// settle publishes a group that is durable, and lets the next one go.
func (q *sequencer) settle(g *group) {
	q.tail.unsynced = nil
	if q.filling != nil {
		q.tail.unsynced = []*group{q.filling}
	}
	if g.errand != nil {
		if g.errand.failed == nil {
			q.store.view.Store(g.errand.settle(&q.tail, q.store.view.Load()))
		}
		q.write()
		return
	}
	after := g.after
	q.store.heads.settle(g)
	q.store.publish(&after, g)
	q.store.stamps.settle(after.stamp)
	if g.opens && len(after.segments) > 1 && q.store.options.Compress {
		q.store.compressSoon()
	}
	q.write()
	if cap(g.bytes) <= 2*q.store.groupBytes {
		q.spare = g.bytes[:0]
	}
	q.store.setHealth(nil)
}

// answerAll gives the answers that rest on a group that is durable.
func (q *sequencer) answerAll(g *group) {
	for _, r := range g.requests {
		q.answer(r, r.receipt, nil)
	}
	for _, a := range g.resting {
		q.answer(a.request, a.receipt, a.err)
	}
}

// answer answers a request that was taken.
func (q *sequencer) answer(r *request, receipt daybook.Receipt, err error) {
	r.answer(receipt, err)
	q.busy.Done()
}

// abandon answers everybody whose answer rests on a group that was not made durable,
// and goes back to what is.
func (q *sequencer) abandon(g *group, f *fault) {
	next := q.filling
	q.filling = nil
	durable := *q.store.view.Load()
	for _, s := range q.tail.segments {
		if s.number == durable.endPlace().segment && !s.full.Load() {
			if planted("postings-of-a-failed-group-kept") {
				continue
			}
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
			q.answer(r, daybook.Receipt{}, failed)
			continue
		}
		for _, id := range r.ids {
			q.lost[id] = true
		}
		q.answer(r, daybook.Receipt{}, &daybook.UnknownError{IDs: r.ids, Err: f.err})
	}
	q.abandonResting(g, f)
	if next == nil {
		return
	}
	behind := &daybook.UnavailableError{Doing: "append", Err: fmt.Errorf("what was to be recorded before it could not be: %w", f.err)}
	for _, r := range next.requests {
		q.answer(r, daybook.Receipt{}, behind)
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
		q.answer(a.request, daybook.Receipt{}, err)
	}
}
