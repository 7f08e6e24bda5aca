package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// mendTemp is where a segment's file is put together that is to take the place of a
// damaged one.
const mendTemp = "mend.tmp"

// mend puts a segment's file together from what is sound of it, what the backup has, and
// what can be made anew. If that makes it whole, it takes the place of the damaged one;
// otherwise nothing is changed.
func (r *repairer) mend(ctx context.Context, name string, damages []Damage) error {
	s, size, to, ok := r.expected(name)
	if !ok {
		return nil // not one that the manifest names
	}
	if packed, err := r.mayBePacked(s, size, to); err != nil {
		return err
	} else if packed {
		restored := len(r.report.Restored)
		err := r.mendWhole(ctx, s, size, to, damages)
		if err == nil && r.giveUp && len(r.report.Restored) == restored {
			return r.quarantine(ctx, name)
		}
		return err
	}
	fromBackup, err := r.compose(ctx, s, size, to, damages)
	if err != nil {
		return errors.Join(err, r.home.remove(mendTemp))
	}
	corrupt := (*daybook.CorruptError)(nil)
	if err := checkSegment(ctx, r.home, r.manifest, mendTemp, s, size, to, nil); errors.As(err, &corrupt) {
		if r.giveUp {
			return r.quarantine(ctx, name)
		}
		return r.home.remove(mendTemp) // something is still missing
	} else if err != nil {
		return errors.Join(err, r.home.remove(mendTemp))
	}
	if damaged, err := r.provedDamaged(ctx, s, size, to); err != nil {
		return errors.Join(err, r.home.remove(mendTemp))
	} else if damaged {
		return r.home.remove(mendTemp)
	}
	if err := r.putInPlace(ctx, name); err != nil {
		return err
	}
	for _, d := range damages {
		if fromBackup && d.Harm == Loss {
			r.report.Restored = append(r.report.Restored, d)
		} else {
			r.report.Remade = append(r.report.Remade, d)
		}
	}
	return nil
}

