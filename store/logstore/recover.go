package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// recover implements journal. FORMAT.md numbers its steps.
func (d *disk) recover() (*view, error) {
	if err := d.tidy(); err != nil {
		return nil, err
	}
	if err := d.openSealed(); err != nil {
		return nil, err
	}
	if planted("other-generation-removed-before-the-manifest-is-durable") {
		d.removeLosers()
	}
	if err := d.confirmManifest(); err != nil {
		return nil, err
	}
	d.removeLosers()
	if d.manifest.active == 0 {
		return &view{checksum: d.manifest.salt}, nil
	}

	s := &segment{home: d.home, number: d.manifest.active, first: d.manifest.activeFirst, before: d.checksum, marked: true}
	s.setTerms(new(index.Table))
	s.abouts.known.Store(hasNone)
	d.segments, d.active = append(d.segments, s), s
	size, err := d.checkActive(s)
	if err != nil {
		return nil, err
	}
	found, err := d.scan(s, size)
	if err != nil {
		return nil, err
	}
	d.end, d.head, d.checksum = found.end, found.head, found.checksum
	// Views keep the segments that they have, and the disk puts others in their places.
	v := &view{segments: slices.Clone(d.segments), end: found.end, head: found.head, stamp: found.stamp, checksum: found.checksum}
	if planted("reuse-stamp-after-restart") {
		v.stamp = 0
	}
	if d.manifest.clean != nil {
		return v, d.checkEnding(s, found, size)
	}
	if err := d.judge(s, found, size); err != nil {
		return nil, err
	}
	if err := d.secure(s, found); err != nil {
		return nil, err
	}
	if d.leftover == nil {
		return v, nil
	}
	if err := d.setAside(); vfs.IsNoSpace(err) {
		d.home.log.Warn("the disk is too full to set aside what a crash left; until it is not, nothing is recorded", "err", err)
	} else if err != nil {
		return nil, err
	}
	return v, nil
}

// tidy sees to it that every segment that the manifest names is there, and none that it
// does not name.
func (d *disk) tidy() error {
	names, err := d.home.world.FS.List(d.home.dir)
	if err != nil {
		return fmt.Errorf("logstore: list %s: %w", d.home.dir, err)
	}
	named, missing := map[uint64]uint64{}, map[uint64]bool{} // the generation of each segment
	for _, s := range d.manifest.sealed {
		named[s.number], missing[s.number] = s.generation, true
	}
	if d.manifest.active > 0 {
		named[d.manifest.active], missing[d.manifest.active] = 0, true
	}
	moved := false
	for _, name := range names {
		if name == spareName || name == rewriteTemp {
			// Nothing is in it that is not elsewhere, but it may have a segment's space.
			if err := d.home.remove(name); err != nil {
				return fmt.Errorf("logstore: remove %s: %w", d.home.path(name), err)
			}
		}
		n, generation, segment := segmentFile(name)
		if !segment {
			d.noteIndex(name, named)
			continue
		}
		if of, is := named[n]; is {
			if of == generation {
				delete(missing, n)
			} else {
				d.losers = append(d.losers, loser{n, name})
			}
			continue
		}
		if err := d.removeUnknown(name, names); err != nil {
			return fmt.Errorf("logstore: set aside %s, which the manifest does not name: %w", d.home.path(name), err)
		}
		moved = true
	}
	for n := range missing {
		if planted("missing-segment-not-noticed") {
			break
		}
		return &daybook.CorruptError{Where: d.home.path(generationName(n, named[n])), Err: errors.New("the manifest names this segment, and it is missing")}
	}
	if !moved {
		return nil
	}
	if err := d.home.syncDir(); err != nil {
		return fmt.Errorf("logstore: sync %s: %w", d.home.dir, err)
	}
	return nil
}

// confirmManifest makes the manifest durable that was read, unless it is known to be:
// whoever wrote it may have been stopped before its name was synced, or after the sync
// had failed. In that case syncing again would change nothing; so it is written again.
func (d *disk) confirmManifest() error {
	if d.manifest.clean != nil || d.manifest.fresh || planted("manifest-not-written-again") {
		return nil
	}
	err := d.manifest.replace(d.home)
	if vfs.IsNoSpace(err) {
		// It was durable if the store was stopped by anything but a failing disk.
		d.home.log.Warn("the disk is too full to write the manifest again", "err", err)
		d.losers = nil // until it is known to be durable that they have lost
		return nil
	}
	if err != nil {
		return fmt.Errorf("logstore: open %s: %w", d.home.dir, err)
	}
	return nil
}

