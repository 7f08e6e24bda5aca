package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// BackupOptions adjust [Backup]. The zero value, and nil, are right for most programs.
type BackupOptions struct {
	// Copy copies segments where they could be linked. A link takes no room and no time,
	// and shares the fate of the original's bytes on the disk: a backup that is to outlive
	// that disk is copied, here or later.
	Copy bool

	// Progress, if it is not nil, is told how many bytes of what is new are in the backup
	// and verified, and how many there are. It holds the backup up until it returns.
	Progress func(done, total int64)
}

// A BackupReport says what a backup has done.
type BackupReport struct {
	// Head is the log, its incarnation, and the last position that the backup has.
	Head daybook.Point
	// Segments are the segments that the backup has now: Kept were there already, Linked
	// and Copied are new, or have grown.
	Segments, Kept, Linked, Copied int
	// BytesCopied is how much was written.
	BytesCopied int64
}

// String returns the report in one line, for people.
func (r *BackupReport) String() string {
	return fmt.Sprintf("up to position %d: %s, %s there already, %s linked, %s copied, %s written",
		r.Head.Position, numbered(r.Segments, "segment"), grouped(r.Kept), grouped(r.Linked), grouped(r.Copied), numbered(r.BytesCopied, "byte"))
}

// Backup makes a directory a backup of a log: a log itself, closed, that [Verify],
// [OpenReader] and [RestoreBackup] take. The log may be closed, left by a crash, or in use
// by another process or this one, which is not held up. The backup ends at a position that
// was durable when Backup was called, or later, and has whole appends. Nil options mean
// the zero BackupOptions.
//
// A directory that is a backup already is brought up to date: only what is new is linked
// or copied. Until all of that is durable the earlier backup stands, whatever interrupts
// Backup, and a later call goes on with what is there. What was scavenged in the log is then
// removed from the backup too. Everything new is verified. A damage
// of the log is a [*daybook.CorruptError] that names the place, and the earlier backup
// stands. A directory with other files, with a backup of another log or of another
// incarnation, or with events that this log does not have is a [*daybook.InvalidError],
// and left as it is; one that somebody has open is a [*LockedError].
//
// A backup is marked as one, by a file BACKUP: [Open] refuses it, because what was appended
// to it would be missing in the log, and in the way of the next Backup.
func Backup(ctx context.Context, dir, target string, o *BackupOptions) (*BackupReport, error) {
	from, err := directory(dir)
	if err != nil {
		return nil, err
	}
	to, err := directory(target)
	if err != nil {
		return nil, err
	}
	return backup(ctx, vfs.OS(), from, to, o)
}

func backup(ctx context.Context, world vfs.World, dir, target string, o *BackupOptions) (_ *BackupReport, err error) {
	to := &home{dir: target, world: world, log: &logger{slog.New(slog.DiscardHandler)}}
	if err := receptive(to); err != nil {
		return nil, err
	}
	if err := vfs.MkdirSync(world.FS, target); err != nil {
		return nil, fmt.Errorf("logstore: make directory %s: %w", target, err)
	}
	lock, err := takeLock(to, "a backup of "+dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, releaseLock(to, lock)) }()
	if err := apart(to, dir); err != nil {
		return nil, err
	}

	var b *backuper
	err = unlessReplaced(func() error {
		b = &backuper{to: to}
		if o != nil {
			b.options = *o
		}
		return b.run(ctx, dir)
	})
	return &b.report, err
}

// apartName is a file by which two names of one directory are told from two directories.
const apartName = "apart.tmp"

// apart makes sure that a directory is not the same as another one by another name.
func apart(to *home, dir string) (err error) {
	if err := to.remove(apartName); err != nil {
		return fmt.Errorf("logstore: remove %s: %w", to.path(apartName), err)
	}
	f, err := to.world.FS.Create(to.path(apartName))
	if err != nil {
		return fmt.Errorf("logstore: back up to %s: %w", to.dir, err)
	}
	from := &home{dir: dir, world: to.world}
	_, same := to.world.FS.Size(from.path(apartName))
	if err := errors.Join(f.Close(), to.remove(apartName)); err != nil {
		return fmt.Errorf("logstore: back up to %s: %w", to.dir, err)
	}
	if same == nil {
		return &daybook.InvalidError{What: "target of a backup", Value: to.dir, Reason: "is the log itself"}
	}
	return nil
}

// A backuper brings a backup up to date.
type backuper struct {
	options BackupOptions
	report  BackupReport
	from    *Reader
	to      *home

	have   *manifest         // of the backup as it is; nil if there is none
	want   *manifest         // of the backup as it will be
	staged map[string]string // files that take the place of others, by the names they get, with those they have

	done, total int64
}

