//go:build !race

package logstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

// A run is a workload on a machine whose disk records every call, and can fail. What it does is
// decided by a seed, except for the order in which concurrent appends meet.
type run struct {
	t      *testing.T
	disk   *crashfs.Disk
	faults *errorfs.FS
	watch  *watch
	world  vfs.World
	opts   *Options
	rng    *rand.Rand

	store   *Store
	ledger  *ledger
	history *history.Recorder
	client  daybook.Store // the store, whichever it is now, as the recorder sees it
	number  int           // of events made

	// stubs are the positions of which only stubs are left, each from a call of the disk on.
	stubs     map[daybook.Position]int
	rewritten int // segments
	packed    int

	unreadable bool   // the disk may fail to read
	disarmed   bool   // the fault was taken away so that the run could go on
	where      string // and this is what it had met
}

// A reopened store is the one that the run has open.
type reopened struct{ run *run }

func (s reopened) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	return s.run.store.Append(ctx, events, cond)
}

func (s reopened) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	return s.run.store.Read(ctx, q, span)
}

func (s reopened) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	return s.run.store.Wait(ctx, q, after)
}

func (s reopened) Info(ctx context.Context) (daybook.Info, error) { return s.run.store.Info(ctx) }

// Segments of this size take a dozen frames, so that rolls are as frequent as anything else.
const crashSegmentBytes = 3000

func newRun(t *testing.T, seed uint64) *run {
	disk := crashfs.New(seed)
	if err := vfs.MkdirSync(disk, "db"); err != nil {
		t.Fatal(err)
	}
	r := &run{
		t: t, disk: disk, faults: errorfs.New(disk), ledger: newLedger(disk),
		opts: &Options{SegmentBytes: crashSegmentBytes, Logger: quiet},
		rng:  rand.New(rand.NewPCG(seed, 1)),
	}
	r.history = history.Record(reopened{r})
	r.client = r.history.Client(1)
	r.watch = &watch{FS: r.faults, run: r}
	r.world = disk.World()
	r.world.FS = r.watch
	return r
}

// A watch looks at the store whenever a file is about to be synced: what is read then was promised to
// the reader.
type watch struct {
	vfs.FS
	run   *run
	store atomic.Pointer[Store] // nil while there is none to look at
	first atomic.Pointer[func()]
}

type watchedFile struct {
	vfs.File
	watch *watch
}

func (f watchedFile) Sync() error {
	if s := f.watch.store.Load(); s != nil && !strings.HasSuffix(f.Name(), ".idx.tmp") {
		if meanwhile := f.watch.first.Swap(nil); meanwhile != nil {
			(*meanwhile)()
		}
		f.watch.run.look(s)
	}
	return f.File.Sync()
}

func (w *watch) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return watchedFile{f, w}, nil
}

func (w *watch) Open(name string) (vfs.File, error)      { return w.FS.Open(name) }
func (w *watch) OpenWrite(name string) (vfs.File, error) { return w.file(w.FS.OpenWrite(name)) }
func (w *watch) Create(name string) (vfs.File, error)    { return w.file(w.FS.Create(name)) }

// open opens the store, and looks at what it serves.
func (r *run) open() error {
	s, err := open(r.world, "db", r.opts)
	if err != nil {
		return err
	}
	r.store = s
	r.watch.store.Store(s)
	r.look(s)
	return nil
}

// look notes what the store serves, which it does whatever cannot be written.
func (r *run) look(s *Store) {
	log, err := everything(s)
	if err == nil {
		r.ledger.seen(r.disk.Calls(), log)
	} else if !r.unreadable && !errors.Is(err, daybook.ErrClosed) {
		r.t.Errorf("while the disk can be read, reading fails: %v", err)
	}
}

// find asks the index of the store, as it is now, for what the log holds. Nothing is being appended.
func (r *run) find() {
	log, err := everything(r.store)
	if err == nil {
		err = findsAll(r.store, log, r.number)
	}
	if err != nil && !r.unreadable {
		r.t.Errorf("at %s: %v", r.faults.Where(), err)
	}
}

// close closes the store properly.
func (r *run) close() error {
	err := r.store.Close()
	r.watch.store.Store(nil)
	return err
}

// kill ends the store as kill -9 would, the power staying on.
func (r *run) kill() {
	abandonStore(r.store)
	r.watch.store.Store(nil)
}

func (r *run) event(stream string, bytes int) daybook.Event {
	r.number++
	var id uuid.UUID
	for i := 0; i < len(id); i += 8 {
		le.PutUint64(id[i:], r.rng.Uint64())
	}
	id[6] = id[6]&0x0f | []byte{0x40, 0x70}[r.number%2]
	id[8] = id[8]&0x3f | 0x80
	return daybook.Event{
		ID: id, Stream: stream, Type: []string{"Placed", "Paid"}[r.number%2],
		Tags: []string{fmt.Sprintf("tag:%d", r.number%5)},
		Data: fmt.Appendf(nil, "%0*d", bytes, r.number),
	}
}

