package crashfs

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Recording is the calls of a run, from a disk on which everything was durable. It does not change, and may be
// used by many goroutines.
type Recording struct {
	base  []node
	calls []call
}

// A call is one that changed the disk, or that made changes durable. Which fields are used depends on its kind.
type call struct {
	kind     kind
	dir      int32  // id of the directory whose names it changes or syncs
	node     int32  // id of the file that it changes, or syncs, or that the name stands for
	off      int64  // where it writes, or the size that it asks for
	data     []byte // what it writes
	from, to string // names that it takes from the directory, and adds
	name     string // the path that it was called with
	time     int64  // the clock, in nanoseconds
}

type kind uint8

const (
	write kind = iota
	truncate
	preallocate
	syncFile
	failedSync
	create
	mkdir
	link
	rename
	remove
	syncDir
	failedSyncDir
)

// Calls returns the number of calls.
func (r *Recording) Calls() int { return len(r.calls) }

// Describe returns in words what the n-th call did, n from 1 to Calls: "write db/1.seg: 512 bytes at 1024".
// Zero is the moment before the first.
func (r *Recording) Describe(n int) string {
	if n == 0 {
		return "nothing"
	}

	c := r.calls[n-1]
	switch c.kind {
	case write:
		return fmt.Sprintf("write %s: %d bytes at %d", c.name, len(c.data), c.off)
	case truncate:
		return fmt.Sprintf("truncate %s to %d", c.name, c.off)
	case preallocate:
		return fmt.Sprintf("preallocate %s to %d", c.name, c.off)
	case syncFile:
		return "sync " + c.name
	case failedSync:
		return "failed sync of " + c.name
	case create:
		return "create " + c.name
	case mkdir:
		return "make directory " + c.name
	case link:
		return "link " + c.name
	case rename:
		return "rename " + c.name + " to " + c.to
	case remove:
		return "remove " + c.name
	case syncDir:
		return "sync directory " + c.name
	default:
		return "failed sync of directory " + c.name
	}
}

// A Cut is the machine after a power cut.
type Cut struct {
	Call      int // how many calls had been made
	Survivors Survivors
	Seed      uint64
	Disk      *Disk
}

// Cut returns the machine as a power cut after the first k calls leaves it, everything that is still there durable
// and no lock held. The seed picks the survivors where they are left to chance; the same arguments give the same disk.
//
// Each Cut replays the recording from its beginning. To make many, use a [Player] or [Recording.EveryCut].
func (r *Recording) Cut(k int, survivors Survivors, seed uint64) *Disk {
	return r.Play().Cut(k, survivors, seed)
}

// EveryCut calls check with a cut after every call, and before the first, for each of the [Survivors]: once for those
// in which nothing is left to chance, with each of the seeds 1 to seeds for the others. Where nothing awaits a sync all
// survivors are the same, and check is called once. It is called by as many goroutines as there are processors.
//
// EveryCut returns how many cuts were checked. It stops soon after check returns an error, and returns the one of the earliest cut, with
// what is needed to make that cut again.
func (r *Recording) EveryCut(seeds int, check func(Cut) error) (int, error) {
	// Workers take chunks of calls, in order: a player goes forward cheaply, and the last chunk ends soon
	// after the others.
	const chunk = 64
	var (
		next, checked atomic.Int64
		mu            sync.Mutex
		first         *CutError
		workers       sync.WaitGroup
	)
	failed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return first != nil
	}

	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			p := r.Play()
			for !failed() {
				from := int(next.Add(chunk) - chunk)
				if from > r.Calls() {
					return
				}
				n, err := p.cuts(from, min(from+chunk, r.Calls()+1), seeds, check)
				checked.Add(int64(n))

				var cutErr *CutError
				if errors.As(err, &cutErr) {
					mu.Lock()
					if first == nil || cutErr.Call < first.Call {
						first = cutErr
					}
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()

	if first != nil {
		return int(checked.Load()), first
	}
	return int(checked.Load()), nil
}

// cuts checks the cuts after the calls from (inclusive) to (exclusive).
func (p *Player) cuts(from, to, seeds int, check func(Cut) error) (checked int, err error) {
	for k := from; k < to; k++ {
		p.seek(k)
		for _, s := range p.distinct() {
			n := 1
			if s.byChance() {
				n = seeds
			}
			for seed := range n {
				cut := Cut{Call: k, Survivors: s, Seed: uint64(seed) + 1}
				cut.Disk = p.Cut(k, s, cut.Seed)
				if err := check(cut); err != nil {
					return checked, &CutError{Call: k, After: p.rec.Describe(k), Survivors: s, Seed: cut.Seed, Err: err}
				}
				checked++
			}
		}
	}
	return checked, nil
}

// A CutError says after which cut a check failed.
type CutError struct {
	Call      int
	After     string // what the call was
	Survivors Survivors
	Seed      uint64
	Err       error
}

// Error names the cut and what was wrong after it.
func (e *CutError) Error() string {
	return fmt.Sprintf("power cut after call %d (%s), survivors %v, seed %d: %v", e.Call, e.After, e.Survivors, e.Seed, e.Err)
}

// Unwrap returns what was wrong.
func (e *CutError) Unwrap() error { return e.Err }
