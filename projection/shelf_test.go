package projection_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/memstore"
)

// A shelf is a view in parts that several processes could share: it keeps the order in
// which it was given the events of each key, and cannot apply those that are bad. An
// event's keys are its tags.
type shelf struct {
	parts int

	mu      sync.Mutex
	stands  []projection.Stand
	leases  []lease
	applied map[string][]daybook.Position
	times   map[daybook.Position]int // how often each event was applied
	bad     map[daybook.Position]bool
	tried   map[daybook.Position][]time.Time
	slow    func(daybook.Recorded)
	skips   []projection.Skip // of an earlier version
}

type lease struct {
	owner uuid.UUID
	until time.Time
}

func newShelf(parts int) *shelf {
	return &shelf{
		parts: parts, stands: make([]projection.Stand, parts), leases: make([]lease, parts),
		applied: map[string][]daybook.Position{}, times: map[daybook.Position]int{},
		bad: map[daybook.Position]bool{}, tried: map[daybook.Position][]time.Time{},
	}
}

func (s *shelf) Name() string                     { return "shelf" }
func (s *shelf) Version() int                     { return 1 }
func (s *shelf) Query() daybook.Query             { return daybook.Query{{Types: []string{"Put"}}} }
func (s *shelf) Parts() int                       { return s.parts }
func (s *shelf) Keys(e daybook.Recorded) []string { return e.Tags }

func (s *shelf) Stand(_ context.Context, part int) (projection.Stand, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stand := s.stands[part]
	stand.Aside, stand.Skips = slices.Clone(stand.Aside), slices.Concat(stand.Skips, s.skips)
	return stand, nil
}

func (s *shelf) Apply(_ context.Context, c projection.Change) error {
	if s.slow != nil {
		for _, e := range c.Events {
			s.slow(e)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stands[c.Part].Checkpoint != c.From {
		return projection.ErrMoved
	}
	for _, e := range c.Events {
		if s.bad[e.Position] {
			s.tried[e.Position] = append(s.tried[e.Position], time.Now())
			return &projection.EventError{Event: e, Err: errPoison}
		}
	}
	for _, e := range c.Events {
		s.times[e.Position]++
		for _, key := range e.Tags {
			s.applied[key] = append(s.applied[key], e.Position)
		}
	}
	s.stands[c.Part] = s.stands[c.Part].After(c)
	return nil
}

func (s *shelf) Reset(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stands = make([]projection.Stand, s.parts)
	clear(s.applied)
	clear(s.times)
	return nil
}

// leasedShelf is a shelf whose runners take turns.
type leasedShelf struct{ *shelf }

func (s leasedShelf) Claim(_ context.Context, part int, owner uuid.UUID, span time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.leases[part]
	if l.owner != owner && time.Now().Before(l.until) {
		return false, nil
	}
	if l.owner != owner {
		s.stands[part].Owner = owner
	}
	*l = lease{owner, time.Now().Add(span)}
	return true, nil
}

func (s leasedShelf) Release(_ context.Context, part int, owner uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[part].owner == owner {
		s.leases[part].until = time.Time{}
	}
	return nil
}

// spoil makes events bad, or good again.
func (s *shelf) spoil(bad bool, positions ...daybook.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, position := range positions {
		s.bad[position] = bad
	}
}

// has fails the test unless these are the events that were applied to a key, in order.
func (s *shelf) has(t *testing.T, key string, want ...daybook.Position) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.applied[key], want) {
		t.Errorf("%s was given %v; want %v", key, s.applied[key], want)
	}
}

// put records an event with keys, and returns its receipt.
func put(t testing.TB, store daybook.Store, keys ...string) daybook.Receipt {
	t.Helper()
	receipt, err := store.Append(t.Context(), []daybook.Event{{Type: "Put", Tags: keys, Data: []byte(`{}`)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// shelved records an event for each of these keys, one after another.
func shelved(t testing.TB, keys ...string) (*memstore.Store, daybook.Receipt) {
	t.Helper()
	store := memstore.New()
	var receipt daybook.Receipt
	for _, key := range keys {
		receipt = put(t, store, key)
	}
	return store, receipt
}

// asides returns the positions that are set aside.
func asides(t testing.TB, r *projection.Runner) (positions []daybook.Position) {
	t.Helper()
	aside, err := r.SetAside(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range aside {
		positions = append(positions, a.Position)
	}
	return positions
}

func isAside(t *testing.T, r *projection.Runner, want ...daybook.Position) {
	t.Helper()
	if got := asides(t, r); !slices.Equal(got, want) {
		t.Errorf("set aside are %v; want %v", got, want)
	}
}

func key(n int) string { return fmt.Sprint("key-", n) }