func (b *backuper) run(ctx context.Context, dir string) (err error) {
	if b.from, err = openReader(b.to.world, dir, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.from.Close()) }()
	v := b.from.store.view.Load()
	want := *b.from.manifest
	want.clean, want.fresh = nil, false
	if want.active > 0 {
		want.clean = &ending{head: v.head, end: v.end, checksum: v.checksum}
	}
	b.want, b.staged = &want, make(map[string]string)
	b.to.salt = want.salt
	b.report = BackupReport{Head: b.from.store.life.At(v.head), Segments: len(v.segments)}
	if err := b.compare(ctx); err != nil {
		return err
	}
	if err := b.to.markBackup(b.report.Head); err != nil {
		return err
	}
	if b.have != nil && b.have.lastLine() == b.want.lastLine() {
		b.report.Kept = b.report.Segments
		// It may have been left by a sync that failed.
		if err := b.want.replace(b.to); err != nil {
			return fmt.Errorf("logstore: back up to %s: %w", b.to.dir, err)
		}
		return b.prune()
	}

	for i := range want.sealed {
		if err := b.sealed(ctx, v.segments[i], i); err != nil {
			return err
		}
	}
	n, err := copyLost(ctx, b.to, b.from.store.home, want.lost)
	if b.report.BytesCopied += n; err != nil {
		return err
	}
	if want.active > 0 {
		if err := b.tail(ctx, v.segments[len(v.segments)-1]); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return &daybook.UnavailableError{Doing: "back up", Err: err}
	}
	if err := b.commit(); err != nil {
		return err
	}
	return b.prune()
}

// compare reads what backup there is, and makes sure that it is one of this log, that it
// can be brought up to date.
func (b *backuper) compare(ctx context.Context) error {
	have, err := existingManifest(b.to)
	if errors.Is(err, fs.ErrNotExist) {
		return b.measure()
	}
	if err != nil {
		return err
	}
	invalid := func(reason string) error {
		return &daybook.InvalidError{What: "target of a backup", Value: b.to.dir, Reason: reason}
	}
	switch {
	case have.log != b.want.log:
		return invalid(fmt.Sprintf("holds log %s, and this is log %s", have.log, b.want.log))
	case have.incarnation != b.want.incarnation:
		return invalid(fmt.Sprintf("holds incarnation %s of the log, which is now in incarnation %s: back it up elsewhere", have.incarnation, b.want.incarnation))
	}
	if err := b.precedes(ctx); err != nil {
		return err
	}
	b.have = have
	return b.measure()
}

// measure finds out how many bytes are new.
func (b *backuper) measure() error {
	for i := range b.want.sealed {
		if !b.kept(i) {
			b.total += b.want.sealed[i].end - segmentHeaderBytes
		}
	}
	if b.want.clean != nil {
		b.total += b.want.clean.end - segmentHeaderBytes
	}
	return nil
}

// kept reports whether the backup has the i-th sealed segment already.
func (b *backuper) kept(i int) bool {
	return b.have != nil && i < len(b.have.sealed) && b.have.sealed[i] == b.want.sealed[i]
}

// passed notes that bytes were verified.
func (b *backuper) passed(n int64) {
	b.done += n
	if b.options.Progress != nil {
		b.options.Progress(b.done, b.total)
	}
}

// sealed sees to it that the backup has the i-th segment, which is sealed.
func (b *backuper) sealed(ctx context.Context, s *segment, i int) error {
	name, size := s.name(), b.want.sealed[i].size
	is, err := b.to.world.FS.Size(b.to.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("logstore: look at %s: %w", b.to.path(name), err)
	}
	there := err == nil
	if there && is == size && b.kept(i) {
		b.report.Kept++
		return nil
	}
	line := b.want.sealed[i]
	check := func(name string) error {
		return b.check(ctx, name, s, size, extent{line.end, line.last, line.checksum})
	}
	// One that the backup's manifest names is part of the earlier backup until the new
	// manifest is there. Another one is left from a backup that was interrupted.
	named := b.have != nil && b.have.active == s.number || b.kept(i)
	temp := name + ".tmp"
	if there && !named {
		if is == size && check(name) == nil {
			b.report.Kept++
			return b.nameAgain(name, temp)
		}
		if err := b.to.remove(name); err != nil {
			return fmt.Errorf("logstore: remove %s: %w", b.to.path(name), err)
		}
	}

	linked, err := b.bring(ctx, s, name, temp, size)
	if err != nil {
		return err
	}
	if err := check(temp); err != nil {
		return err
	}
	if linked {
		b.report.Linked++
	} else {
		b.report.Copied++
	}
	if err := b.bringIndex(ctx, s); err != nil {
		return err
	}
	if named {
		b.staged[name] = temp
		return nil
	}
	return b.rename(temp, name)
}

// nameAgain takes a file's name away and gives it back: the sync of the directory that was
// to make it durable may have failed, and the next one makes durable what is done now.
func (b *backuper) nameAgain(name, temp string) error {
	if planted("backup-trusts-names") {
		return nil
	}
	if err := b.rename(name, temp); err != nil {
		return err
	}
	return b.rename(temp, name)
}

func (b *backuper) rename(from, to string) error {
	if err := b.to.world.FS.Rename(b.to.path(from), b.to.path(to)); err != nil {
		return fmt.Errorf("logstore: back up %s: %w", b.to.path(to), err)
	}
	return nil
}

