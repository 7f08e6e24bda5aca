// Package memstore is the plainest store: a log of events in memory.
//
// It keeps every promise of a [daybook.Store], but when the process ends the events
// are gone, and its receipts say so. Use it in tests and examples, and read it to see
// what a store is. It is also the model with which package store/storetest compares
// other stores. Memory that forgotten events take is given back by [Store.Scavenge].
package memstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

var _ daybook.Store = (*Store)(nil)

// limits are generous: an append costs nothing here but memory.
var limits = daybook.Limits{AppendEvents: 10_000, AppendBytes: 64 << 20}

// stride is small, so that programs developed on this store meet the case.
const stride = 1000

// A Store is a log of events in memory. The zero Store is empty and ready to use. It
// is safe for use by many goroutines.
type Store struct {
	// Now is the clock by which events are recorded; nil means [time.Now]. It must not
	// be changed once the store is in use.
	Now func() time.Time

	mu     sync.Mutex
	life   daybook.Point // log and incarnation, made when first asked for
	events []daybook.Recorded

	// An event's place is its index in events. It is not its position, between which a
	// restored log has gaps.
	byID    map[uuid.UUID]int
	streams map[string][]int // the places of each stream's events
	hidden  horizons         // what is forgotten

	known  time.Time     // somebody asked what was known then
	grown  chan struct{} // closed, and replaced, by each append
	closed bool
}

// New returns an empty store.
func New() *Store { return new(Store) }

// Append implements [daybook.Store].
func (s *Store) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	events, err := daybook.Prepare(events, cond, limits)
	if err != nil {
		return daybook.Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return daybook.Receipt{}, daybook.ErrClosed
	}
	s.begin()

	if before, err := s.recorded(events); err != nil || before != nil {
		if err != nil {
			return daybook.Receipt{}, err
		}
		return daybook.ReceiptOf(s.life, before, daybook.Memory, true), nil
	}
	for i, e := range events {
		if at := s.hidden[e.Stream].Tombstoned; at > 0 {
			return daybook.Receipt{}, daybook.RefuseTombstoned(i, e.Stream, at)
		}
	}
	if failures := s.failures(cond); failures != nil {
		return daybook.Receipt{}, &daybook.ConflictError{Failures: failures, At: s.head()}
	}
	if len(events) == 0 {
		return daybook.Receipt{Point: s.head(), Durability: daybook.Memory}, nil
	}
	return daybook.ReceiptOf(s.life, s.record(events), daybook.Memory, false), nil
}

// recorded returns the events as they were recorded if this append repeats them, a
// ReusedError if it has some of their ids but is no repeat, and nil if all of its ids
// are new.
func (s *Store) recorded(events []daybook.Event) ([]daybook.Recorded, error) {
	first := slices.IndexFunc(events, func(e daybook.Event) bool { return s.has(e.ID) })
	if first < 0 {
		return nil, nil
	}
	place := s.byID[events[first].ID]
	reused := &daybook.ReusedError{ID: events[first].ID, Position: s.events[place].Position}
	if first > 0 || place+len(events) > len(s.events) {
		return nil, reused
	}
	before := s.events[place : place+len(events)]
	for i, e := range events {
		if !before[i].Repeats(e) {
			return nil, reused
		}
	}
	return before, nil
}

// has reports whether an id is recorded.
func (s *Store) has(id uuid.UUID) bool {
	_, has := s.byID[id]
	return has
}

// failures returns the clauses that do not hold.
func (s *Store) failures(cond daybook.Condition) []daybook.Failure {
	var failures []daybook.Failure
	for _, c := range cond {
		if holds, newest := s.check(c); !holds {
			failures = append(failures, daybook.Failure{Clause: c, Position: newest})
		}
	}
	return failures
}

// check reports whether a clause holds and, if it does not, the position of the newest
// event that made it fail.
func (s *Store) check(c daybook.Clause) (holds bool, newest daybook.Position) {
	if c.Kind == daybook.NothingSelected {
		if !c.After.SameLife(s.life) {
			return false, 0
		}
		newest = s.selected(c.Query.Guarded(), c.After.Position, s.head().Position).newest()
		return newest == 0, newest
	}
	return c.Holds(s.state(c.Stream))
}

