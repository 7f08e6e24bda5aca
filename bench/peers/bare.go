package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/daybook-es/daybook"
)

// Bare is the least that could be a log: one frame per append, with as many bytes as
// the embedded store's, in one preallocated file. Appends that wait for the disk
// together share a write and a sync. It is the ceiling, not a rival.
type Bare struct {
	file *os.File

	mu       sync.Mutex
	pending  *group
	spare    []byte
	busy     bool
	size     int64
	reserved int64
}

// A group is what is written and synced together.
type group struct {
	bytes []byte
	done  chan struct{}
	err   error
}

const (
	bareHeader  = 48 // as long as the engine's: length, checksum, number of events, and room
	bareReserve = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenBare opens the file.
func OpenBare(dir string) (Peer, error) {
	file, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	p := &Bare{file: file}
	if err := p.scan(func([]byte) { /* only where the frames end is wanted */ }); err != nil {
		return nil, err
	}
	return p, p.reserve()
}

// reserve keeps the file preallocated, as the engine's segments are, so that a sync
// need not write the file's size as well.
func (p *Bare) reserve() error {
	if p.size+bareReserve/4 < p.reserved {
		return nil
	}
	p.reserved = p.size + bareReserve
	err := syscall.Fallocate(int(p.file.Fd()), 0, p.size, bareReserve)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return nil
	}
	return err
}

// Append implements [Peer].
func (p *Bare) Append(_ context.Context, events []daybook.Event) error {
	now := time.Now()
	frame := make([]byte, bareHeader, bareHeader+len(events)*512)
	for i := range events {
		start := len(frame)
		frame = append(frame, 0, 0, 0, 0)
		frame = encode(frame, &events[i], 0, now)
		binary.LittleEndian.PutUint32(frame[start:], uint32(len(frame)-start-4))
	}
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)))
	binary.LittleEndian.PutUint32(frame[8:], uint32(len(events)))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[8:], castagnoli))

	p.mu.Lock()
	if p.pending == nil {
		p.pending = &group{done: make(chan struct{}), bytes: p.spare[:0]}
		p.spare = nil
	}
	g := p.pending
	g.bytes = append(g.bytes, frame...)
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
		g.err = errors.Join(g.err, syscall.Fdatasync(int(p.file.Fd())))
		p.size += int64(len(g.bytes))
		g.err = errors.Join(g.err, p.reserve())
		p.mu.Lock()
		p.spare = g.bytes
		p.mu.Unlock()
		close(g.done)
	}
}

// Replay implements [Peer].
func (p *Bare) Replay(_ context.Context, visit func([]byte)) error {
	return p.scan(func(encoded []byte) { visit(dataOf(encoded)) })
}

// Load implements [Peer]. Without an index it reads everything.
func (p *Bare) Load(_ context.Context, stream string, visit func([]byte)) error {
	return p.scan(func(encoded []byte) {
		if n := int(binary.LittleEndian.Uint16(encoded[50:])); string(encoded[66:66+n]) == stream {
			visit(dataOf(encoded))
		}
	})
}

// Head implements [Peer]; it has no heads.
func (*Bare) Head(context.Context, string) (uint64, error) { return 0, errors.ErrUnsupported }

// scan reads the frames in blocks of a MiB, checks each, and stops where there is none.
func (p *Bare) scan(visit func(encoded []byte)) error {
	block := make([]byte, 1<<20)
	for at := int64(0); ; {
		n, err := p.file.ReadAt(block, at)
		if err != nil && err != io.EOF {
			return err
		}
		rest := block[:n]
		for len(rest) >= bareHeader {
			size := int(binary.LittleEndian.Uint32(rest))
			if size == 0 {
				p.size = at
				return nil
			}
			if size > len(rest) {
				break
			}
			frame := rest[:size]
			if crc32.Checksum(frame[8:], castagnoli) != binary.LittleEndian.Uint32(frame[4:]) {
				return errors.New("a frame of the bare log is damaged")
			}
			for events := frame[bareHeader:]; len(events) > 0; {
				size := 4 + int(binary.LittleEndian.Uint32(events))
				visit(events[4:size])
				events = events[size:]
			}
			rest = rest[size:]
			at += int64(size)
		}
		if n < len(block) {
			p.size = at
			return nil
		}
	}
}

// Close implements [Peer].
func (p *Bare) Close() error {
	return errors.Join(p.file.Truncate(p.size), p.file.Sync(), p.file.Close())
}
