package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// VerifyOptions adjust [Verify]. The zero value, and nil, verify every byte.
type VerifyOptions struct {
	// Indexes compares each index file with one that is made anew from its segment.
	// Otherwise the checksums of an index file are verified, which say that it is what was
	// written for this segment. It costs several times as much.
	Indexes bool

	// Progress, if it is not nil, is told how many bytes were verified and about how many
	// there are. It is called about once for each MiB, by one goroutine at a time, and
	// holds the verifying up until it returns.
	Progress func(done, total int64)
}

// A Verification says in what state a log was found.
type Verification struct {
	// Dir is the log's directory.
	Dir string
	// Head is the log, its incarnation, and the last position that is known to be durable.
	// The identity is zero if the manifest cannot be read and no segment tells.
	Head daybook.Point
	// Closed reports that the log was closed properly and not written since. Otherwise
	// somebody has it open, or it crashed.
	Closed bool

	// Segments, Appends and Events are what was found sound up to Head.
	Segments int
	Appends  uint64
	Events   uint64
	// Unsettled are sound events behind Head. Of an open log they are on their way; of one
	// that crashed the next Open settles them. They are not judged.
	Unsettled uint64
	// Bytes is how much was read.
	Bytes int64

	// Damages are what is not as it was written, by file, then by place.
	Damages []Damage
	// Notes are about what does no harm and is worth knowing: files that were set aside, or
	// that do not belong there.
	Notes []string
}

// Sound reports that nothing is damaged but what does no harm.
func (v *Verification) Sound() bool {
	for i := range v.Damages {
		if v.Damages[i].Harm != Harmless {
			return false
		}
	}
	return true
}

// String returns what was found, for people: a line for each damage and each note, and
// one that sums up.
func (v *Verification) String() string { return v.text(notClosed) }

// notClosed is said of a log that may be in use.
const notClosed = "not closed (it is in use, or was left by a crash or a repair)"

// text does that, with what is to be said if the log is not closed.
func (v *Verification) text(ending string) string {
	var b strings.Builder
	for i := range v.Damages {
		fmt.Fprintln(&b, v.Damages[i].String())
	}
	for _, note := range v.Notes {
		fmt.Fprintln(&b, "note:", note)
	}
	state := "damaged"
	if v.Sound() {
		state = "sound"
	}
	if v.Closed {
		ending = "closed"
	}
	fmt.Fprintf(&b, "%s: %s, %s; %s in %s and %s up to position %d, %s read",
		v.Dir, state, ending, numbered(v.Events, "event"), numbered(v.Appends, "append"), numbered(v.Segments, "segment"), v.Head.Position, numbered(v.Bytes, "byte"))
	if v.Unsettled > 0 {
		fmt.Fprintf(&b, "; %s more may not be durable", numbered(v.Unsettled, "event"))
	}
	return b.String()
}

// A Harm says what comes of a damage.
type Harm uint8

const (
	// Harmless: nothing is lost, and nobody need do anything. What is damaged is made anew
	// from something else when it is needed, or is never looked at.
	Harmless Harm = iota + 1
	// Blocking: no event is lost, but the log does not open. [Repair] mends it.
	Blocking
	// Loss: events cannot be read, or are not what they were. Reading them is a
	// [*daybook.CorruptError]; if they are in the last segment the log does not open.
	// Repair brings them back from a backup, or makes the rest of the log usable.
	Loss
)

// String returns the name: harmless, blocking or loss.
func (h Harm) String() string {
	switch h {
	case Harmless:
		return "harmless"
	case Blocking:
		return "blocking"
	case Loss:
		return "loss"
	}
	return fmt.Sprintf("harm %d", uint8(h))
}

// A Damage is a place where a file is not as it was written.
type Damage struct {
	// File is the file's name in the log's directory.
	File string
	// Begin and End are the bytes that are damaged, or that something damaged lies among:
	// from the end of what is sound before to the beginning of what is sound after. They
	// are equal if something is missing there, and both zero if it is the file itself.
	Begin, End int64
	// Harm says what comes of it.
	Harm Harm
	// First and Last are the positions that cannot be read: these at most, and as a rule
	// all of them. They are zero if there are none.
	First, Last daybook.Position
	// Sound is the last position before the damage that is sound, and Next the first one
	// after it. They are zero if there is none in that file, or if no position is lost.
	Sound, Next daybook.Position
	// Err says how the damage shows.
	Err error
}

// String returns the damage in one line.
func (d *Damage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", d.Harm, d.File)
	if d.Begin > 0 || d.End > 0 {
		fmt.Fprintf(&b, " at %d to %d", d.Begin, d.End)
	}
	fmt.Fprintf(&b, ": %v", d.Err)
	if d.First > 0 {
		fmt.Fprintf(&b, "; positions %d to %d cannot be read", d.First, d.Last)
	}
	return b.String()
}

