package logstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// quarantine makes a log usable without events that nobody has any more: the damaged
// segment is rewritten with what is sound of it, the manifest names the positions that
// are lost, and the file as it was is kept. If it was the segment that is written, it is
// sealed, and another one begun.
func (r *repairer) quarantine(ctx context.Context, name string) error {
	s, _, to, ok := r.expected(name)
	if !ok {
		return nil
	}
	next := *r.manifest
	next.sealed, next.lost = slices.Clone(next.sealed), slices.Clone(next.lost)
	w, err := r.salvage(ctx, s, to)
	if err != nil {
		return errors.Join(err, r.home.remove(mendTemp))
	}
	line := sealedSegment{
		number: s.number, first: s.first, last: max(to.last, w.last), end: w.end, size: w.size, checksum: w.checksum,
		generation: s.generation + 1, chain: w.chain,
	}
	lost := lostRange{number: s.number}
	if i := slices.IndexFunc(next.sealed, func(x sealedSegment) bool { return x.number == s.number }); i >= 0 {
		lost.frames, lost.checksum = next.sealed[i].end, next.sealed[i].checksum
		line.chain = next.sealed[i].chain
		next.sealed[i] = line
	} else {
		next.sealed = append(next.sealed, line)
		next.active, next.activeFirst, next.clean = s.number+1, line.last+1, nil
		if err := r.beginAfter(line); err != nil {
			return err
		}
	}
	for _, d := range w.damages {
		if d.First == 0 {
			continue
		}
		l := lost
		l.first, l.last, l.begin, l.end = d.First, d.Last, d.Begin, d.End
		if err := r.keepIndex(ctx, s, &l); err != nil {
			return err
		}
		next.lost = append(next.lost, l)
		r.report.Lost = append(r.report.Lost, d)
	}
	slices.SortFunc(next.lost, func(a, b lostRange) int { return cmp.Compare(a.first, b.first) })

	if err := r.keep(ctx, name); err != nil {
		return err
	}
	rewritten := generationName(s.number, line.generation)
	if err := r.home.world.FS.Rename(r.home.path(mendTemp), r.home.path(rewritten)); err != nil {
		return fmt.Errorf("logstore: repair %s: %w", r.home.path(name), err)
	}
	if err := r.home.world.FS.SyncDir(r.home.dir); err != nil {
		return fmt.Errorf("logstore: sync %s: %w", r.home.dir, err)
	}
	if err := next.replace(r.home); err != nil {
		return fmt.Errorf("logstore: repair %s: %w", r.home.dir, err)
	}
	r.manifest = &next
	// The file has its other name now, and this one is another generation's.
	return errors.Join(r.home.remove(name), r.home.remove(s.indexName()))
}

// A salvage is a segment's file with what was sound of another one.
type salvage struct {
	damages  []Damage
	end      int64
	size     int64
	last     daybook.Position
	checksum uint32 // of the last frame
	chain    uint32 // of the last frame as it was
}

