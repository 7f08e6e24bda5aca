package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// A disk keeps a memstore, so that a rig can be closed and opened again, fail, and
// begin new incarnations: a store with every hook, on which every promise can be
// tried.
type disk struct {
	mem         *memstore.Store
	incarnation uuid.UUID // what the log is in now; the memstore's own until one is begun
	failing     atomic.Bool
}

// A rig is an open disk.
type rig struct {
	disk   *disk
	closed chan struct{}
	once   *sync.Once
}

func openRig(testing.TB) daybook.Store { return rigOf(memstore.New()) }

func rigOf(mem *memstore.Store) *rig {
	info, _ := mem.Info(context.Background())
	return &rig{&disk{mem: mem, incarnation: info.Head.Incarnation}, make(chan struct{}), new(sync.Once)}
}

// rigged is the subject of right rigs.
func rigged() Subject {
	return Subject{
		Open: openRig,
		Reopen: func(_ testing.TB, s daybook.Store) daybook.Store {
			s.(*rig).Close()
			return &rig{s.(*rig).disk, make(chan struct{}), new(sync.Once)}
		},
		NewIncarnation: func(_ testing.TB, s daybook.Store) daybook.Store {
			s.(*rig).Close()
			s.(*rig).disk.incarnation = uuid.New()
			return &rig{s.(*rig).disk, make(chan struct{}), new(sync.Once)}
		},
		OpenAt: func(_ testing.TB, now func() time.Time) daybook.Store {
			return rigOf(&memstore.Store{Now: now})
		},
		OpenFaulty: func(t testing.TB) (daybook.Store, func(bool)) {
			s := openRig(t).(*rig)
			return s, s.disk.failing.Store
		},
		Scavenge: func(t testing.TB, s daybook.Store) {
			if err := s.(*rig).disk.mem.Scavenge(context.Background()); err != nil {
				t.Fatal(err)
			}
		},
		LoseAnswer: func(_ testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error {
			prepared, err := daybook.Prepare(events, cond, daybook.Limits{AppendEvents: 1000, AppendBytes: 1 << 20})
			if err != nil {
				return err
			}
			if _, err := s.Append(context.Background(), prepared, cond); err != nil {
				return err
			}
			unknown := &daybook.UnknownError{Err: errors.New("the line went dead")}
			for _, e := range prepared {
				unknown.IDs = append(unknown.IDs, e.ID)
			}
			return unknown
		},
	}
}

func (r *rig) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}

func (r *rig) isClosed() bool {
	select {
	case <-r.closed:
		return true
	default:
		return false
	}
}

// out is a point of the memstore as the rig shows it.
func (r *rig) out(p daybook.Point) daybook.Point {
	p.Incarnation = r.disk.incarnation
	return p
}

// in is a condition for the memstore.
func (r *rig) in(cond daybook.Condition) daybook.Condition {
	info, _ := r.disk.mem.Info(context.Background())
	var in daybook.Condition
	for _, c := range cond {
		switch {
		case c.After.IsZero():
		case c.After.Incarnation == r.disk.incarnation:
			c.After.Incarnation = info.Head.Incarnation
		case c.After.Incarnation == info.Head.Incarnation:
			c.After.Incarnation = uuid.New() // an earlier one
		}
		in = append(in, c)
	}
	return in
}

func (r *rig) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	if r.isClosed() {
		return daybook.Receipt{}, daybook.ErrClosed
	}
	if r.disk.failing.Load() && len(events) > 0 {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: errors.New("the disk fails")}
	}
	receipt, err := r.disk.mem.Append(ctx, events, r.in(cond))
	if conflict, ok := err.(*daybook.ConflictError); ok {
		conflict.At = r.out(conflict.At)
	}
	if err == nil {
		receipt.Point = r.out(receipt.Point)
	}
	return receipt, err
}

func (r *rig) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if r.isClosed() {
		return daybook.Reading{}, daybook.ErrClosed
	}
	reading, err := r.disk.mem.Read(ctx, q, span)
	if err != nil {
		return reading, err
	}
	return daybook.NewReading(q, span, r.out(reading.Snapshot()), reading.Events()), nil
}

func (r *rig) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	until, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-r.closed:
			cancel()
		case <-stop:
		}
	}()
	if r.isClosed() {
		return 0, daybook.ErrClosed
	}
	position, err := r.disk.mem.Wait(until, q, after)
	if err != nil && r.isClosed() {
		return 0, daybook.ErrClosed
	}
	return position, err
}

func (r *rig) Restore(ctx context.Context, events []daybook.Recorded) error {
	if r.isClosed() {
		return daybook.ErrClosed
	}
	return r.disk.mem.Restore(ctx, events)
}

func (r *rig) Info(ctx context.Context) (daybook.Info, error) {
	if r.isClosed() {
		return daybook.Info{}, daybook.ErrClosed
	}
	info, err := r.disk.mem.Info(ctx)
	info.Head = r.out(info.Head)
	return info, err
}

// A verdict is a test that tells whether it failed instead of failing.
type verdict struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	skipped  bool
	cleanups []func()
}

func (v *verdict) Helper()                           {}
func (v *verdict) Logf(string, ...any)               {}
func (v *verdict) Errorf(format string, args ...any) { v.fail(fmt.Sprintf(format, args...)) }
func (v *verdict) Error(args ...any)                 { v.fail(fmt.Sprintln(args...)) }
func (v *verdict) Fatalf(format string, args ...any) { v.Errorf(format, args...); runtime.Goexit() }
func (v *verdict) Fatal(args ...any)                 { v.Error(args...); runtime.Goexit() }
func (v *verdict) Skip(...any)                       { v.skipped = true; runtime.Goexit() }
func (v *verdict) Skipf(string, ...any)              { v.Skip() }
func (v *verdict) Cleanup(f func())                  { v.cleanups = append(v.cleanups, f) }

func (v *verdict) fail(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failures = append(v.failures, text)
}

// judge runs f as a test, and returns how it failed, if it did, or that it hangs after so
// long.
func judge(long time.Duration, f func(testing.TB)) (failures []string, skipped bool) {
	v := new(verdict)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for len(v.cleanups) > 0 {
				last := len(v.cleanups) - 1
				cleanup := v.cleanups[last]
				v.cleanups = v.cleanups[:last]
				cleanup()
			}
		}()
		defer func() {
			if p := recover(); p != nil {
				v.fail(fmt.Sprint("panic: ", p))
			}
		}()
		f(v)
	}()
	select {
	case <-done:
	case <-time.After(long):
		v.fail("it hangs")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.failures), v.skipped
}

// judgePromise tries one promise on a subject.
func judgePromise(p promise, subject Subject) ([]string, bool) {
	return judge(10*time.Second, func(tb testing.TB) { p.try(tb, subject, time.Second) })
}

func TestEveryPromiseHoldsForARightStore(t *testing.T) {
	Run(t, rigged())
}

func TestSentencesAreDistinctAndPlain(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range Sentences() {
		if seen[s] {
			t.Errorf("%q is promised twice", s)
		}
		seen[s] = true
		if s == "" || strings.ContainsAny(s, "/\n\"`") || s != strings.TrimSpace(s) || strings.HasSuffix(s, ".") {
			t.Errorf("%q cannot be the name of a test", s)
		}
	}
}