// Verify reads every byte of a log and says what is not as it was written. It goes on
// behind a damage, so that all are found at once. It writes nothing, and the log may be
// closed, left by a crash, or in use by another process or this one: what is not known to
// be durable is not judged. Nil options mean the zero VerifyOptions.
//
// It holds a few MiB for each processor, and as much more as the longest append and the
// streams of one segment need, however large the log is. Damage is no error. An error
// says that Verify could not tell: there is no log (it wraps [fs.ErrNotExist]), the disk
// refused to be read, or the context has ended.
func Verify(ctx context.Context, dir string, o *VerifyOptions) (*Verification, error) {
	absolute, err := directory(dir)
	if err != nil {
		return nil, err
	}
	return verify(ctx, vfs.OS(), absolute, o)
}

// onlooker returns the home of somebody who writes nothing in a log's directory.
func onlooker(world vfs.World, dir string, log *slog.Logger) *home {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &home{dir: dir, world: world, log: &logger{log.With("log", dir)}}
	h.open.most, h.open.log = defaultOpenFiles, h.log
	h.indexer.stop()
	return h
}

func verify(ctx context.Context, world vfs.World, dir string, o *VerifyOptions) (*Verification, error) {
	v := &verifier{home: onlooker(world, dir, nil), found: &Verification{Dir: dir}}
	if o != nil {
		v.options = *o
	}
	names, err := world.FS.List(dir)
	if err != nil {
		return nil, fmt.Errorf("logstore: list %s: %w", dir, err)
	}
	if err := v.readManifest(names); err != nil {
		return nil, err
	}
	v.home.salt = v.manifest.salt
	if err := v.measure(names); err != nil {
		return nil, err
	}
	if err := v.segments(ctx); err != nil {
		return nil, err
	}
	v.names(names)
	return v.found, nil
}

// A verifier is one act of verifying. Its methods are called by one goroutine, except
// those of the segments, which has a goroutine for each processor.
type verifier struct {
	home     *home
	options  VerifyOptions
	manifest *manifest
	says     announcement // what HEAD says, if that is worth anything
	said     bool

	found *Verification

	mu          sync.Mutex // guards what follows
	done, total int64
	told        int64 // of done, to Progress
}

// readManifest reads the manifest, or makes one up from the segments if it is damaged.
func (v *verifier) readManifest(names []string) error {
	m, err := existingManifest(v.home)
	corrupt := (*daybook.CorruptError)(nil)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing || errors.As(err, &corrupt) {
		because := errors.New("the file is missing, and there are segments")
		if !missing {
			because = corrupt.Err
		}
		made, _, failed := manifestOfSegments(v.home, names)
		if failed != nil {
			return failed
		}
		if made == nil && missing {
			return err // there is no log
		}
		if m, err = made, nil; m == nil {
			m = new(manifest)
		}
		v.found.Damages = append(v.found.Damages, Damage{File: manifestName, Harm: Blocking, Err: because})
	}
	if err != nil {
		return err
	}
	v.manifest = m
	if v.says, v.said = readAnnouncement(v.home, m); v.said && v.says.at.segment > m.active {
		// The manifest was replaced before HEAD was read.
		if now, err := existingManifest(v.home); err == nil && now.log == m.log {
			v.manifest, m = now, now
			v.says, v.said = readAnnouncement(v.home, m)
		}
	}
	v.found.Head = daybook.Point{Log: m.log, Incarnation: m.incarnation}
	v.found.Closed = m.clean != nil
	return nil
}

// measure finds out how many bytes there are to verify.
func (v *verifier) measure(names []string) error {
	for _, name := range names {
		size, err := v.home.world.FS.Size(v.home.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("logstore: look at %s: %w", v.home.path(name), err)
		}
		if strings.HasSuffix(name, ".seg") || strings.HasSuffix(name, ".idx") {
			v.total += size
		}
	}
	return nil
}

// passed notes that bytes were gone over.
func (v *verifier) passed(n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done += n
	v.found.Bytes = v.done
	if v.options.Progress != nil && (v.done-v.told >= sweepBytes || v.done == v.total) {
		v.told = v.done
		v.options.Progress(v.done, max(v.total, v.done))
	}
}

// A stretchOfLog is what was found in one segment.
type stretchOfLog struct {
	damages   []Damage
	notes     []string
	appends   uint64
	events    uint64
	unsettled uint64
	head      daybook.Position
	missing   bool
}

