package logstore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/daybook-es/daybook"
)

// mayBePacked reports whether a segment that is damaged is packed, or may have been: what
// leads to its blocks may be what is damaged.
func (r *repairer) mayBePacked(s *segment, size int64, to extent) (_ bool, err error) {
	if s.generation == 0 {
		return false, nil
	}
	f, err := r.home.world.FS.Open(r.home.path(s.name()))
	if errors.Is(err, fs.ErrNotExist) {
		return size < to.end, nil
	}
	if err != nil {
		return false, fmt.Errorf("logstore: open %s: %w", s.path(), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	header := make([]byte, segmentHeaderBytes)
	if n, err := f.ReadAt(header, 0); n < len(header) && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("logstore: read %s: %w", s.path(), err)
	}
	if le.Uint32(header[60:]) == crc32.Checksum(header[:60], castagnoli) {
		return le.Uint32(header[56:])&packedFlag != 0, nil
	}
	return size < to.end, nil // or it would not have been worth it
}

// mendWhole takes a packed segment from the backup if it has the same file. Of a packed
// one nothing is put together: each of its blocks holds many appends.
func (r *repairer) mendWhole(ctx context.Context, s *segment, size int64, to extent, damages []Damage) error {
	if r.from == nil {
		return nil
	}
	for _, other := range r.from.store.view.Load().segments {
		if other.name() != s.name() || other.size != size || other.last != to.checksum || other.before != s.before {
			continue
		}
		if err := r.home.remove(mendTemp); err != nil {
			return err
		}
		if _, err := copyInto(ctx, r.home, r.from.store.home.path(other.name()), mendTemp, size); err != nil {
			return errors.Join(err, r.home.remove(mendTemp))
		}
		err := checkSegment(ctx, r.home, r.manifest, mendTemp, s, size, to, nil)
		if corrupt := (*daybook.CorruptError)(nil); errors.As(err, &corrupt) {
			return r.home.remove(mendTemp) // the backup's is damaged too
		}
		if err != nil {
			return errors.Join(err, r.home.remove(mendTemp))
		}
		if err := r.putInPlace(ctx, s.name()); err != nil {
			return err
		}
		r.report.Restored = append(r.report.Restored, damages...)
		return nil
	}
	return nil
}
