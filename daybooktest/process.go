package daybooktest

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// An Instance is one instance of a process, to which something is to happen. Make it
// with [Process].
//
// Its commands go nowhere and its effects call nobody until the test says what comes of
// them. Every When is dealt with by another runner, which knows what is in the log and
// nothing else: so a reaction that is no pure function shows.
type Instance[S any] struct {
	t       testing.TB
	process *process.Process[S]
	id      string
	store   *memstore.Store
	clock   *Clock
	seen    map[uuid.UUID]bool // steps that a Then could have looked at before

	mu       sync.Mutex
	outcomes map[uuid.UUID]func() (any, error) // by command id, or by key
}

// Process returns the instance of this id after these facts were recorded, and everything
// that it did because of them except for what waits for the outcome of a command or an
// effect. Facts are as for [GivenLog]. The time is noon of the first of January 2026,
// UTC, and no time passes but by [Instance.WhenPassed].
func Process[S any](t testing.TB, p *process.Process[S], id string, facts ...any) *Instance[S] {
	t.Helper()
	clock := NewClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	i := &Instance[S]{
		t: t, process: p, id: id, clock: clock, store: &memstore.Store{Now: clock.Now},
		seen: make(map[uuid.UUID]bool), outcomes: make(map[uuid.UUID]func() (any, error)),
	}
	i.When(facts...)
	return i
}

// When records facts, and lets the instance react.
func (i *Instance[S]) When(facts ...any) *Reaction[S] {
	i.t.Helper()
	events, err := eventsOf(i.process.Codec(), facts)
	if err == nil && len(events) > 0 {
		_, err = i.store.Append(i.t.Context(), events, nil)
	}
	if err != nil {
		i.t.Fatalf("when: %v", err)
	}
	return i.react()
}

// WhenAccepted lets the bus accept a command that the instance has sent: the first one of
// this value. The test ends if there is none.
func (i *Instance[S]) WhenAccepted(command any) *Reaction[S] {
	i.t.Helper()
	return i.when(command, false, func() (any, error) {
		info, err := i.store.Info(context.Background())
		return daybook.Receipt{Point: info.Head}, err
	})
}

// WhenRefused lets the bus refuse a command that the instance has sent, for a reason such
// as a [*daybook.Rule].
func (i *Instance[S]) WhenRefused(command any, reason error) *Reaction[S] {
	i.t.Helper()
	return i.when(command, false, func() (any, error) { return nil, daybook.Refused(reason, daybook.Point{}) })
}

// WhenReturned lets the call of an effect return a result, which must be of the type that
// the effect's provider returns.
func (i *Instance[S]) WhenReturned(effect, result any) *Reaction[S] {
	i.t.Helper()
	return i.when(effect, true, func() (any, error) { return result, nil })
}

// WhenFailed lets an effect fail for good.
func (i *Instance[S]) WhenFailed(effect any, reason error) *Reaction[S] {
	i.t.Helper()
	return i.when(effect, true, func() (any, error) { return nil, process.Permanent(reason) })
}

// WhenPassed lets time pass.
func (i *Instance[S]) WhenPassed(d time.Duration) *Reaction[S] {
	i.t.Helper()
	// What is recorded while the clock stands still is stamped a nanosecond later each time:
	// a microsecond more, and what was due by then is due.
	i.clock.Pass(d + time.Microsecond)
	return i.react()
}

// when gives a step its outcome.
func (i *Instance[S]) when(value any, effect bool, outcome func() (any, error)) *Reaction[S] {
	i.t.Helper()
	open := i.load().Open
	n := slices.IndexFunc(open, func(s process.Step) bool {
		return s.IsEffect == effect && difference([]any{value}, []any{s.Value}) == ""
	})
	if n < 0 {
		i.t.Fatalf("when: no %T of this value waits for its outcome; there are:\n%s", value, list(open))
	}
	i.mu.Lock()
	i.outcomes[open[n].ID] = outcome
	i.mu.Unlock()
	return i.react()
}

// list writes steps for people.
func list(steps []process.Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "\t%s %+v\n", s.Name, s.Value)
	}
	return b.String()
}