// segments verifies the segments, as many at once as there are processors.
func (v *verifier) segments(ctx context.Context) error {
	m := v.manifest
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	count := len(m.sealed)
	if m.active > 0 {
		count++
	}
	found := make([]stretchOfLog, count)
	turns := make(chan int)
	var workers sync.WaitGroup
	for range min(count, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range turns {
				if err := v.segment(ctx, i, &found[i]); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range count {
		turns <- i
	}
	close(turns)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		if errors.Is(err, ctx.Err()) {
			return &daybook.UnavailableError{Doing: "verify", Err: err}
		}
		return err
	}

	for i := range found {
		f := &found[i]
		v.found.Damages = append(v.found.Damages, f.damages...)
		v.found.Notes = append(v.found.Notes, f.notes...)
		v.found.Appends += f.appends
		v.found.Events += f.events
		v.found.Unsettled += f.unsettled
		v.found.Head.Position = max(v.found.Head.Position, f.head)
		if !f.missing {
			v.found.Segments++
		}
	}
	return nil
}

// segment verifies the i-th segment and its index.
func (v *verifier) segment(ctx context.Context, i int, found *stretchOfLog) error {
	if ctx.Err() != nil {
		return nil
	}
	var s *segment
	var line sealedSegment
	var err error
	if i == len(v.manifest.sealed) {
		s, _ = v.activeSegment()
		err = v.active(ctx, found)
	} else {
		s, line = v.sealedSegment(i), v.manifest.sealed[i]
		err = v.sealed(ctx, s, line, found)
	}
	for err == nil && found.missing {
		var rewritten bool
		if s, line, rewritten = v.rewritten(i, s); !rewritten {
			return nil
		}
		*found = stretchOfLog{}
		err = v.sealed(ctx, s, line, found)
	}
	return err
}

// rewritten returns the i-th segment as the manifest has it by now, if whoever has the log
// open has rewritten it: then the file of the generation before is gone.
func (v *verifier) rewritten(i int, was *segment) (*segment, sealedSegment, bool) {
	now, err := existingManifest(v.home)
	if err != nil || now.log != v.manifest.log || i >= len(now.sealed) || now.sealed[i].number != was.number || now.sealed[i].generation == was.generation {
		return nil, sealedSegment{}, false
	}
	before := now.salt
	if i > 0 {
		before = now.sealed[i-1].chain
	}
	return now.sealed[i].segment(v.home, before), now.sealed[i], true
}

// names looks at what else lies in the directory.
func (v *verifier) names(names []string) {
	m := v.manifest
	own := map[string]bool{lockName: true, ownerName: true, manifestName: true, headName: true, backupName: true}
	for i := range m.sealed {
		s := v.sealedSegment(i)
		own[s.name()], own[s.indexName()] = true, true
	}
	if m.active > 0 {
		own[segmentName(m.active)] = true
	}
	for i := range m.lost {
		own[m.lost[i].indexName()] = true
		v.found.Notes = append(v.found.Notes, fmt.Sprintf("positions %d to %d were lost, and the log was repaired without them", m.lost[i].first, m.lost[i].last))
	}
	for _, name := range names {
		number, _, isSegment := segmentFile(name)
		switch {
		case own[name] || strings.HasSuffix(name, ".tmp"):
		case isSegment && v.isBegun(name):
		case isSegment && slices.ContainsFunc(m.sealed, func(s sealedSegment) bool { return s.number == number }):
			v.found.Notes = append(v.found.Notes, fmt.Sprintf("%s is of a generation that is not, or no longer, the segment", name))
		case isSegment:
			v.found.Notes = append(v.found.Notes, fmt.Sprintf("%s is a segment that the manifest does not name", name))
		case isAside(name):
			v.found.Notes = append(v.found.Notes, fmt.Sprintf("%s was set aside", name))
		default:
			v.found.Notes = append(v.found.Notes, fmt.Sprintf("%s is not a file of the log", name))
		}
	}
}

// isBegun reports whether a segment that the manifest did not name is one that has just
// been begun: it holds no frame yet, or is named by now.
func (v *verifier) isBegun(name string) bool {
	f, err := v.home.world.FS.Open(v.home.path(name))
	if err != nil {
		return true // it was there a moment ago: a crash of long ago has left it, and an Open removed it
	}
	b := make([]byte, segmentHeaderBytes+8)
	n, _ := f.ReadAt(b, 0)
	if err := f.Close(); err != nil {
		return false
	}
	if len(bytes.TrimRight(b[:n], "\x00")) <= segmentHeaderBytes {
		return true
	}
	now, err := existingManifest(v.home)
	return err == nil && now.active > v.manifest.active && segmentName(now.active) >= name
}
