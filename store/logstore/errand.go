package logstore

import "github.com/daybook-es/daybook"

// An errand is something that the journal does between two groups: appends that come
// meanwhile wait for it as they would for a group.
type errand struct {
	// do does it. A fault that is fatal ends all writing, like one of a group; after another
	// one nothing has changed.
	do func() *fault
	// settle is called at the desk when it is done. It changes the sequencer's own view, and
	// returns what readers see from now on in place of what they see now.
	settle func(tail, now *view) *view

	failed *fault // why it was not done, once done is closed
	done   chan struct{}
}

// run has an errand done, and returns when it is settled.
func (q *sequencer) run(e *errand) error {
	e.done = make(chan struct{})
	if err := q.atDesk(func() {
		q.errands = append(q.errands, e)
		q.write()
	}); err != nil {
		return err
	}
	<-e.done
	if e.failed != nil {
		return e.failed.err
	}
	return nil
}

// seal has the segment sealed that is active, unless nothing is in it, and returns when
// another one is. What is being recorded meanwhile may still go there.
func (q *sequencer) seal() error {
	number, opened := uint64(0), false
	for !opened {
		var rest *request
		if err := q.atDesk(func() {
			last := len(q.tail.segments) - 1
			durable := q.store.view.Load().endPlace().segment
			if last < 0 || number == 0 && q.tail.end == segmentHeaderBytes || number > 0 && durable > number {
				opened = true
				return
			}
			if number == 0 {
				number, q.sealing = q.tail.segments[last].number, true
			}
			if q.filling == nil && q.tail.segments[last].number == number {
				q.begin(0)
			}
			newest := q.newest()
			rest = &request{done: make(chan struct{}, 1)}
			newest.resting = append(newest.resting, resting{request: rest})
			q.busy.Add(1)
			q.write()
		}); err != nil {
			return err
		}
		if rest == nil {
			continue
		}
		<-rest.done
		if rest.err != nil {
			return rest.err
		}
	}
	return nil
}

// atDesk does something at the desk, and then what others would have done there.
func (q *sequencer) atDesk(do func()) error {
	q.mu.Lock()
	if q.stopped {
		q.mu.Unlock()
		return daybook.ErrClosed
	}
	q.busy.Add(1)
	q.mu.Unlock()
	q.desk.Lock()
	do()
	q.desk.Unlock()
	q.serve() // whoever could not come to the desk meanwhile may have left requests there
	q.goOn()
	return nil
}