// provedDamaged reports whether in the file that was put together for the active segment
// something is damaged behind what is known to be durable, as later frames prove.
func (r *repairer) provedDamaged(ctx context.Context, s *segment, size int64, to extent) (damaged bool, err error) {
	if s.number != r.manifest.active {
		return false, nil
	}
	f, err := r.home.world.FS.Open(r.home.path(mendTemp))
	if err != nil {
		return false, fmt.Errorf("logstore: open %s: %w", r.home.path(mendTemp), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := &sweep{file: f, name: mendTemp, salt: r.manifest.salt, end: size, judged: to.end, limit: to.last}
	w.tail = tail{end: segmentHeaderBytes, head: s.first - 1, checksum: s.before}
	w.damaged = func(Damage) { damaged = true }
	err = w.run(ctx)
	return damaged, err
}

// putInPlace has the file that was put together take the place of the damaged one.
func (r *repairer) putInPlace(ctx context.Context, name string) error {
	if err := r.keep(ctx, name); err != nil {
		return err
	}
	if err := r.home.world.FS.Rename(r.home.path(mendTemp), r.home.path(name)); err != nil {
		return fmt.Errorf("logstore: repair %s: %w", r.home.path(name), err)
	}
	if err := r.home.world.FS.SyncDir(r.home.dir); err != nil {
		return fmt.Errorf("logstore: sync %s: %w", r.home.dir, err)
	}
	return nil
}

// expected returns what the manifest says of a segment by its name: the segment, the size
// of its file, and how far its frames go. Of the active one that is as far as they are
// known to be durable.
func (r *repairer) expected(name string) (s *segment, size int64, to extent, ok bool) {
	v := &verifier{home: r.home, manifest: r.manifest}
	v.says, v.said = readAnnouncement(r.home, r.manifest)
	for i, sealed := range r.manifest.sealed {
		if s := v.sealedSegment(i); s.name() == name {
			return s, sealed.size, extent{sealed.end, sealed.last, sealed.checksum}, true
		}
	}
	if r.manifest.active == 0 || name != segmentName(r.manifest.active) {
		return nil, 0, extent{}, false
	}
	s, head := v.activeSegment()
	to.end, to.last, to.checksum = v.durable(head)
	size = to.end
	if is, err := r.home.world.FS.Size(r.home.path(name)); err == nil && r.manifest.clean == nil {
		size = max(size, is) // behind what was durable there may be more that is worth keeping
	}
	return s, size, to, true
}

// compose puts the file together, durably. It reports whether something of it is the
// backup's.
func (r *repairer) compose(ctx context.Context, s *segment, size int64, to extent, damages []Damage) (fromBackup bool, err error) {
	name := s.name()
	is, err := r.home.world.FS.Size(r.home.path(name))
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return false, fmt.Errorf("logstore: look at %s: %w", r.home.path(name), err)
	}
	if err := r.home.remove(mendTemp); err != nil {
		return false, err
	}
	if !missing {
		if _, err := copyInto(ctx, r.home, r.home.path(name), mendTemp, min(is, size)); err != nil {
			return false, err
		}
	} else if f, err := r.home.world.FS.Create(r.home.path(mendTemp)); err != nil {
		return false, fmt.Errorf("logstore: repair %s: %w", r.home.path(name), err)
	} else if err := f.Close(); err != nil {
		return false, fmt.Errorf("logstore: repair %s: %w", r.home.path(name), err)
	}

	f, err := r.home.world.FS.OpenWrite(r.home.path(mendTemp))
	if err != nil {
		return false, fmt.Errorf("logstore: repair %s: %w", r.home.path(name), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return false, fmt.Errorf("logstore: repair %s: %w", r.home.path(name), err)
	}
	if _, err := f.WriteAt(encodeSegmentHeader(s, r.manifest), 0); err != nil {
		return false, fmt.Errorf("logstore: repair %s: %w", r.home.path(name), err)
	}
	for _, d := range damages {
		begin, end := max(d.Begin, segmentHeaderBytes), d.End
		if d.End == 0 || d.Begin == d.End {
			begin, end = segmentHeaderBytes, to.end // the file is missing, or something in it is
		}
		if d.Harm != Loss {
			continue
		}
		if begin < to.end { // what lies behind is damage because a later frame proves it
			end = min(end, to.end)
		}
		took, err := r.takeFromBackup(ctx, f, s, begin, end)
		if err != nil {
			return false, err
		}
		fromBackup = fromBackup || took
	}
	if s.number != r.manifest.active {
		if err := r.composeFooter(f, s, size, to); err != nil {
			return false, err
		}
	}
	if err := f.Sync(); err != nil {
		return false, fmt.Errorf("logstore: sync %s: %w", r.home.path(mendTemp), err)
	}
	return fromBackup, nil
}

// takeFromBackup copies some bytes of a segment from the backup, as far as it has them.
func (r *repairer) takeFromBackup(ctx context.Context, f vfs.File, s *segment, begin, end int64) (took bool, err error) {
	if r.from == nil {
		return false, nil
	}
	v := r.from.store.view.Load()
	for i, other := range v.segments {
		if other.name() != s.name() || other.first != s.first || other.before != s.before {
			continue
		}
		end = min(end, v.endOf(i))
		b := make([]byte, sweepBytes)
		for at := begin; at < end; at += int64(len(b)) {
			if err := ctx.Err(); err != nil {
				return false, &daybook.UnavailableError{Doing: "repair", Err: err}
			}
			b = b[:min(int64(len(b)), end-at)]
			if err := other.readAt(b, at); err != nil {
				return false, err
			}
			if _, err := f.WriteAt(b, at); err != nil {
				return false, fmt.Errorf("logstore: repair %s: %w", s.path(), err)
			}
		}
		return begin < end, nil
	}
	return false, nil
}

// composeFooter writes the footer of a sealed segment as its frames make it, unless the
// one that it has is sound. Whether the frames are whole is seen later.
func (r *repairer) composeFooter(f vfs.File, s *segment, size int64, to extent) error {
	b := make([]byte, size-to.end)
	if n, err := f.ReadAt(b, to.end); n < len(b) {
		return fmt.Errorf("logstore: read %s: %w", r.home.path(mendTemp), err)
	}
	if _, err := decodeFooter(b, s, r.manifest.salt); err == nil {
		return nil
	}
	var marked segment
	w := &sweep{file: f, name: mendTemp, salt: r.manifest.salt, end: to.end, judged: to.end, limit: to.last, damaged: func(Damage) {}}
	w.tail = tail{end: segmentHeaderBytes, head: s.first - 1, checksum: s.before}
	w.sound = func(offset int64, f frame.Frame) { marked.mark(f, offset) }
	if err := w.run(context.Background()); err != nil {
		return err
	}
	sealed := sealedSegment{number: s.number, last: to.last, end: to.end, checksum: to.checksum}
	footer := encodeFooter(marked.thin(), sealed, r.manifest.salt)
	if int64(len(footer)) != size-to.end {
		return nil // it had other marks; without them reading goes through the frames
	}
	if _, err := f.WriteAt(footer, to.end); err != nil {
		return fmt.Errorf("logstore: repair %s: %w", s.path(), err)
	}
	return nil
}
