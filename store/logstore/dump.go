package logstore

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// Dump writes what is in a file of a log, for people: a segment, also one that was set
// aside or what a crash left of one, an index, MANIFEST, HEAD, OWNER, BACKUP. Each line begins
// with the place in the file; what is damaged is shown where it is, and what comes after
// is shown too. The form of the text is not promised.
//
// The file may be of a log that is in use. If MANIFEST lies beside it, the checksums of
// frames are verified with the salt that it names, otherwise with that of the segment's
// own header. Damage is no error; an error says that the file cannot be read, or w cannot
// be written.
func Dump(w io.Writer, path string) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("logstore: find %s: %w", path, err)
	}
	return show(w, vfs.OS(), absolute)
}

func show(w io.Writer, world vfs.World, path string) (err error) {
	d := &dumper{out: bufio.NewWriter(w), home: onlooker(world, filepath.Dir(path), nil), name: filepath.Base(path)}
	f, err := world.FS.Open(path)
	if err != nil {
		return fmt.Errorf("logstore: open %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if d.size, err = f.Size(); err != nil {
		return fmt.Errorf("logstore: look at %s: %w", path, err)
	}
	if m, err := existingManifest(d.home); err == nil {
		d.manifest = m
	}
	fmt.Fprintf(d.out, "%s, %d bytes\n", d.name, d.size)
	header := make([]byte, segmentHeaderBytes)
	if _, err := f.ReadAt(header, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("logstore: read %s: %w", path, err)
	}
	plain, err := unpacked(f, d.salt(header))
	if err != nil && !errors.Is(err, errPacked) {
		return fmt.Errorf("logstore: read %s: %w", path, err)
	}
	if _, is := plain.(*plainFile); is {
		// Places in it are those of what was packed.
		if d.size, err = plain.Size(); err != nil {
			return fmt.Errorf("logstore: look at %s: %w", path, err)
		}
	}
	d.file = plain
	err = d.dump()
	return errors.Join(err, d.out.Flush())
}

// A dumper dumps one file.
type dumper struct {
	out      *bufio.Writer
	home     *home
	manifest *manifest // nil if it cannot be read
	file     vfs.File
	name     string
	size     int64
}

// dump finds out what kind of file it is.
func (d *dumper) dump() error {
	begin, err := d.read(0, min(d.size, segmentHeaderBytes))
	if err != nil {
		return err
	}
	switch {
	case d.name == manifestName || bytes.HasPrefix(begin, []byte("daybook manifest ")):
		return d.dumpManifest()
	case d.name == ownerName, d.name == backupName:
		return d.dumpText()
	case bytes.HasPrefix(begin, []byte(announcementMagic)) || d.name == headName:
		return d.dumpHead()
	case bytes.HasPrefix(begin, []byte(segmentMagic)) || strings.Contains(d.name, ".seg"):
		return d.dumpSegment(begin)
	case bytes.HasPrefix(begin, []byte("daybkidx")) || strings.Contains(d.name, ".idx"):
		return d.dumpIndex()
	}
	// What a crash left of a group, or something else.
	return d.dumpFrames(0, d.size, d.salt(nil))
}

// read returns bytes of the file.
func (d *dumper) read(at, n int64) ([]byte, error) {
	b := make([]byte, n)
	if got, err := d.file.ReadAt(b, at); int64(got) < n {
		return nil, fmt.Errorf("logstore: read %s at %d: %w", d.home.path(d.name), at, err)
	}
	return b, nil
}

// salt returns the log's salt, from the manifest or a segment's header.
func (d *dumper) salt(header []byte) uint32 {
	if len(header) == segmentHeaderBytes && le.Uint32(header[60:]) == crc32.Checksum(header[:60], castagnoli) {
		return le.Uint32(header[12:])
	}
	if d.manifest != nil {
		return d.manifest.salt
	}
	return 0
}

func (d *dumper) dumpText() error {
	b, err := d.read(0, min(d.size, 64<<10))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		fmt.Fprintf(d.out, "%q\n", line)
	}
	return nil
}

func (d *dumper) dumpManifest() error {
	b, err := d.read(0, d.size)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); !plain(line) {
			line = fmt.Sprintf("%q", line)
		}
		fmt.Fprintln(d.out, line)
	}
	if _, err := decodeManifest(b); err != nil {
		fmt.Fprintf(d.out, "DAMAGED: %v\n", err)
	}
	return nil
}

func (d *dumper) dumpHead() error {
	b, err := d.read(0, min(d.size, announcementBytes))
	if err != nil {
		return err
	}
	salt := uint32(0)
	if d.manifest != nil {
		salt = d.manifest.salt
	}
	a, err := decodeAnnouncement(b, salt)
	if err != nil {
		fmt.Fprintf(d.out, "DAMAGED: %v\n", err)
		return nil
	}
	fmt.Fprintf(d.out, "log %s incarnation %s\nposition %d durable, in segment %d up to %d, checksum %08x\n", a.log, a.incarnation, a.head, a.at.segment, a.at.offset, a.checksum)
	return nil
}

