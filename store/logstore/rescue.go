package logstore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sort"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A remnant is what a segment's own file says of it: its header, and its trailer if it is
// sealed.
type remnant struct {
	log     uuid.UUID
	salt    uint32
	before  uint32
	sealed  sealedSegment
	trailer bool
}

// manifestOfSegments makes a manifest from the segments alone, as far as they tell. It
// returns nil if there is none whose header can be read. The incarnation is the one that
// HEAD names, or zero. Of the sealed segments in endless nothing says where they end; they
// are taken to end with their files.
func manifestOfSegments(h *home, names []string) (m *manifest, endless []uint64, err error) {
	var remnants []remnant
	for _, name := range names {
		number, generation, is := segmentFile(name)
		if !is {
			continue
		}
		r, ok, err := readRemnant(h, name, number)
		if err != nil {
			return nil, nil, err
		}
		r.sealed.generation = generation
		if ok && (generation == 0 || r.trailer) {
			remnants = append(remnants, r)
		}
	}
	if len(remnants) == 0 {
		return nil, nil, nil
	}
	sort.Slice(remnants, func(i, j int) bool {
		a, b := &remnants[i].sealed, &remnants[j].sealed
		return a.number < b.number || a.number == b.number && a.generation > b.generation
	})
	// Of two generations that a rewriting left, the newer one is whole.
	remnants = slices.CompactFunc(remnants, func(a, b remnant) bool { return a.sealed.number == b.sealed.number })
	last := len(remnants) - 1
	m = &manifest{log: remnants[last].log, salt: remnants[last].salt}
	for i, r := range remnants {
		if r.log != m.log || r.salt != m.salt {
			continue // of another log
		}
		if i == last {
			m.active, m.activeFirst = r.sealed.number, r.sealed.first
			break
		}
		if next := remnants[i+1]; !r.trailer {
			// The header of the next one says how this one ended.
			r.sealed.last, r.sealed.checksum = next.sealed.first-1, next.before
			endless = append(endless, r.sealed.number)
		}
		r.sealed.chain = r.sealed.checksum
		if r.sealed.generation > 0 {
			r.sealed.chain = remnants[i+1].before
		}
		m.sealed = append(m.sealed, r.sealed)
	}
	if b, err := readFile(h, headName, announcementBytes); err == nil {
		if a, err := decodeAnnouncement(b, m.salt); err == nil && a.log == m.log {
			m.incarnation = a.incarnation
		}
	}
	return m, endless, nil
}

// readRemnant reads what a segment says of itself. It is false if the header is damaged.
func readRemnant(h *home, name string, number uint64) (r remnant, ok bool, err error) {
	f, err := h.world.FS.Open(h.path(name))
	if err != nil {
		return r, false, fmt.Errorf("logstore: open %s: %w", h.path(name), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return r, false, fmt.Errorf("logstore: look at %s: %w", h.path(name), err)
	}
	b := make([]byte, segmentHeaderBytes)
	if size < segmentHeaderBytes {
		return r, false, nil
	}
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return r, false, fmt.Errorf("logstore: read %s: %w", h.path(name), err)
	}
	if string(b[:8]) != segmentMagic || le.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli) || le.Uint64(b[32:]) != number {
		return r, false, nil
	}
	r = remnant{log: uuid.UUID(b[16:32]), salt: le.Uint32(b[12:]), before: le.Uint32(b[48:])}
	r.sealed = sealedSegment{number: number, first: daybook.Position(le.Uint64(b[40:])), size: size, end: size}
	if size < segmentHeaderBytes+trailerBytes {
		return r, true, nil
	}
	b = make([]byte, trailerBytes)
	if n, err := f.ReadAt(b, size-trailerBytes); n < len(b) {
		return r, false, fmt.Errorf("logstore: read %s: %w", h.path(name), err)
	}
	if t, _, _, sealed := decodeTrailer(b, r.salt); sealed && t.number == number {
		t.first, t.size = r.sealed.first, size
		r.sealed, r.trailer = t, true
	}
	return r, true, nil
}
