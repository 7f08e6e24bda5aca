package logstore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// A bareLog is the least that could be a log: the same frames, sealed and in the same
// order, groups of them sharing a write and a sync; no index, no conditions.
type bareLog struct {
	file vfs.File

	mu      sync.Mutex
	pending *bareGroup
	busy    bool
	size    int64
	seal    frame.Seal
}

type bareGroup struct {
	bytes []byte
	done  chan struct{}
	err   error
}

func (l *bareLog) append(events []daybook.Event) error {
	events, err := daybook.Prepare(events, nil, limits)
	if err != nil {
		return err
	}
	f := frame.Encode(make([]byte, 0, frame.HeaderBytes+events[0].Size()+64), events)
	l.mu.Lock()
	if l.pending == nil {
		l.pending = &bareGroup{done: make(chan struct{})}
	}
	g := l.pending
	f.Seal(7, l.seal)
	l.seal = frame.Seal{Before: f.Checksum(), First: f.Last() + 1}
	g.bytes = append(g.bytes, f...)
	if !l.busy {
		l.busy = true
		go l.flush()
	}
	l.mu.Unlock()
	<-g.done
	return g.err
}

func (l *bareLog) flush() {
	for {
		l.mu.Lock()
		g := l.pending
		if g == nil {
			l.busy = false
			l.mu.Unlock()
			return
		}
		l.pending = nil
		l.mu.Unlock()
		if _, g.err = l.file.WriteAt(g.bytes, l.size); g.err == nil {
			g.err = l.file.Sync()
		}
		l.size += int64(len(g.bytes))
		close(g.done)
	}
}

// BenchmarkBareLog is the ceiling of BenchmarkAppend.
func BenchmarkBareLog(b *testing.B) {
	for _, writers := range []int{1, 16, 256, 2048} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			f, err := vfs.OS().FS.Create(b.TempDir() + "/bare")
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			if err := f.Preallocate(0, 512<<20); err != nil {
				b.Fatal(err)
			}
			l := &bareLog{file: f, seal: frame.Seal{First: 1}}
			benchmarkWriters(b, writers, func(events []daybook.Event) error { return l.append(events) })
		})
	}
}

// benchmarkWriters has so many writers append events one at a time.
func benchmarkWriters(b *testing.B, writers int, appendEvents func([]daybook.Event) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	before := cpuTime()
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for {
				n := int(next.Add(1))
				if n > b.N {
					return
				}
				if err := appendEvents([]daybook.Event{benchEvent(n / 10)}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime returns the processor time that the program has used, the system's on its
// behalf included.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