func (d *dumper) dumpSegment(header []byte) error {
	salt := d.salt(header)
	begin := int64(0)
	if len(header) == segmentHeaderBytes {
		begin = segmentHeaderBytes
		d.dumpHeader(header)
	}
	end := d.size
	if d.size >= begin+trailerBytes {
		b, err := d.read(d.size-trailerBytes, trailerBytes)
		if err != nil {
			return err
		}
		if sealed, marks, _, ok := decodeTrailer(b, salt); ok && sealed.end >= begin && sealed.end <= d.size-trailerBytes {
			end = sealed.end
			defer d.dumpFooter(sealed, marks)
		}
	}
	return d.dumpFrames(begin, end, salt)
}

func (d *dumper) dumpHeader(b []byte) {
	fmt.Fprintf(d.out, "%10d  segment %d of log %s, version %d, salt %08x, first position %d, checksum before %08x\n", 0,
		le.Uint64(b[32:]), uuid.UUID(b[16:32]), le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint64(b[40:]), le.Uint32(b[48:]))
	if generation := le.Uint32(b[52:]); generation > 0 {
		packed := ""
		if le.Uint32(b[56:])&packedFlag != 0 {
			packed = ", packed; what follows is where it would be if it were not"
		}
		fmt.Fprintf(d.out, "%10d  rewritten: generation %d%s\n", 52, generation, packed)
	}
	if string(b[:8]) != segmentMagic || le.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli) {
		fmt.Fprintf(d.out, "%10d  DAMAGED: the header is not what was written\n", 0)
	}
}

func (d *dumper) dumpFooter(sealed sealedSegment, marks int) {
	fmt.Fprintf(d.out, "%10d  footer: %d marks\n", sealed.end, marks)
	b, err := d.read(sealed.end, d.size-sealed.end)
	if err != nil {
		fmt.Fprintf(d.out, "%10d  UNREADABLE: %v\n", sealed.end, err)
		return
	}
	for at := 0; at+markSize <= len(b)-trailerBytes; at += markSize {
		fmt.Fprintf(d.out, "%10d    position %d recorded %s at %d\n", sealed.end+int64(at), le.Uint64(b[at:]), stampText(int64(le.Uint64(b[at+8:]))), le.Uint64(b[at+16:]))
	}
	if table := b[:len(b)-trailerBytes]; len(table) != marks*markSize || crc32.Checksum(table, castagnoli) != le.Uint32(b[len(b)-8:]) {
		fmt.Fprintf(d.out, "%10d  DAMAGED: the marks are not what was written\n", sealed.end)
	}
	fmt.Fprintf(d.out, "%10d  trailer: segment %d, frames end at %d with position %d, checksum %08x\n", d.size-trailerBytes, sealed.number, sealed.end, sealed.last, sealed.checksum)
}

func stampText(stamp int64) string { return timeOf(stamp).Format("2006-01-02T15:04:05.000000000Z") }

// dumpFrames shows frames, what lies between them, and how they follow each other.
func (d *dumper) dumpFrames(begin, end int64, salt uint32) error {
	w := &sweep{file: d.file, name: d.name, salt: salt, end: end, judged: end}
	before, known := uint32(0), false
	for at := begin; at < end; {
		f, bad, err := w.frameAt(at)
		if err != nil {
			return err
		}
		if bad == nil {
			if known && f.Before() != before {
				fmt.Fprintf(d.out, "%10d  DOES NOT FOLLOW: the frame before has checksum %08x, and this one follows %08x\n", at, before, f.Before())
			}
			before, known = f.Checksum(), true
			d.dumpFrame(at, f)
			at += int64(len(f))
			continue
		}
		next, err := d.next(w, at+frame.Align)
		if err != nil {
			return err
		}
		if err := d.dumpGap(at, next, bad); err != nil {
			return err
		}
		known, at = false, next
	}
	return nil
}

// next returns where the next sound frame begins, or the end.
func (d *dumper) next(w *sweep, from int64) (int64, error) {
	for at := from; at+frame.HeaderBytes <= w.end; at += frame.Align {
		if err := w.load(at, frame.HeaderBytes); err != nil {
			return 0, err
		}
		if frame.Length(w.window[at-w.start:]) == 0 {
			continue
		}
		if _, bad, err := w.frameAt(at); err != nil || bad == nil {
			return at, err
		}
	}
	return w.end, nil
}