// removeUnknown renames a segment that no manifest names. One without a frame was made
// by a roll that a crash interrupted, and is removed.
func (d *disk) removeUnknown(name string, names []string) error {
	s := &segment{home: d.home, number: 0}
	f, err := d.home.world.FS.Open(d.home.path(name))
	if err != nil {
		return err
	}
	s.attach(f)
	size, err := f.Size()
	if err == nil {
		var end int64
		if end, err = s.lastByte(min(size, segmentHeaderBytes), size); err == nil && end <= segmentHeaderBytes {
			return errors.Join(s.close(), d.home.remove(name))
		}
	}
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	aside := unusedName(name+".aside", names)
	d.home.log.Warn("a segment that the manifest does not name was set aside", "segment", name, "as", aside)
	return d.home.world.FS.Rename(d.home.path(name), d.home.path(aside))
}

// unusedName returns a name that is none of those there are.
func unusedName(name string, names []string) string {
	used := make(map[string]bool, len(names))
	for _, n := range names {
		used[n] = true
	}
	unused := name
	for i := 2; used[unused]; i++ {
		unused = fmt.Sprintf("%s-%d", name, i)
	}
	return unused
}

// openSealed lists the sealed segments. Nothing is read of them, but that they are as
// long as they were.
func (d *disk) openSealed() error {
	for _, sealed := range d.manifest.sealed {
		s := sealed.segment(d.home, d.checksum)
		size, err := d.home.world.FS.Size(d.home.path(s.name()))
		if err != nil {
			return fmt.Errorf("logstore: look at %s: %w", s.path(), err)
		}
		if size != sealed.size {
			return s.corrupt(min(size, sealed.size), 0, fmt.Errorf("the sealed file had %d bytes and has %d", sealed.size, size))
		}
		d.segments = append(d.segments, s)
		d.head, d.checksum = sealed.last, sealed.chain
	}
	return nil
}

// segment returns the sealed segment, which follows a frame with a checksum.
func (s *sealedSegment) segment(h *home, before uint32) *segment {
	sealed := &segment{
		home: h, number: s.number, generation: s.generation, first: s.first, before: before,
		end: s.end, size: s.size, last: s.checksum, chain: s.chain,
	}
	sealed.ending.Store(&sealed.last)
	return sealed
}

// checkActive looks at the header of the active segment and returns the file's size.
func (d *disk) checkActive(s *segment) (int64, error) {
	size, err := d.home.world.FS.Size(d.home.path(s.name()))
	if err != nil {
		return 0, fmt.Errorf("logstore: look at %s: %w", s.path(), err)
	}
	if size < segmentHeaderBytes {
		return 0, s.corrupt(size, d.head, errors.New("the file is too short for its header"))
	}
	header := make([]byte, segmentHeaderBytes)
	if err := s.readAt(header, 0); err != nil {
		return 0, err
	}
	if err := checkSegmentHeader(header, s, d.manifest); err != nil {
		return 0, s.corrupt(0, d.head, err)
	}
	return size, nil
}

// A tail is what a scan of the active segment found: frames that follow each other from
// the first one on, and where they end.
type tail struct {
	end      int64
	head     daybook.Position
	stamp    int64
	checksum uint32
	group    int64 // where the last group begins
	durable  daybook.Position
	err      error // what is wrong with what lies behind
}

// scan follows the frames of the active segment and takes them into its index.
func (d *disk) scan(s *segment, size int64) (tail, error) {
	t := tail{end: segmentHeaderBytes, head: d.head, checksum: d.checksum, group: segmentHeaderBytes}
	t.durable = d.head
	table := (*s.index.Load()).(*index.Table)
	bad, err := walk(s, segmentHeaderBytes, size, func(offset int64, f frame.Frame) error {
		if err := follows(f, t); err != nil {
			return err
		}
		if f.Durable() != t.durable {
			t.group, t.durable = offset, f.Durable()
		}
		s.mark(f, offset)
		s.noteAbouts(f)
		if planted("recovered-frames-not-indexed") {
			table = new(index.Table)
		}
		addFrame(table, f, offset)
		t.end, t.head, t.stamp, t.checksum = offset+int64(len(f)), f.Last(), f.Stamp(), f.Checksum()
		return nil
	})
	t.err = bad
	if t.end == segmentHeaderBytes && t.head > 0 && err == nil {
		t.stamp, err = lastStamp(d.segments[:len(d.segments)-1])
	}
	return t, err
}

