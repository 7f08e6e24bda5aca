package storetest

import (
	"context"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
)

// A bent store does some of its methods wrongly.
type bent struct {
	daybook.Store
	append  func(context.Context, []daybook.Event, daybook.Condition) (daybook.Receipt, error)
	read    func(context.Context, daybook.Query, daybook.Span) (daybook.Reading, error)
	restore func(context.Context, []daybook.Recorded) error
	wait    func(context.Context, daybook.Query, daybook.Position) (daybook.Position, error)
	info    func(context.Context) (daybook.Info, error)
	close   func() error

	// How often it was scavenged, and restored into.
	scavenged, restored atomic.Int32
}

func (b *bent) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	if b.append != nil {
		return b.append(ctx, events, cond)
	}
	return b.Store.Append(ctx, events, cond)
}

func (b *bent) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if b.read != nil {
		return b.read(ctx, q, span)
	}
	return b.Store.Read(ctx, q, span)
}

func (b *bent) Restore(ctx context.Context, events []daybook.Recorded) error {
	defer b.restored.Add(1)
	if b.restore != nil {
		return b.restore(ctx, events)
	}
	return b.Store.(daybook.Restorer).Restore(ctx, events)
}

func (b *bent) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	if b.wait != nil {
		return b.wait(ctx, q, after)
	}
	return b.Store.Wait(ctx, q, after)
}

func (b *bent) Info(ctx context.Context) (daybook.Info, error) {
	if b.info != nil {
		return b.info(ctx)
	}
	return b.Store.Info(ctx)
}

func (b *bent) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.Store.(io.Closer).Close()
}

// A wrong store is a right one with one mistake, and the promises that it must be
// found to break. It may break others too.
type wrong struct {
	mistake string
	bend    func(s daybook.Store) *bent
	hooks   func(*Subject) // a mistake in what a hook does
	breaks  []string
}

func (w wrong) subject() Subject {
	right := rigged()
	bend := func(s daybook.Store) daybook.Store {
		if w.bend == nil {
			return s
		}
		b := w.bend(s)
		b.Store = s
		return b
	}
	straight := func(s daybook.Store) daybook.Store {
		if b, ok := s.(*bent); ok {
			return b.Store
		}
		return s
	}
	subject := Subject{
		Open:           func(t testing.TB) daybook.Store { return bend(right.Open(t)) },
		Reopen:         func(t testing.TB, s daybook.Store) daybook.Store { return bend(right.Reopen(t, straight(s))) },
		NewIncarnation: func(t testing.TB, s daybook.Store) daybook.Store { return bend(right.NewIncarnation(t, straight(s))) },
		OpenAt:         func(t testing.TB, now func() time.Time) daybook.Store { return bend(right.OpenAt(t, now)) },
		OpenFaulty: func(t testing.TB) (daybook.Store, func(bool)) {
			s, fail := right.OpenFaulty(t)
			return bend(s), fail
		},
		LoseAnswer: right.LoseAnswer,
		Scavenge: func(t testing.TB, s daybook.Store) {
			right.Scavenge(t, straight(s))
			if b, ok := s.(*bent); ok {
				b.scavenged.Add(1)
			}
		},
	}
	if w.hooks != nil {
		w.hooks(&subject)
	}
	return subject
}

// onAppend bends what is handed to Append.
func onAppend(change func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition)) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			events, cond = change(events, cond)
			return s.Append(ctx, events, cond)
		}}
	}
}

// onAnswer bends what Append answers.
func onAnswer(change func(*daybook.Receipt, error) error) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			err = change(&receipt, err)
			return receipt, err
		}}
	}
}

// counting returns a function that is true every n-th time.
func counting(n int64) func() bool {
	var count atomic.Int64
	return func() bool { return count.Add(1)%n == 0 }
}

// wrongStores are all of them.
var wrongStores = slices.Concat(wrongConditions, wrongReadings, wrongContents, wrongIDs, wrongWaits, wrongFaults, wrongForgetting, wrongRestores)

// Every sentence must be one that some wrong store breaks, and every wrong store be
// found out by the sentences that are about its mistake.
func TestEveryPromiseIsBrokenByAWrongStore(t *testing.T) {
	promises := make(map[string]promise)
	for _, p := range chapters() {
		promises[p.sentence] = p
	}
	broken := make(map[string]bool)
	for _, w := range wrongStores {
		for _, sentence := range w.breaks {
			broken[sentence] = true
		}
		t.Run(w.mistake, func(t *testing.T) {
			t.Parallel()
			for _, sentence := range w.breaks {
				p, known := promises[sentence]
				if !known {
					t.Errorf("%q is no sentence of the suite", sentence)
					continue
				}
				// A mistake that shows in a race need not show at once.
				found := false
				for try := 0; try < 30 && !found; try++ {
					failures, _ := judgePromise(p, w.subject())
					found = len(failures) > 0
				}
				if !found {
					t.Errorf("a store that %s is not found out by %q", w.mistake, sentence)
				}
			}
		})
	}
	for _, p := range chapters() {
		if !broken[p.sentence] {
			t.Errorf("no wrong store breaks %q: it may be a check that cannot fail", p.sentence)
		}
	}
}
