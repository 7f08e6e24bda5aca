package logstore

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

// A pair is a store that has a log open and a reader beside it: what is appended goes to
// the one, and all else is asked of the other.
type pair struct {
	*subject
	reader *Reader
}

func besides(t testing.TB, s *subject) *pair {
	t.Helper()
	// What fails the owner is its own matter: the reader may be another process.
	r, err := openReader(s.real, s.dir, s.opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return &pair{s, r}
}

func (p *pair) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := p.reader.Read(ctx, q, span)
	p.settle(reading.Snapshot().Position)
	return reading, err
}

func (p *pair) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	position, err := p.reader.Wait(ctx, q, after)
	p.settle(position)
	return position, err
}

func (p *pair) Info(ctx context.Context) (daybook.Info, error) {
	info, err := p.reader.Info(ctx)
	p.settle(info.Head.Position)
	return info, err
}

// settle waits until the owner answers with what the reader has seen, which is a moment
// before. What is promised of one store is not promised of two.
func (p *pair) settle(head daybook.Position) {
	for p.view.Load().head < head {
		runtime.Gosched()
	}
}

func (p *pair) Close() error { return errors.Join(p.reader.Close(), p.subject.Close()) }

// besideConformance hands pairs to the suite.
func besideConformance(world func() vfs.World, opts *Options) storetest.Subject {
	owner := conformance(world, opts)
	reopened := func(hook func(testing.TB, daybook.Store) daybook.Store) func(testing.TB, daybook.Store) daybook.Store {
		return func(t testing.TB, s daybook.Store) daybook.Store {
			old := s.(*pair)
			if err := old.reader.Close(); err != nil {
				t.Error(err)
			}
			return besides(t, hook(t, old.subject).(*subject))
		}
	}
	return storetest.Subject{
		Open:           func(t testing.TB) daybook.Store { return besides(t, owner.Open(t).(*subject)) },
		Reopen:         reopened(owner.Reopen),
		NewIncarnation: reopened(owner.NewIncarnation),
		OpenAt: func(t testing.TB, now func() time.Time) daybook.Store {
			return besides(t, owner.OpenAt(t, now).(*subject))
		},
		OpenFaulty: func(t testing.TB) (daybook.Store, func(bool)) {
			s, fail := owner.OpenFaulty(t)
			return besides(t, s.(*subject)), fail
		},
		LoseAnswer: func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error {
			return owner.LoseAnswer(t, s.(*pair).subject, events, cond)
		},
		// The owner replaces segments, and removes files that the reader may not have opened.
		Scavenge: func(t testing.TB, s daybook.Store) { owner.Scavenge(t, s.(*pair).subject) },
		NotPromised: map[string]string{
			"what many clients were answered while the disk began to fail is explained by what is there later": "a disk that fails while HEAD is written leaves a reader with what it knew, until the next append",
		},
	}
}

// What a store promises to those who read, it keeps for those who read beside it.
func TestAReaderBesideTheOwner(t *testing.T) {
	storetest.Run(t, besideConformance(vfs.OS, quietly))
}

// It has so few files open that those which the owner removes are gone when it comes to them.
func TestAReaderBesideAnOwnerOfTinySegments(t *testing.T) {
	storetest.Run(t, besideConformance(inMemory, &Options{SegmentBytes: 512, OpenFiles: 2, Logger: quiet}))
}

func TestAReaderBesideTheOwnerGetsTheAnswersOfTheModel(t *testing.T) {
	soak := soaking(t)
	runs := soak.choose(2, 4, 40)
	for run := range runs {
		subject := besideConformance(inMemory, &Options{SegmentBytes: 2000, OpenFiles: 2, Stride: 1000, Logger: quiet})
		storetest.Compare(t, memstore.New(), subject, soak.base(900)+uint64(run), 1500)
	}
	tried(t, runs*1500)
}