func (r *run) stream() string { return fmt.Sprintf("order-%d", r.rng.IntN(4)) }

func (r *run) version(stream string) daybook.Version {
	log, err := selected(r.client, daybook.Stream(stream))
	if err != nil {
		return 0
	}
	return daybook.Version(len(log))
}

func (r *run) append(cond daybook.Condition, events ...daybook.Event) error {
	_, err := r.ledger.append(r.client, events, cond)
	return err
}

// group has some appends wait while the disk syncs the first, so that they are written
// together. Some of them repeat each other, and of those that depend on the same version one is
// recorded and the others meet a conflict with what is not durable yet.
func (r *run) group(n int, then func()) {
	stream := r.stream()
	version := r.version(stream)
	first := r.event(stream, 40)
	type asked struct {
		cond  daybook.Condition
		event daybook.Event
	}
	var others []asked
	for i := range n {
		switch i % 4 {
		case 0, 1:
			others = append(others, asked{nil, r.event(fmt.Sprintf("other-%d", i%3), 40)})
		case 2:
			others = append(others, asked{daybook.At(stream, version), r.event(stream, 40)})
		default:
			others = append(others, asked{nil, first})
		}
	}
	var appends []func()
	for _, o := range others {
		appends = append(appends, func() { r.append(o.cond, o.event) })
	}
	r.together(func() { r.append(daybook.At(stream, version), first) }, then, appends)
}

// groupOf has n appends of the same length be written together, behind one that is being synced.
func (r *run) groupOf(n int, then func()) {
	var appends []func()
	for range n {
		e := r.event("order-1", 40)
		appends = append(appends, func() { r.append(nil, e) })
	}
	e := r.event("order-1", 40)
	r.together(func() { r.append(nil, e) }, then, appends)
}

// together appends once, and while that is being synced does something else and has others append.
func (r *run) together(first, then func(), others []func()) {
	var wait sync.WaitGroup
	meanwhile := func() {
		if then != nil {
			then()
		}
		for _, other := range others {
			wait.Go(other)
			// Whoever is sequenced before the sync ends is in the group. Yielding makes that likely, and
			// no answer depends on it.
			for range 20 {
				runtime.Gosched()
			}
		}
	}
	r.watch.first.Store(&meanwhile)
	first()
	if unused := r.watch.first.Swap(nil); unused != nil {
		(*unused)()
	}
	wait.Wait()
}

// steps are the things that a run does, each as often as its weight says. What stands here is tried with power cuts
// after each of its calls, on healthy disks and beside failing ones.
var steps = []struct {
	weight int
	do     func(*run)
}{
	{3, func(r *run) { r.append(nil, r.event(r.stream(), 30+r.rng.IntN(60))) }},
	{2, func(r *run) { r.append(nil, r.event("order-1", 20), r.event("order-2", 400), r.event("", 20)) }},
	{1, func(r *run) { r.append(nil, r.event(r.stream(), 1300)) }},
	{1, func(r *run) {
		stream := r.stream()
		r.append(daybook.At(stream, r.version(stream)), r.event(stream, 50), r.event(stream, 50))
	}},
	{1, (*run).conflict},
	{2, (*run).repeat},
	{1, (*run).reuse},
	{1, (*run).decide},
	{5, func(r *run) { r.group(3+r.rng.IntN(6), nil) }},
	{1, func(r *run) {
		r.kill()
		r.mustOpen()
	}},
	{1, func(r *run) {
		if err := r.close(); err != nil {
			r.t.Fatal(err)
		}
		r.mustOpen()
	}},
}

// step does one thing out of many.
func (r *run) step() {
	sum := 0
	for _, s := range steps {
		sum += s.weight
	}
	n := r.rng.IntN(sum)
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			s.do(r)
			return
		}
	}
}

