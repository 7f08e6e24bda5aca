package projection_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The facts of these tests: money comes in and goes out, and notes are none of the
// ledger's business.
type (
	Earned struct{ Cents int }
	Spent  struct{ Cents int }
	Noted  struct{ Text string }
)

var codec = daybook.NewCodec(
	daybook.KindOf[Earned]("Earned", nil),
	daybook.KindOf[Spent]("Spent", nil),
	daybook.KindOf[Noted]("Noted", nil),
)

// A ledger shows the balance, and where it saw which event, in the order in which it
// was given them.
type ledger struct {
	Balance int
	Seen    []daybook.Position
}

func newLedger() *memview.View[ledger] {
	return memview.New("ledger", 1, codec, func() ledger { return ledger{} },
		memview.On(func(l *ledger, e Earned, at daybook.Recorded) {
			l.Balance, l.Seen = l.Balance+e.Cents, append(l.Seen, at.Position)
		}),
		memview.On(func(l *ledger, e Spent, at daybook.Recorded) {
			l.Balance, l.Seen = l.Balance-e.Cents, append(l.Seen, at.Position)
		}),
	)
}

// shows fails the test unless the view has this balance, has seen every one of these
// positions once, in order, and stands at position at.
func shows(t *testing.T, view *memview.View[ledger], balance int, seen []daybook.Position, at daybook.Position) {
	t.Helper()
	view.Read(func(l ledger, c projection.Checkpoint) {
		t.Helper()
		if l.Balance != balance || !slices.Equal(l.Seen, seen) || c.Position != at {
			t.Errorf("the ledger has %d, saw %v and is at %d; want %d, %v and %d", l.Balance, l.Seen, c.Position, balance, seen, at)
		}
	})
}

// upTo returns the positions 1 to n.
func upTo(n int) []daybook.Position {
	positions := make([]daybook.Position, n)
	for i := range positions {
		positions[i] = daybook.Position(i + 1)
	}
	return positions
}

// record appends facts, each in an append of its own, and returns the last receipt.
func record(t *testing.T, store daybook.Store, facts ...any) (receipt daybook.Receipt) {
	t.Helper()
	for _, fact := range facts {
		event, err := codec.Event(fact)
		if err == nil {
			receipt, err = store.Append(t.Context(), []daybook.Event{event}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return receipt
}

// earn records n events that earn a cent each.
func earn(t *testing.T, store daybook.Store, n int) daybook.Receipt {
	t.Helper()
	facts := make([]any, n)
	for i := range facts {
		facts[i] = Earned{1}
	}
	return record(t, store, facts...)
}

// quiet is for tests in which projections get stuck on purpose.
func quiet(options projection.Options) *projection.Options {
	options.Logger = slog.New(slog.DiscardHandler)
	return &options
}

// errPoison is what handlers of poisoned views fail with.
var errPoison = errors.New("poison")

// A poisoned view cannot apply the events at some positions until it is cured.
type poisoned struct {
	projection.View

	mu      sync.Mutex
	at      []daybook.Position
	batches []int // the sizes of the batches that were applied
}

func (p *poisoned) Apply(ctx context.Context, c projection.Change) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range c.Events {
		if slices.Contains(p.at, e.Position) {
			return &projection.EventError{Event: e, Err: errPoison}
		}
	}
	p.batches = append(p.batches, len(c.Events))
	return p.View.Apply(ctx, c)
}

// cure leaves the view with poison at these positions.
func (p *poisoned) cure(left ...daybook.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = left
}

// An unsteady store answers reads, waits and questions about itself with err while
// that is set.
type unsteady struct {
	*memstore.Store
	mu  sync.Mutex
	err error
}

func (s *unsteady) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *unsteady) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *unsteady) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if err := s.failure(); err != nil {
		return daybook.Reading{}, err
	}
	return s.Store.Read(ctx, q, span)
}

func (s *unsteady) Info(ctx context.Context) (daybook.Info, error) {
	if err := s.failure(); err != nil {
		return daybook.Info{}, err
	}
	return s.Store.Info(ctx)
}

// A broken view has a database that is away.
type broken struct {
	projection.View
	err error
}

func (b broken) Stand(context.Context, int) (projection.Stand, error) {
	return projection.Stand{}, b.err
}