// tail copies what is durable of the segment that is written.
func (b *backuper) tail(ctx context.Context, s *segment) error {
	name, temp := s.name(), s.name()+".tmp"
	end := b.want.clean.end
	if err := b.copyFrom(ctx, s, temp, end); err != nil {
		return err
	}
	if err := b.check(ctx, temp, s, end, extent{end, b.want.clean.head, b.want.clean.checksum}); err != nil {
		return err
	}
	b.report.Copied++
	b.staged[name] = temp
	return nil
}

// commit makes the backup what it should be, durably. Until the last step the earlier
// backup can be read: first as a log that is not closed, whose last segment then has more
// than that backup had.
func (b *backuper) commit() error {
	fsys := b.to.world.FS
	if b.have != nil && b.have.clean != nil {
		open := *b.have
		open.clean = nil
		if err := b.announce(&open, b.have.clean); err != nil {
			return err
		}
		if err := open.replace(b.to); err != nil {
			return fmt.Errorf("logstore: back up to %s: %w", b.to.dir, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.staged)) {
		if err := b.rename(b.staged[name], name); err != nil {
			return err
		}
	}
	if err := fsys.SyncDir(b.to.dir); err != nil {
		return fmt.Errorf("logstore: sync %s: %w", b.to.dir, err)
	}
	if err := b.want.replace(b.to); err != nil {
		return fmt.Errorf("logstore: back up to %s: %w", b.to.dir, err)
	}
	return nil
}

// prune removes what the earlier backup had of segments that were rewritten since: what
// was forgotten and scavenged in the log must not stay in its backup. The manifest that
// names what has taken its place is durable.
func (b *backuper) prune() error {
	names, err := b.to.world.FS.List(b.to.dir)
	if err != nil {
		return fmt.Errorf("logstore: list %s: %w", b.to.dir, err)
	}
	named := make(map[uint64]uint64) // the generation of each segment
	for _, s := range b.want.sealed {
		named[s.number] = s.generation
	}
	for _, name := range names {
		file := name
		if base, index := strings.CutSuffix(name, ".idx"); index {
			file = base + ".seg"
		}
		n, generation, is := segmentFile(file)
		if of, sealed := named[n]; !is || !sealed || of == generation {
			continue
		}
		if err := b.to.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// announce says durably, in HEAD, how far the earlier backup goes.
func (b *backuper) announce(m *manifest, end *ending) error {
	a := announcement{log: m.log, incarnation: m.incarnation, head: end.head, at: place{m.active, end.end}, checksum: end.checksum}
	if err := b.to.put(headName+".tmp", headName, a.append(nil, m.salt)); err != nil {
		return fmt.Errorf("logstore: back up to %s: %w", b.to.dir, err)
	}
	return nil
}

// bring links a segment's file into the backup under a name, or copies it.
func (b *backuper) bring(ctx context.Context, s *segment, name, temp string, size int64) (linked bool, err error) {
	if !b.options.Copy {
		linked, err := b.link(name, temp)
		if linked || err != nil {
			return linked, err
		}
	}
	return false, b.copyFrom(ctx, s, temp, size)
}

// link gives a file of the log a second name in the backup. It returns false if that
// cannot be done there.
func (b *backuper) link(name, temp string) (bool, error) {
	if err := b.to.remove(temp); err != nil {
		return false, err
	}
	err := b.to.world.FS.Link(b.from.store.home.path(name), b.to.path(temp))
	if errors.Is(err, fs.ErrNotExist) || vfs.IsNoSpace(err) {
		return false, fmt.Errorf("logstore: back up %s: %w", b.from.store.home.path(name), err)
	}
	return err == nil, nil
}

// bringIndex does the same for a segment's index, if it has one. It need not be there,
// and is looked at when it is used.
func (b *backuper) bringIndex(ctx context.Context, s *segment) error {
	name := s.indexName()
	size, err := b.to.world.FS.Size(b.from.store.home.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("logstore: look at %s: %w", s.home.path(name), err)
	}
	temp := name + ".tmp"
	linked := false
	if !b.options.Copy {
		if linked, err = b.link(name, temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if !linked {
		if err := b.copyFile(ctx, b.from.store.home.path(name), temp, size); err != nil {
			return err
		}
	}
	return b.rename(temp, name)
}

func (b *backuper) copyFrom(ctx context.Context, s *segment, temp string, size int64) error {
	return b.copyFile(ctx, s.path(), temp, size)
}

// copyFile copies the first bytes of a file into the backup, durably but for the name.
func (b *backuper) copyFile(ctx context.Context, from, temp string, size int64) error {
	n, err := copyInto(ctx, b.to, from, temp, size)
	b.report.BytesCopied += n
	return err
}

// check makes sure that a file of the backup is a segment as it should be.
func (b *backuper) check(ctx context.Context, name string, s *segment, size int64, to extent) error {
	err := checkSegment(ctx, b.to, b.want, name, s, size, to, b.passed)
	return copied(err, b.from.store.home.path(s.name()), b.to.path(name))
}
