package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/daybook-es/daybook"
)

// Bare is the least that could be a log: the canonical encodings one after the
// other in one file, no index, no conditions, no checksum. Appends that wait
// for the disk together share a sync. It is the ceiling, not a rival.
type Bare struct {
	file *os.File

	mu      sync.Mutex
	pending *group
	busy    bool
	size    int64
}

// A group is what is written and synced together.
type group struct {
	bytes []byte
	done  chan struct{}
	err   error
}

// OpenBare opens the file.
func OpenBare(dir string) (Peer, error) {
	file, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	// Preallocated as the engine's segments are, so that a sync need not write the
	// file's size as well.
	if err := syscall.Fallocate(int(file.Fd()), 0, 0, 256<<20); err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
		return nil, err
	}
	return &Bare{file: file}, nil
}

// Name implements [Peer].
func (*Bare) Name() string { return "bare file" }

// Synced implements [Peer].
func (*Bare) Synced() string { return "fdatasync of the group's bytes" }

// Append implements [Peer].
func (p *Bare) Append(_ context.Context, events []daybook.Event) error {
	var encoded []byte
	for _, e := range events {
		encoded = binary.LittleEndian.AppendUint32(encoded, uint32(e.Size()))
		encoded, _ = daybook.Recorded{Event: e}.AppendBinary(encoded)
	}
	p.mu.Lock()
	if p.pending == nil {
		p.pending = &group{done: make(chan struct{})}
	}
	g := p.pending
	g.bytes = append(g.bytes, encoded...)
	if !p.busy {
		p.busy = true
		go p.flush()
	}
	p.mu.Unlock()
	<-g.done
	return g.err
}

// flush writes and syncs groups until there are none.
func (p *Bare) flush() {
	for {
		p.mu.Lock()
		g := p.pending
		if g == nil {
			p.busy = false
			p.mu.Unlock()
			return
		}
		p.pending = nil
		p.mu.Unlock()
		_, g.err = p.file.WriteAt(g.bytes, p.size)
		p.size += int64(len(g.bytes))
		g.err = errors.Join(g.err, syscall.Fdatasync(int(p.file.Fd())))
		close(g.done)
	}
}

// Replay implements [Peer].
func (p *Bare) Replay(_ context.Context, visit func([]byte)) error {
	return p.scan(func(e daybook.Recorded) { visit(e.Data) })
}

// Load implements [Peer]. Without an index it reads everything.
func (p *Bare) Load(_ context.Context, stream string, visit func([]byte)) error {
	return p.scan(func(e daybook.Recorded) {
		if e.Stream == stream {
			visit(e.Data)
		}
	})
}

func (p *Bare) scan(visit func(daybook.Recorded)) error {
	bytes := make([]byte, p.size)
	if _, err := io.ReadFull(io.NewSectionReader(p.file, 0, p.size), bytes); err != nil {
		return err
	}
	for len(bytes) > 0 {
		n := binary.LittleEndian.Uint32(bytes)
		var e daybook.Recorded
		if err := e.UnmarshalBinary(bytes[4 : 4+n]); err != nil {
			return err
		}
		visit(e)
		bytes = bytes[4+n:]
	}
	return nil
}

// Close implements [Peer].
func (p *Bare) Close() error { return p.file.Close() }
