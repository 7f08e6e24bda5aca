package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
)

// plainKey names what every peer's latency is held against.
const plainKey = "write+fdatasync"

const (
	latencyCase   = "one writer, one event"
	latencyBlocks = 40 // of appends, one peer after the other
	latencyBlock  = 25
)

// latencyWork measures how long a lone append takes, against a write of as many bytes
// and an fdatasync. All are open at the same time and take turns after a few appends,
// so that they meet the same disk.
func latencyWork(h *harness, part *Part) error {
	type subject struct {
		key    string
		append func() error
		times  *hdrhistogram.Histogram
	}
	var subjects []subject
	bytes := recordBytes
	for _, k := range h.kinds {
		home, err := os.MkdirTemp(h.dir, k.Key+"-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(home)
		p, err := k.Open(home)
		if err != nil {
			part.note(k.Name + " failed: " + err.Error())
			continue
		}
		defer p.Close()
		from := newSource(1)
		n := 0
		appendOne := func() error {
			n++
			return p.Append(h.ctx, []daybook.Event{from.event(n / 10)})
		}
		if k.Key == "logstore" {
			if bytes, err = writtenBy(p, appendOne); err != nil {
				return err
			}
		}
		subjects = append(subjects, subject{k.Key, appendOne, newTimes()})
	}
	plain, err := newPlainFile(filepath.Join(h.dir, "plain"), bytes)
	if err != nil {
		return err
	}
	defer plain.remove()
	subjects = append(subjects, subject{plainKey, plain.append, newTimes()})

	blocks := latencyBlocks
	if h.full {
		blocks *= 3
	}
	for block := range blocks {
		for i := range subjects {
			s := &subjects[(i+block)%len(subjects)] // who goes first changes
			for n := range latencyBlock + 2 {
				start := time.Now()
				if err := s.append(); err != nil {
					return fmt.Errorf("%s: %w", s.key, err)
				}
				if n >= 2 { // the first pay for the turn
					s.times.RecordValue(int64(time.Since(start)))
				}
			}
		}
	}
	for _, s := range subjects {
		for _, q := range []float64{50, 99} {
			part.add(latencyCase, s.key, fmt.Sprintf("p%.0f µs", q), float64(s.times.ValueAtQuantile(q))/1000)
		}
	}
	part.note(fmt.Sprintf("The embedded store's append of one event writes %d bytes, and so does write+fdatasync, into a preallocated file.", bytes))
	fmt.Println(" ", part.brief(latencyCase, "p50 µs"))
	return nil
}

func newTimes() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(time.Minute), 3) }

// writtenBy returns how many bytes an append hands to the kernel.
func writtenBy(p peers.Peer, appendOne func() error) (int, error) {
	const appends = 20
	before := used(p)
	for range appends {
		if err := appendOne(); err != nil {
			return 0, err
		}
	}
	return int(used(p).minus(before).Written) / appends, nil
}

// A plainFile is written and synced, and nothing else.
type plainFile struct {
	file  *os.File
	bytes []byte
	at    int64
}

func newPlainFile(path string, bytes int) (*plainFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, 64<<20); err != nil {
		return nil, err
	}
	return &plainFile{f, make([]byte, bytes), 0}, f.Sync()
}

func (p *plainFile) append() error {
	if _, err := p.file.WriteAt(p.bytes, p.at); err != nil {
		return err
	}
	p.at += int64(len(p.bytes))
	return syscall.Fdatasync(int(p.file.Fd()))
}

func (p *plainFile) remove() {
	p.file.Close()
	os.Remove(p.file.Name())
}