// state returns how a stream stands.
func (s *Store) state(stream string) daybook.StreamState {
	state := daybook.StreamState{Horizon: s.hidden[stream]}
	if places := s.streams[stream]; len(places) > 0 {
		newest := s.events[places[len(places)-1]]
		state.Version, state.Newest = newest.Version, newest.Position
	}
	return state
}

// record gives events their place in the log and returns them as recorded.
func (s *Store) record(events []daybook.Event) []daybook.Recorded {
	now, position := s.now(), s.head().Position
	versions := make(map[string]daybook.Version)
	recorded := make([]daybook.Recorded, len(events))
	for i, e := range events {
		position++
		recorded[i] = daybook.Recorded{Event: e, Position: position, RecordedAt: now}
		if e.Stream != "" {
			if versions[e.Stream] == 0 {
				versions[e.Stream] = s.state(e.Stream).Version
			}
			versions[e.Stream]++
			recorded[i].Version = versions[e.Stream]
		}
	}
	s.put(recorded)
	return recorded
}

// put writes the events of one append to the end of the log.
func (s *Store) put(events []daybook.Recorded) {
	for _, e := range events {
		e.Tags, e.Data, e.Metadata = slices.Clone(e.Tags), slices.Clone(e.Data), slices.Clone(e.Metadata)
		s.byID[e.ID] = len(s.events)
		if e.Stream != "" {
			s.streams[e.Stream] = append(s.streams[e.Stream], len(s.events))
		}
		s.events = append(s.events, e)
		s.hidden = s.hidden.with(e)
	}
	close(s.grown)
	s.grown = make(chan struct{})
}

// now returns the time to stamp on an append: the clock's, or a nanosecond after the
// last stamp and after any time for which somebody was told what was known, if that is
// later.
func (s *Store) now() time.Time {
	now, last := s.clock(), s.known
	if n := len(s.events); n > 0 && s.events[n-1].RecordedAt.After(last) {
		last = s.events[n-1].RecordedAt
	}
	if !now.After(last) {
		now = last.Add(1)
	}
	return now
}

// clock returns the time that the clock shows.
func (s *Store) clock() time.Time {
	clock := s.Now
	if clock == nil {
		clock = time.Now
	}
	return time.Unix(0, clock().UnixNano()).UTC()
}

// Wait implements [daybook.Store].
func (s *Store) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	if err := q.Validate(); err != nil {
		return 0, err
	}
	for seen := after; ; {
		head, found, grown, err := s.look(q, seen)
		if err != nil {
			return 0, err
		}
		if found || head >= after+stride {
			return head, nil
		}
		seen = max(seen, head)
		select {
		case <-ctx.Done():
			return 0, &daybook.UnavailableError{Doing: "wait", Err: ctx.Err()}
		case <-grown:
		}
	}
}

// look returns the head, whether q selects something after a position, and a
// channel that is closed when the head moves.
func (s *Store) look(q daybook.Query, after daybook.Position) (head daybook.Position, found bool, grown <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, false, nil, daybook.ErrClosed
	}
	s.begin()
	head = s.head().Position
	return head, s.selected(q, after, head).newest() > 0, s.grown, nil
}

// Info implements [daybook.Store].
func (s *Store) Info(ctx context.Context) (daybook.Info, error) {
	if err := ctx.Err(); err != nil {
		return daybook.Info{}, &daybook.UnavailableError{Doing: "info", Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return daybook.Info{}, daybook.ErrClosed
	}
	s.begin()
	return daybook.Info{Head: s.head(), Durability: daybook.Memory, Limits: limits, Stride: stride}, nil
}

// Close ends the use of the store: every later call returns [daybook.ErrClosed].
// Readings that were begun can be finished. Closing again does nothing. The error is
// always nil.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.grown != nil {
		close(s.grown)
	}
	s.closed = true
	return nil
}

// begin gives the log its identity when it is first used.
func (s *Store) begin() {
	if s.grown != nil {
		return
	}
	s.life = daybook.Point{Log: uuid.New(), Incarnation: uuid.New()}
	s.byID = make(map[uuid.UUID]int)
	s.streams = make(map[string][]int)
	s.grown = make(chan struct{})
}

// head returns the newest point of the log.
func (s *Store) head() daybook.Point {
	if len(s.events) == 0 {
		return s.life
	}
	return s.life.At(s.events[len(s.events)-1].Position)
}