// dumpGap shows bytes that are no sound frame.
func (d *dumper) dumpGap(from, to int64, bad error) error {
	first := int64(-1) // byte that is not zero
	const look = 64 << 10
	for at := from; at < to && first < 0; at += look {
		b, err := d.read(at, min(look, to-at))
		if err != nil {
			return err
		}
		if i := bytes.IndexFunc(b, func(r rune) bool { return r != 0 }); i >= 0 {
			first = at + int64(i)
		}
	}
	if first < 0 {
		fmt.Fprintf(d.out, "%10d  %d zeros\n", from, to-from)
		return nil
	}
	fmt.Fprintf(d.out, "%10d  NO FRAME in %d bytes: %v\n", from, to-from, bad)
	b, err := d.read(from, min(64, to-from))
	if err != nil {
		return err
	}
	for i := 0; i < len(b); i += 16 {
		fmt.Fprintf(d.out, "%10d    % x\n", from+int64(i), b[i:min(i+16, len(b))])
	}
	return nil
}

func (d *dumper) dumpFrame(at int64, f frame.Frame) {
	fmt.Fprintf(d.out, "%10d  frame of %d bytes: positions %d to %d, recorded %s, durable %d, checksum %08x after %08x\n", at, len(f),
		f.First(), f.Last(), stampText(f.Stamp()), f.Durable(), f.Checksum(), f.Before())
	for offset, e := range f.Events() {
		d.dumpEvent(at+int64(offset), f.Recorded(e))
	}
}

func (d *dumper) dumpEvent(at int64, e daybook.Recorded) {
	fmt.Fprintf(d.out, "%10d    %d: %s", at, e.Position, quoted(e.Type))
	if e.Stream != "" {
		fmt.Fprintf(d.out, " in %s version %d", quoted(e.Stream), e.Version)
	}
	fmt.Fprintf(d.out, ", id %s", e.ID)
	for _, tag := range e.Tags {
		fmt.Fprintf(d.out, ", tag %s", quoted(tag))
	}
	if !e.HappenedAt.IsZero() {
		fmt.Fprintf(d.out, ", happened %s", e.HappenedAt.Format("2006-01-02T15:04:05.999999999Z"))
	}
	if e.ContentType != daybook.JSON {
		fmt.Fprintf(d.out, ", %s", quoted(e.ContentType))
	}
	fmt.Fprintln(d.out)
	d.dumpPayload(at, "metadata", e.Metadata)
	d.dumpPayload(at, "data", e.Data)
}

// dumpPayload shows some bytes as text if they are text, and not all if they are many.
func (d *dumper) dumpPayload(at int64, what string, b []byte) {
	if len(b) == 0 {
		return
	}
	const most = 400
	more := ""
	if len(b) > most {
		more = fmt.Sprintf(" … %d bytes in all", len(b))
	}
	shown := b[:min(len(b), most)]
	if text := string(shown); plain(strings.ToValidUTF8(text, "")) && utf8.Valid(b) {
		fmt.Fprintf(d.out, "%10d      %s %s%s\n", at, what, strings.ToValidUTF8(text, ""), more)
		return
	}
	fmt.Fprintf(d.out, "%10d      %s % x%s\n", at, what, shown[:min(len(shown), 64)], more)
}

// plain reports whether a text can be shown on a line as it is.
func plain(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func quoted(name string) string {
	if plain(name) && !strings.ContainsAny(name, " ,\"") {
		return name
	}
	return fmt.Sprintf("%q", name)
}

// dumpIndex shows what an index file says of itself.
func (d *dumper) dumpIndex() error {
	b, err := d.read(0, min(d.size, 64))
	if err != nil {
		return err
	}
	if len(b) < 64 {
		fmt.Fprintf(d.out, "%10d  DAMAGED: the file is too short for an index\n", 0)
		return nil
	}
	version := le.Uint32(b[8:])
	fmt.Fprintf(d.out, "%10d  index of segment %d, version %d, of frames up to %d with checksum %08x\n", 0, le.Uint64(b[16:]), version, le.Uint64(b[24:]), le.Uint32(b[12:]))
	const pageBytes = 1024
	sum := le.Uint32(b[12:])
	for at := int64(0); at < d.size; at += pageBytes {
		page, err := d.read(at, min(pageBytes, d.size-at))
		if err != nil {
			return err
		}
		if n := len(page); n < pageBytes || le.Uint32(page[n-4:]) != crc32.Update(sum, castagnoli, page[:n-4]) {
			fmt.Fprintf(d.out, "%10d  DAMAGED: page %d is not what was written for this segment\n", at, at/pageBytes)
		}
	}
	fmt.Fprintf(d.out, "%10d  %d pages\n", d.size, (d.size+pageBytes-1)/pageBytes)
	return nil
}
