package logstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

// A subject is a store on a disk that can be made to fail and to wait.
type subject struct {
	*Store
	disk *errorfs.FS
	gate *gate
	real vfs.World
	dir  string
	opts *Options
}

func openSubject(t testing.TB, world vfs.World, opts *Options) *subject {
	s := &subject{gate: &gate{FS: world.FS}, real: world, dir: t.TempDir(), opts: opts}
	s.disk = errorfs.New(s.gate)
	s.open(t)
	return s
}

func (s *subject) open(t testing.TB) {
	t.Helper()
	world := s.real
	world.FS = s.disk
	store, err := open(world, s.dir, s.opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Store = store
	t.Cleanup(func() { store.Close() })
}

// conformance hands stores to the suite, each in a world of its own.
func conformance(world func() vfs.World, opts *Options) storetest.Subject {
	return storetest.Subject{
		Open: func(t testing.TB) daybook.Store { return openSubject(t, world(), opts) },
		Reopen: func(t testing.TB, s daybook.Store) daybook.Store {
			old := s.(*subject)
			if err := old.Close(); err != nil {
				t.Error(err)
			}
			again := *old
			again.open(t)
			return &again
		},
		OpenAt: func(t testing.TB, now func() time.Time) daybook.Store {
			at := world()
			at.Clock = clockAt(now)
			return openSubject(t, at, opts)
		},
		OpenFaulty: func(t testing.TB) (daybook.Store, func(bool)) {
			s := openSubject(t, world(), opts)
			return s, func(on bool) {
				if on {
					s.disk.Arm(errorfs.Fault{Call: 1, Forever: true})
				} else {
					s.disk.Arm(errorfs.Fault{})
				}
			}
		},
		Scavenge: func(t testing.TB, s daybook.Store) {
			if _, err := s.(*subject).Scavenge(t.Context(), &ScavengeOptions{Newest: true}); err != nil {
				t.Error(err)
			}
		},
		// Nothing restores a log yet, so its manifest is given another incarnation.
		NewIncarnation: func(t testing.TB, s daybook.Store) daybook.Store {
			old := s.(*subject)
			if err := old.Close(); err != nil {
				t.Error(err)
			}
			m, err := readManifest(old.home)
			if err != nil {
				t.Fatal(err)
			}
			m.incarnation = uuid.New()
			if err := m.replace(old.home); err != nil {
				t.Fatal(err)
			}
			again := *old
			again.open(t)
			return &again
		},
		// The context ends while the append's group is being synced.
		LoseAnswer: func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			gate := s.(*subject).gate
			waiting, release := gate.shut()
			defer release()
			go func() {
				<-waiting
				cancel()
			}()
			_, err := s.Append(ctx, events, cond)
			return err
		},
	}
}

// A clockAt is a clock that shows what a function says. It is time itself that goes there, and nobody sets the clock.
type clockAt func() time.Time

func (c clockAt) Now() time.Time      { return c() }
func (c clockAt) Boot() time.Duration { return time.Duration(c().UnixNano()) }

// A gate lets no sync of a file through while it is shut.
type gate struct {
	vfs.FS
	mu      sync.Mutex
	closed  chan struct{}
	waiting chan struct{}
}

func (g *gate) shut() (waiting <-chan struct{}, release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.waiting = make(chan struct{}), make(chan struct{})
	closed := g.closed
	return g.waiting, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.closed = nil
		close(closed)
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	closed, waiting := g.closed, g.waiting
	if closed != nil && waiting != nil {
		close(waiting)
		g.waiting = nil
	}
	g.mu.Unlock()
	if closed != nil {
		<-closed
	}
}

type gatedFile struct {
	vfs.File
	gate *gate
}

func (f gatedFile) Sync() error {
	f.gate.pass()
	return f.File.Sync()
}

func (g *gate) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return gatedFile{f, g}, nil
}

func (g *gate) Open(name string) (vfs.File, error)      { return g.file(g.FS.Open(name)) }
func (g *gate) OpenWrite(name string) (vfs.File, error) { return g.file(g.FS.OpenWrite(name)) }
func (g *gate) Create(name string) (vfs.File, error)    { return g.file(g.FS.Create(name)) }

// inMemory is a machine in memory, for tests that would spend their time waiting for a
// disk.
func inMemory() vfs.World { return crashfs.New(machines.Add(1)).World() }

var machines atomic.Uint64

func TestStore(t *testing.T) {
	storetest.Run(t, conformance(vfs.OS, quietly))
}

// The same promises over segments so small that nearly every append begins one.
func TestStoreOfTinySegments(t *testing.T) {
	storetest.Run(t, conformance(inMemory, &Options{SegmentBytes: 512, Logger: quiet}))
}

// The promises about a failing disk, for each way in which a disk can go on failing.
func TestStoreOnDisksThatFailInOtherWays(t *testing.T) {
	ways := append(errorfs.Faults(),
		errorfs.Fault{Kinds: errorfs.Sync, Forever: true, Err: syscall.EIO},
		errorfs.Fault{Kinds: errorfs.Sync, Forever: true, Err: syscall.EIO, Effect: errorfs.Whole},
	)
	for _, fault := range ways {
		if !fault.Forever {
			continue
		}
		fault.Call = 1
		if fault.Kinds == 0 {
			fault.Kinds = errorfs.Writes
		}
		t.Run(fmt.Sprintf("%v fails with %v and effect %d", fault.Kinds, fault.Err, fault.Effect), func(t *testing.T) {
			opts := &Options{SegmentBytes: 20000, Logger: quiet}
			subject := conformance(inMemory, opts)
			subject.OpenFaulty = func(t testing.TB) (daybook.Store, func(bool)) {
				s := openSubject(t, inMemory(), opts)
				return s, func(on bool) {
					if on {
						s.disk.Arm(fault)
					} else {
						s.disk.Arm(errorfs.Fault{})
					}
				}
			}
			storetest.RunFaults(t, subject)
		})
	}
}

func TestRandomHistoriesGetTheAnswersOfTheModel(t *testing.T) {
	soak := soaking(t)
	for _, run := range []struct {
		segmentBytes int64
		seed         uint64
		operations   int
	}{
		{0, 1, soak.choose(2000, 2000, 20_000)}, {2000, 2, soak.choose(2000, 2000, 20_000)}, {20000, 3, soak.choose(10_000, 10_000, 40_000)},
	} {
		subject := conformance(inMemory, &Options{SegmentBytes: run.segmentBytes, Stride: 1000, Logger: quiet})
		storetest.Compare(t, memstore.New(), subject, soak.base(0)+run.seed, run.operations)
		tried(t, run.operations)
	}
}
