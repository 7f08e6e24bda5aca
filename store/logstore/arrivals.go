package logstore

import (
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/internal/shared"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// beginTurn makes a turn the one in which groups are begun from now on. Everything that
// was sequenced before it must be durable here first: it returns false while that is
// being written, and an error if it cannot be had.
func (q *sequencer) beginTurn(t shared.Turn) (bool, error) {
	head := q.store.view.Load().head
	allHere := head >= t.From || planted("turn-begun-before-all-is-here")
	if !allHere || q.filling != nil {
		if q.writing != nil || q.pause.on || q.filling != nil || q.takeIn() {
			return false, nil
		}
		return false, fmt.Errorf("this node may sequence from position %d on, and what lies between %d and there has not arrived", t.From, head)
	}
	q.epoch = t.Epoch
	if !planted("unknown-beyond-its-turn") {
		q.lost = nil // what has not arrived by now never will
	}
	if !planted("promise-forgotten-by-the-next-turn") {
		q.store.stamps.promised(t.Stamp)
	}
	return true, nil
}

// takeIn begins to make readable what has arrived next, if something has. Nothing is
// being written or filled.
func (q *sequencer) takeIn() bool {
	frames, err := q.journal.arrived(q.tail.head)
	if err == nil && len(frames) > 0 {
		if err = q.admit(frames); err != nil {
			err = &daybook.CorruptError{Where: "the log that the nodes share", Position: q.tail.head, Err: err}
		}
	}
	if err != nil {
		q.store.setHealth(&HealthError{Dir: q.store.home.dir, Err: fmt.Errorf("what other nodes recorded does not arrive: %w", err)})
		q.store.home.log.Error("what other nodes recorded does not arrive", "after", q.tail.head, "err", err)
	}
	return q.write()
}

// admit makes a group of frames that have arrived, as many as have room in one. Each
// must be sound, and the one behind the last: what a node serves and builds upon is not
// taken on trust.
func (q *sequencer) admit(b []byte) error {
	for len(b) > 0 {
		t := &q.tail
		f, err := nextFrame(b, q.store.home.salt, tail{head: t.head, stamp: t.stamp, checksum: t.checksum})
		if err != nil {
			return err
		}
		if q.filling == nil {
			q.begin(len(f))
			q.filling.arrived = true
		} else if !q.fits(q.filling, len(f)) {
			return nil
		}
		g := q.filling
		table := (*g.segment.index.Load()).(*index.Table)
		g.terms = append(g.terms, addFrame(table, f, t.end)...)
		g.heads = q.store.heads.of(f, g.heads)
		q.grow(g, f)
		b = b[len(f):]
	}
	return nil
}

// nextFrame returns the first frame of b if it is the one behind a tail.
func nextFrame(b []byte, salt uint32, t tail) (frame.Frame, error) {
	f, err := frame.Parse(b, salt)
	if err != nil {
		return nil, err
	}
	if !planted("arrivals-not-checked") {
		if err := follows(f, t); err != nil {
			return nil, err
		}
	}
	if f.Stamp() <= t.stamp && t.head > 0 {
		return nil, fmt.Errorf("a frame of position %d was recorded at %d, and the one before at %d", f.First(), f.Stamp(), t.stamp)
	}
	return f, nil
}