func (r *run) mustOpen() {
	if err := r.open(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *run) conflict() {
	stream := r.stream()
	r.append(daybook.At(stream, r.version(stream)+1), r.event(stream, 50))
}

// repeat appends again what was appended before.
func (r *run) repeat() {
	if made := r.ledger.made; len(made) > 0 {
		r.append(nil, made[r.rng.IntN(len(made))].events...)
	}
}

// reuse appends something else with an id that is taken.
func (r *run) reuse() {
	if len(r.ledger.made) == 0 {
		return
	}
	if in := r.ledger.made[r.rng.IntN(len(r.ledger.made))]; in.recorded() {
		other := r.event("another-1", 20)
		other.ID = in.events[0].ID
		r.append(nil, other)
	}
}

// decide appends under the condition that nothing more has a tag.
func (r *run) decide() {
	log, err := selected(r.store, daybook.Query{{Tags: []string{"tag:1"}}})
	if err != nil || len(log) == 0 {
		return
	}
	after := r.store.life.At(log[len(log)-1].Position)
	e := r.event("tagged-1", 30)
	e.Tags = []string{"tag:1"}
	r.append(daybook.Nothing(daybook.Query{{Tags: []string{"tag:1"}}}, after), e)
}

// trouble makes the disk fail while appends are on their way, and goes on afterwards: with the same store
// if it can, otherwise after opening it again, the power staying on.
func (r *run) trouble() {
	inDir := func(name string) bool { return filepath.Clean(name) == "db" }
	inSegment := func(name string) bool { return !strings.Contains(name, "MANIFEST") && !strings.Contains(name, ".idx") }
	faults := []errorfs.Fault{
		{Kinds: errorfs.Sync, Match: inSegment},
		{Kinds: errorfs.Sync, Match: inSegment, Forever: true},
		{Kinds: errorfs.Sync},
		{Kinds: errorfs.Sync, Effect: errorfs.Whole},
		{Kinds: errorfs.SyncDir, Match: inDir},
		{Kinds: errorfs.WriteAt | errorfs.Sync, Match: inSegment, Forever: true, Effect: errorfs.Part},
		{Kinds: errorfs.WriteAt | errorfs.Sync, Match: inSegment, Forever: true, Effect: errorfs.Part, Err: syscall.ENOSPC},
		{Kinds: errorfs.WriteAt, Match: inSegment, Effect: errorfs.Part, Err: syscall.ENOSPC},
		{Kinds: errorfs.WriteAt | errorfs.Truncate, Match: inSegment, Forever: true, Effect: errorfs.Part},
		{Err: syscall.ENOSPC, Forever: true, Effect: errorfs.Part},
		{Err: syscall.EIO, Forever: true},
		{Kinds: errorfs.Rename},
		{Kinds: errorfs.Rename, Effect: errorfs.Whole},
	}
	fault := faults[r.rng.IntN(len(faults))]
	fault.Call = 1 + r.rng.IntN(3)
	if fault.Forever && fault.Kinds&errorfs.WriteAt != 0 && r.rng.IntN(2) == 0 {
		fault.Call = 2 // not the sync of the group before: half of a group is written, and cut off, and the cut is lost
	}
	large := r.rng.IntN(2) == 0
	r.group(4+r.rng.IntN(9), func() { r.faults.Arm(fault) })
	if large {
		for range 3 {
			r.append(nil, r.event(r.stream(), 700))
		}
	}
	r.append(nil, r.event(r.stream(), 40))
	if r.store.Health() == nil || r.rng.IntN(3) > 0 {
		r.faults.Arm(errorfs.Fault{})
	}

	if health := r.store.health.Load(); health == nil || !health.ReadOnly {
		r.faults.Arm(errorfs.Fault{})
		if err := r.append(nil, r.event(r.stream(), 40)); err != nil {
			if r.store.health.Load() == nil || !r.store.health.Load().ReadOnly {
				r.t.Errorf("%v: there is no trouble any more, and an append answers %v", fault, err)
			}
		}
	}
	r.find()
	if r.store.Health() == nil {
		return
	}
	if r.rng.IntN(2) == 0 {
		r.close() // it has failed: what it answers does not matter
	} else {
		r.kill()
	}
	r.openWhateverFails()
	r.append(nil, r.event(r.stream(), 40))
	for _, in := range r.ledger.made { // who was told that nobody knows asks again
		if !in.recorded() && slices.ContainsFunc(in.asks, func(a *ask) bool { return a.outcome == unknown }) && r.rng.IntN(2) == 0 {
			r.append(nil, in.events...)
		}
	}
}

// openWhateverFails opens the store, on a disk that fails now and then but not for ever.
func (r *run) openWhateverFails() {
	for {
		err := r.open()
		if err == nil {
			break
		}
		var corrupt *daybook.CorruptError
		if errors.As(err, &corrupt) {
			r.t.Fatalf("nothing is damaged, and opening says: %v", err)
		}
		if r.faults.Met() == 0 {
			r.t.Fatalf("the disk does not fail, and opening says: %v", err)
		}
		if r.rng.IntN(2) == 0 {
			r.faults.Arm(errorfs.Fault{Call: 1 + r.rng.IntN(6)})
		} else {
			r.faults.Arm(errorfs.Fault{})
		}
	}
	r.faults.Arm(errorfs.Fault{})
}
