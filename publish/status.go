package publish

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Status says where a publisher stands, for health checks and metrics.
type Status struct {
	// Running reports whether Run is running.
	Running bool
	// Mark is how far the log was published, with what is set aside and what was skipped:
	// as it is now while the publisher runs, as it was saved otherwise.
	Mark Mark
	// Head is the newest point of the log.
	Head daybook.Point
	// Lag is how many positions the mark is behind the head. It is zero if there is nothing
	// to be sent behind the mark.
	Lag uint64
	// Sent counts the messages that the sink has taken since Run was called, and Failures
	// the attempts that failed.
	Sent, Failures uint64
	// InHand is how many events were read that are neither sent nor set aside.
	InHand int
	// Oldest is the first event behind the mark that is in hand; nil if there is none.
	Oldest *Waiting
	// Stuck says what keeps the publisher from going on; nil if nothing does. What is set
	// aside does not.
	Stuck *Stuck
}

// Waiting is an event that is in hand and not yet sent.
type Waiting struct {
	Key      string
	Position daybook.Position
	ID       uuid.UUID
	// RecordedAt is when it was recorded: how old the oldest event is that others wait for.
	RecordedAt time.Time
	// Attempts is how often it was tried, and Err why it failed; nil if it did not.
	Attempts int
	Err      error
}

// Stuck says what keeps a publisher from going on. It tries again by itself.
type Stuck struct {
	// What fails: the store, the bookmark or the sink; or aside, if as many keys are set
	// aside as may be and there ought to be another.
	What string
	// Since is when it first failed, and Attempts how often it did since.
	Since    time.Time
	Attempts int
	// Err is the error of the last attempt.
	Err error
}

// Status asks the store, and the bookmark if the publisher does not run, where it stands.
// If one of them fails, it returns that error together with what is known all the same.
func (p *Publisher) Status(ctx context.Context) (Status, error) {
	s := p.now()
	var err error
	if s.Mark.IsZero() {
		if s.Mark, err = p.bookmark.Load(ctx); err != nil {
			return s, err
		}
	}
	info, err := p.store.Info(ctx)
	if err != nil {
		return s, err
	}
	s.Head = info.Head
	after := s.Mark.Point.Position
	if !s.Mark.Point.SameLife(s.Head) {
		after = min(after, s.Mark.Last)
	}
	if s.Head.Position <= after {
		return s, nil
	}
	reading, err := p.store.Read(ctx, p.query, daybook.Span{After: after})
	if err != nil {
		return s, err
	}
	for e, err := range reading.Events() {
		if err != nil {
			return s, err
		}
		if !passedOver(e) {
			s.Lag = uint64(s.Head.Position - after)
			break
		}
	}
	return s, nil
}

// Aside returns what is set aside now, in order of position; nothing if the publisher does
// not run, for which [Publisher.Status] has what was saved.
func (p *Publisher) Aside() []Aside { return p.now().Mark.Aside }

// now returns what a running publisher knows by itself.
func (p *Publisher) now() Status {
	p.mu.Lock()
	r := p.run
	p.mu.Unlock()
	if r == nil {
		return Status{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{Running: true, Sent: r.sent, Failures: r.failures, Stuck: r.stuck()}
	if r.saved.IsZero() {
		return s // it has not got as far as the bookmark
	}
	s.Mark = r.mark()
	for _, l := range r.lanes {
		if l.aside == nil {
			s.InHand += len(l.queue)
		}
	}
	if len(r.window) == 0 {
		return s
	}
	first := r.window[0]
	s.Oldest = &Waiting{Key: r.p.keyOf(first.event), Position: first.position, ID: first.event.ID, RecordedAt: first.event.RecordedAt}
	if l := r.lanes[s.Oldest.Key]; l != nil {
		s.Oldest.Attempts, s.Oldest.Err = l.tries, l.err
	}
	return s
}