// salvage writes the next generation of a segment with what is sound of it, durably but
// for its name.
func (r *repairer) salvage(ctx context.Context, s *segment, to extent) (_ *salvage, err error) {
	if err := r.home.remove(mendTemp); err != nil {
		return nil, err
	}
	f, err := r.home.world.FS.Create(r.home.path(mendTemp))
	if err != nil {
		return nil, fmt.Errorf("logstore: repair %s: %w", s.path(), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	made := &salvage{end: segmentHeaderBytes, last: s.first - 1, checksum: s.before, chain: s.before}
	next := &segment{home: r.home, number: s.number, generation: s.generation + 1, first: s.first, before: s.before}
	if _, err := f.WriteAt(encodeSegmentHeader(next, r.manifest), 0); err != nil {
		return nil, fmt.Errorf("logstore: repair %s: %w", s.path(), err)
	}

	old, err := r.home.world.FS.Open(r.home.path(s.name()))
	if errors.Is(err, fs.ErrNotExist) {
		made.damages = []Damage{{File: s.name(), Begin: segmentHeaderBytes, End: to.end, Harm: Loss, First: s.first, Last: to.last, Err: err}}
	} else if err != nil {
		return nil, fmt.Errorf("logstore: open %s: %w", s.path(), err)
	} else if err := r.salvageFrames(ctx, s, to, old, f, next, made); err != nil {
		return nil, err
	}

	sealed := sealedSegment{number: s.number, last: max(to.last, made.last), end: made.end, checksum: made.checksum}
	footer := encodeFooter(next.thin(), sealed, r.manifest.salt)
	if _, err := f.WriteAt(footer, made.end); err != nil {
		return nil, fmt.Errorf("logstore: repair %s: %w", s.path(), err)
	}
	made.size = made.end + int64(len(footer))
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("logstore: sync %s: %w", r.home.path(mendTemp), err)
	}
	return made, nil
}

// salvageFrames copies the sound frames of a file into another one, each behind the one
// before.
func (r *repairer) salvageFrames(ctx context.Context, s *segment, to extent, old, f vfs.File, next *segment, made *salvage) (err error) {
	defer func() { err = errors.Join(err, old.Close()) }()
	// One that is packed is read as if it were not, and what makes it so is damaged as a
	// whole: then nothing of it is sound.
	if plain, err := unpacked(old, r.manifest.salt); err == nil {
		old = plain
	} else if !errors.Is(err, errPacked) {
		return fmt.Errorf("logstore: read %s: %w", s.path(), err)
	}
	size, err := old.Size()
	if err != nil {
		return fmt.Errorf("logstore: look at %s: %w", s.path(), err)
	}
	end := size
	if s.number != r.manifest.active {
		end = min(size, to.end)
	}
	var failed error
	var b []byte
	w := &sweep{file: old, name: s.name(), salt: r.manifest.salt, end: end, judged: min(end, to.end), limit: to.last}
	w.tail = tail{end: segmentHeaderBytes, head: s.first - 1, checksum: s.before}
	w.damaged = func(d Damage) { made.damages = append(made.damages, d) }
	w.sound = func(_ int64, was frame.Frame) {
		now := frame.Frame(was.Rewrite(b[:0], r.manifest.salt, made.checksum, func(int) bool { return false }))
		// What was durable when it was written may be among what is lost.
		now.Seal(r.manifest.salt, frame.Seal{Before: made.checksum, First: now.First(), Durable: min(was.Durable(), made.last), Stamp: now.Stamp()})
		if _, err := f.WriteAt(now, made.end); err != nil && failed == nil {
			failed = fmt.Errorf("logstore: repair %s: %w", s.path(), err)
		}
		next.mark(now, made.end)
		made.end += int64(len(now))
		made.last, made.checksum, made.chain = now.Last(), now.Checksum(), was.Checksum()
		b = now
	}
	if err := errors.Join(w.run(ctx), failed); err != nil {
		return err
	}
	if !w.lost && w.tail.head < to.last {
		made.damages = append(made.damages, Damage{File: s.name(), Begin: w.tail.end, End: to.end, Harm: Loss, First: w.tail.head + 1, Last: to.last, Sound: w.tail.head, Err: ErrLost})
	}
	return nil
}

// beginAfter makes the file of a segment that is written behind one that was sealed.
func (r *repairer) beginAfter(sealed sealedSegment) error {
	s := &segment{home: r.home, number: sealed.number + 1, first: sealed.last + 1, before: sealed.chain}
	if err := r.home.put(s.name()+".tmp", s.name(), encodeSegmentHeader(s, r.manifest)); err != nil {
		return fmt.Errorf("logstore: make segment %s: %w", s.path(), err)
	}
	return nil
}

// keepIndex keeps the index of a damaged segment under a name of its own: it tells of
// what was lost what it was not.
func (r *repairer) keepIndex(ctx context.Context, s *segment, l *lostRange) error {
	from := r.home.path(s.indexName())
	size, err := r.home.world.FS.Size(from)
	if errors.Is(err, fs.ErrNotExist) || l.frames == 0 {
		l.frames = 0
		return nil
	}
	if err != nil {
		return fmt.Errorf("logstore: look at %s: %w", s.home.path(s.indexName()), err)
	}
	_, err = copyInto(ctx, r.home, from, l.indexName(), size)
	return err
}
