package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/daybook-es/daybook"
)

// What backing up, restoring and repairing have in common: files that are copied and
// verified before they are given their names.

// unlessReplaced does something with the files of a log, and does it again a few times if
// one of them is gone: it was scavenged meanwhile, and another one has its place.
func unlessReplaced(do func() error) error {
	err := do()
	for tries := 0; tries < 3 && errors.Is(err, fs.ErrNotExist); tries++ {
		err = do()
	}
	return err
}

// copyInto copies the first bytes of a file into a directory under a name, which is
// replaced, and syncs the copy. Its name is not durable yet.
func copyInto(ctx context.Context, to *home, from, name string, size int64) (done int64, err error) {
	fsys := to.world.FS
	f, err := fsys.Open(from)
	if err != nil {
		return 0, fmt.Errorf("logstore: open %s: %w", from, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := to.remove(name); err != nil {
		return 0, err
	}
	c, err := fsys.Create(to.path(name))
	if err != nil {
		return 0, fmt.Errorf("logstore: copy %s: %w", from, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	b := make([]byte, min(sweepBytes, size))
	for done < size {
		if err := ctx.Err(); err != nil {
			return done, &daybook.UnavailableError{Doing: "copy " + from, Err: err}
		}
		b = b[:min(int64(len(b)), size-done)]
		if n, err := f.ReadAt(b, done); n < len(b) {
			return done, fmt.Errorf("logstore: read %s at %d: %w", from, done, err)
		}
		if _, err := c.WriteAt(b, done); err != nil {
			return done, fmt.Errorf("logstore: write %s at %d: %w", to.path(name), done, err)
		}
		done += int64(len(b))
	}
	if err := c.Sync(); err != nil {
		return done, fmt.Errorf("logstore: sync %s: %w", to.path(name), err)
	}
	return done, nil
}

// copyLost copies the indexes that tell what was not among events that were lost, as far
// as there are any and they are not there yet. One that a power cut tears tells nothing.
func copyLost(ctx context.Context, to, from *home, lost []lostRange) (done int64, err error) {
	for i := range lost {
		name := lost[i].indexName()
		size, err := from.world.FS.Size(from.path(name))
		if errors.Is(err, fs.ErrNotExist) || lost[i].frames == 0 {
			continue
		}
		if err != nil {
			return done, fmt.Errorf("logstore: look at %s: %w", from.path(name), err)
		}
		if is, err := to.world.FS.Size(to.path(name)); err == nil && is == size {
			continue
		}
		n, err := copyInto(ctx, to, from.path(name), name, size)
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

// An extent is how far the frames of a segment's file go.
type extent struct {
	end      int64
	last     daybook.Position
	checksum uint32 // of the last frame
}

// checkSegment makes sure that a file is a segment as a manifest says: of that size, with
// its header, and with sound frames that follow each other up to the last position.
func checkSegment(ctx context.Context, h *home, m *manifest, name string, s *segment, size int64, to extent, passed func(int64)) (err error) {
	corrupt := func(at int64, sound daybook.Position, err error) error {
		return &daybook.CorruptError{Where: fmt.Sprintf("%s at %d", h.path(name), at), Position: sound, Err: err}
	}
	f, err := h.world.FS.Open(h.path(name))
	if err != nil {
		return fmt.Errorf("logstore: open %s: %w", h.path(name), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	is, err := f.Size()
	if err != nil {
		return fmt.Errorf("logstore: look at %s: %w", h.path(name), err)
	}
	if is != size || size < segmentHeaderBytes {
		return corrupt(min(is, size), 0, fmt.Errorf("the file has %d bytes, and should have %d", is, size))
	}
	header := make([]byte, segmentHeaderBytes)
	if n, err := f.ReadAt(header, 0); n < len(header) {
		return fmt.Errorf("logstore: read %s: %w", h.path(name), err)
	}
	plain, err := unpacked(f, m.salt)
	if errors.Is(err, errPacked) {
		return corrupt(size, 0, err)
	}
	if err != nil {
		return fmt.Errorf("logstore: read %s: %w", h.path(name), err)
	}
	if err := checkSegmentHeader(header, s, m); err != nil {
		return corrupt(0, s.first-1, err)
	}
	var damage *Damage
	w := &sweep{file: plain, name: name, salt: m.salt, end: to.end, judged: to.end, limit: to.last, passed: passed}
	w.tail = tail{end: segmentHeaderBytes, head: s.first - 1, checksum: s.before}
	w.damaged = func(d Damage) {
		if damage == nil {
			damage = &d
		}
	}
	if err := w.run(ctx); err != nil {
		if ctx.Err() != nil {
			return &daybook.UnavailableError{Doing: "verify " + h.path(name), Err: ctx.Err()}
		}
		return err
	}
	if damage != nil {
		return corrupt(damage.Begin, damage.Sound, damage.Err)
	}
	if to.end > segmentHeaderBytes && (w.tail.head != to.last && !m.excused(w.tail.head+1, to.last) || w.tail.checksum != to.checksum) {
		return corrupt(w.tail.end, w.tail.head, fmt.Errorf("the frames end at position %d with checksum %08x, and should at %d with %08x", w.tail.head, w.tail.checksum, to.last, to.checksum))
	}
	return nil
}

// copied adds to a damage that was found in a copy what it is a copy of: most likely the
// damage is there too.
func copied(err error, original, copy string) error {
	damage := (*daybook.CorruptError)(nil)
	if !errors.As(err, &damage) {
		return err
	}
	of := *damage
	of.Where = strings.Replace(damage.Where, copy, original+", as copied to "+copy+",", 1)
	return &of
}