// lastStamp returns when the last frame of some sealed segments was recorded. One that
// was repaired may have none.
func lastStamp(segments []*segment) (stamp int64, err error) {
	for i := len(segments) - 1; i >= 0 && stamp == 0 && err == nil; i-- {
		stamp, err = segments[i].lastStamp()
	}
	return stamp, err
}

// lastStamp returns when the segment's last frame was recorded; zero if it has none.
func (s *segment) lastStamp() (int64, error) {
	marks, err := s.marksBefore(s.end)
	if err != nil || len(marks) == 0 {
		return 0, err
	}
	stamp := int64(0)
	bad, err := walk(s, marks[len(marks)-1].offset, s.end, func(_ int64, f frame.Frame) error {
		stamp = f.Stamp()
		return nil
	})
	if bad != nil {
		return 0, s.corrupt(s.end, 0, bad)
	}
	return stamp, err
}

// follows returns why a frame, sound by itself, is not the one behind the tail.
func follows(f frame.Frame, t tail) error {
	if planted("ignore-position-and-chain-in-a-frame") {
		return nil
	}
	if f.Before() != t.checksum {
		return fmt.Errorf("a frame follows one with checksum %08x, and the one before has %08x", f.Before(), t.checksum)
	}
	if f.First() <= t.head || f.Durable() > t.head {
		return fmt.Errorf("a frame of positions from %d, written when %d was durable, comes after position %d", f.First(), f.Durable(), t.head)
	}
	return nil
}

// addFrame adds a frame's events to an index, and returns the terms of all of them.
func addFrame(table *index.Table, f frame.Frame, offset int64) []uint64 {
	var terms []uint64
	for at, e := range f.Events() {
		from := len(terms)
		terms = appendTerms(terms, e)
		table.Add(posting(offset+int64(at)), terms[from:])
		if made, timed := term.Made(e.ID()); timed {
			table.AddMade(made)
		}
	}
	return terms
}

// walk yields the frames that lie end to end in a segment's file, until yield objects
// or there is none. bad is why it came to no further frame; err is why it could not
// tell.
func walk(s *segment, offset, end int64, yield func(int64, frame.Frame) error) (bad, err error) {
	in := &fetcher{seg: s, ahead: stretchBytes}
	for offset < end {
		err := in.load(offset, end)
		if corrupt := (*daybook.CorruptError)(nil); errors.As(err, &corrupt) {
			return corrupt.Err, nil
		}
		if err != nil {
			return nil, err
		}
		if err := yield(offset, in.frame); err != nil {
			return err, nil
		}
		offset += int64(len(in.frame))
	}
	return nil, nil
}

// checkEnding makes sure that a log that was closed properly ends where it did then.
func (d *disk) checkEnding(s *segment, t tail, size int64) error {
	clean := d.manifest.clean
	if t.head == clean.head && t.end == clean.end && t.checksum == clean.checksum && size == clean.end {
		return nil
	}
	bad := t.err
	if bad == nil {
		bad = fmt.Errorf("the log was closed at position %d, where this file had %d bytes; now it has %d, and its frames end at %d", clean.head, clean.end, size, t.end)
	}
	return s.corrupt(t.end, t.head, bad)
}

// A leftover is what lies behind the last sound frame after a crash.
type leftover struct {
	begin, end int64
	// footer says that it is a whole footer: the crash came before the manifest knew
	// that the segment was sealed.
	footer bool
}

// judge decides what the bytes behind the last sound frame are. A power cut keeps any
// part of a group that was not synced, so a sound frame behind a bad one proves
// nothing; but one that was written when the bad one was already durable proves that
// the bad one was damaged since.
func (d *disk) judge(s *segment, t tail, size int64) error {
	end, err := s.lastByte(t.end, size)
	if err != nil {
		return err
	}
	if end == t.end {
		return nil // zeros: reserved and not yet used
	}
	rest := make([]byte, end-t.end)
	if err := s.readAt(rest, t.end); err != nil {
		return err
	}
	footer, ok := footerIn(rest, d.home.salt)
	if ok && footer.number == s.number && footer.last == t.head && footer.end == t.end {
		d.leftover = &leftover{begin: t.end, end: end, footer: true}
		return nil
	}
	if ok && footer.number == s.number && footer.last > t.head {
		return s.corrupt(t.end, t.head, fmt.Errorf("the segment was sealed at position %d, and from here on its frames cannot be read: %w", footer.last, orNone(t.err)))
	}
	for at := 0; at+frame.HeaderBytes <= len(rest); at += frame.Align {
		if planted("cut-at-the-first-bad-record-in-the-middle") {
			break
		}
		n := frame.Length(rest[at:])
		if n == 0 {
			continue
		}
		// A frame may end with zeros, and those of the last one are not among the bytes looked at.
		if short := at + n - len(rest); short > 0 && t.end+int64(at+n) <= size {
			rest = append(rest, make([]byte, short)...)
		}
		if f, err := frame.Parse(rest[at:], d.home.salt); err == nil && f.Durable() > t.head {
			return s.corrupt(t.end, t.head, fmt.Errorf("position %d was durable when the frame at %d was written, and it cannot be read: %w", f.Durable(), t.end+int64(at), orNone(t.err)))
		}
	}
	d.leftover = &leftover{begin: t.end, end: end}
	return nil
}