// react lets a new runner do what is to be done, and returns what the instance decided.
func (i *Instance[S]) react() *Reaction[S] {
	i.t.Helper()
	ctx, stop := context.WithCancel(i.t.Context())
	defer stop()
	r := process.NewRunner(i.store, scripted(i.outcome), []process.Definition{i.process}, &process.Options{
		Clock: i.clock, Attempts: math.MaxInt, RetryAfter: 365 * 24 * time.Hour, RetryAtMost: 365 * 24 * time.Hour,
		Around: func(_ context.Context, c process.Call, _ func(context.Context) (any, error)) (any, error) {
			return i.outcome(uuid.MustParse(c.Key))
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	settled := r.Settle(ctx)
	stop()
	if err := <-ended; err != nil || settled != nil {
		i.t.Fatalf("when: %v, %v", err, settled)
	}
	reaction := &Reaction[S]{t: i.t, now: i.clock.Now(), loaded: i.load()}
	for _, s := range reaction.loaded.Open {
		if !i.seen[s.ID] {
			i.seen[s.ID] = true
			reaction.steps = append(reaction.steps, s.Value)
		}
	}
	return reaction
}

func (i *Instance[S]) load() process.Loaded[S] {
	i.t.Helper()
	loaded, err := i.process.Load(i.t.Context(), i.store, i.id)
	if err != nil {
		i.t.Fatalf("load: %v", err)
	}
	return loaded
}

// outcome returns the outcome of a step, which most of the time there is none of yet.
func (i *Instance[S]) outcome(id uuid.UUID) (any, error) {
	i.mu.Lock()
	outcome := i.outcomes[id]
	i.mu.Unlock()
	if outcome == nil {
		return nil, &daybook.UnavailableError{Doing: "wait for the test", Err: errNoOutcome}
	}
	return outcome()
}

var errNoOutcome = fmt.Errorf("daybooktest: the test has not said what comes of it")

// A scripted bus answers as the test says.
type scripted func(uuid.UUID) (any, error)

func (s scripted) Handles(string) bool { return true }

func (s scripted) Send(_ context.Context, e command.Envelope, _ string, _ []byte) (daybook.Receipt, error) {
	answer, err := s(uuid.UUID(e.ID))
	if err != nil {
		return daybook.Receipt{}, err
	}
	return answer.(daybook.Receipt), nil
}

// A Reaction is what an instance did because of something.
type Reaction[S any] struct {
	t      testing.TB
	now    time.Time
	loaded process.Loaded[S]
	steps  []any
}

// Then fails the test unless the instance decided on exactly these commands and effects,
// in this order. It returns the reaction, for more questions.
func (r *Reaction[S]) Then(steps ...any) *Reaction[S] {
	r.t.Helper()
	if diff := difference(steps, r.steps); diff != "" {
		r.t.Errorf("other steps were decided than expected (-expected +decided):\n%s", diff)
	}
	return r
}

// ThenNothing fails the test if the instance decided on a command or an effect.
func (r *Reaction[S]) ThenNothing() *Reaction[S] {
	r.t.Helper()
	return r.Then()
}

// ThenDeadlines fails the test unless exactly these deadlines are pending, each so long
// after the time that it is now, give or take a millisecond.
func (r *Reaction[S]) ThenDeadlines(in map[string]time.Duration) *Reaction[S] {
	r.t.Helper()
	got := make(map[string]time.Duration)
	for name, due := range r.loaded.Deadlines {
		got[name] = due.Sub(r.now).Round(time.Millisecond)
	}
	if diff := cmp.Diff(in, got, cmpopts.EquateEmpty()); diff != "" {
		r.t.Errorf("other deadlines are pending than expected (-expected +pending):\n%s", diff)
	}
	return r
}

// ThenState fails the test unless the state of the instance is this.
func (r *Reaction[S]) ThenState(state S) *Reaction[S] {
	r.t.Helper()
	if diff := cmp.Diff(state, r.loaded.State, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		r.t.Errorf("the state is another than expected (-expected +state):\n%s", diff)
	}
	return r
}

// ThenDone fails the test unless the instance is done.
func (r *Reaction[S]) ThenDone() *Reaction[S] {
	r.t.Helper()
	if !r.loaded.Done {
		r.t.Errorf("expected the instance to be done, and it is not")
	}
	return r
}

// ThenSetAside fails the test unless the instance was set aside for a cause whose text
// contains this.
func (r *Reaction[S]) ThenSetAside(cause string) *Reaction[S] {
	r.t.Helper()
	switch aside := r.loaded.SetAside; {
	case aside == nil:
		r.t.Errorf("expected the instance to be set aside (%s), and it is not", cause)
	case !strings.Contains(aside.Cause, cause):
		r.t.Errorf("expected the instance to be set aside (%s), and the cause is another: %s", cause, aside.Cause)
	}
	return r
}

// State returns the state of the instance.
func (r *Reaction[S]) State() S { return r.loaded.State }