func orNone(err error) error {
	if err == nil {
		return frame.ErrNone
	}
	return err
}

// footerIn looks for the trailer at the end of some bytes, whose last ones may be zeros
// that were cut off.
func footerIn(b []byte, salt uint32) (sealedSegment, bool) {
	at := bytes.LastIndex(b, []byte(trailerMagic))
	if at < 0 {
		return sealedSegment{}, false
	}
	trailer := append(bytes.Clone(b[at:]), make([]byte, trailerBytes)...)[:trailerBytes]
	s, _, _, ok := decodeTrailer(trailer, salt)
	return s, ok
}

// lastByte returns where the bytes between two offsets end that are not zero.
func (s *segment) lastByte(begin, end int64) (int64, error) {
	buffer := make([]byte, min(stretchBytes, end-begin))
	for end > begin {
		b := buffer[:min(int64(len(buffer)), end-begin)]
		if err := s.readAt(b, end-int64(len(b))); err != nil {
			return 0, err
		}
		if n := len(bytes.TrimRight(b, "\x00")); n > 0 {
			return end - int64(len(b)) + int64(n), nil
		}
		end -= int64(len(b))
	}
	return begin, nil
}

// secure makes durable what will be read. After a sync that failed, the last group may
// be readable and yet not on the disk, and syncing again would change nothing; so it is
// written again, where it is.
func (d *disk) secure(s *segment, t tail) error {
	f, err := d.home.world.FS.OpenWrite(d.home.path(s.name()))
	if err != nil {
		return fmt.Errorf("logstore: open %s for writing: %w", s.path(), err)
	}
	d.file = f
	group := make([]byte, t.end-t.group)
	if err := s.readAt(group, t.group); err != nil {
		return err
	}
	if len(group) > 0 && !planted("last-group-not-written-again") {
		if _, err := f.WriteAt(group, t.group); err != nil {
			return fmt.Errorf("logstore: write the last group of %s again: %w", s.path(), err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("logstore: sync %s: %w", s.path(), err)
	}
	return nil
}

// setAside keeps what a crash left behind the last sound frame in a file of its own,
// and cuts it off, durably, before anything can be written there.
func (d *disk) setAside() error {
	l := d.leftover
	if !l.footer && !planted("torn-group-not-kept") {
		if err := d.keepAside(l); err != nil {
			return fmt.Errorf("logstore: set aside %d bytes of %s from %d on: %w", l.end-l.begin, d.active.path(), l.begin, err)
		}
	}
	if planted("torn-group-not-cut-off") {
		d.leftover = nil
		return nil
	}
	if err := d.file.Truncate(l.begin); err != nil {
		return fmt.Errorf("logstore: cut %s at %d: %w", d.active.path(), l.begin, err)
	}
	if err := d.file.Sync(); err != nil {
		return &syncError{fmt.Errorf("logstore: sync %s: %w", d.active.path(), err)}
	}
	d.leftover = nil
	return nil
}

// keepAside copies what is left over into a file of its own.
func (d *disk) keepAside(l *leftover) error {
	names, err := d.home.world.FS.List(d.home.dir)
	if err != nil {
		return err
	}
	b := make([]byte, l.end-l.begin)
	if err := d.active.readAt(b, l.begin); err != nil {
		return err
	}
	name := unusedName(fmt.Sprintf("%s.torn-%d", strings.TrimSuffix(d.active.name(), ".seg"), l.begin), names)
	if err := d.home.put("torn.tmp", name, b); err != nil {
		return err
	}
	d.home.log.Warn("what a crash left of appends that were never acknowledged was set aside",
		"segment", d.active.name(), "offset", l.begin, "bytes", len(b), "as", name)
	return nil
}
