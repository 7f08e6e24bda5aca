package logstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

const (
	manifestName = "MANIFEST"
	manifestTemp = "MANIFEST.tmp"

	// A manifest has some eighty bytes for each segment; this is enough for those of a
	// petabyte.
	mostManifestBytes = 2 << 30
)

// A manifest names the log and its segments. It is text, one fact a line, and ends with
// its checksum; FORMAT.md describes it. It is replaced whole.
type manifest struct {
	log, incarnation uuid.UUID
	salt             uint32
	sealed           []sealedSegment
	lost             []lostRange
	// active is the number of the segment that is written, zero if there is none yet.
	active      uint64
	activeFirst daybook.Position
	// clean says, if the log was closed properly, where exactly it ends.
	clean *ending

	fresh bool // it was written, durably, when the store was opened
}

// A sealedSegment is what is known for ever of a segment that was sealed.
type sealedSegment struct {
	number   uint64
	first    daybook.Position // that it could hold
	last     daybook.Position // that it holds
	end      int64            // of its frames
	size     int64            // of the file
	checksum uint32           // of its last frame

	// generation counts how many times it was rewritten, and chain is the checksum of the
	// last frame as it was first written: until then, that of its last frame.
	generation uint64
	chain      uint32
}

// An ending is where the frames of the active segment end.
type ending struct {
	head     daybook.Position
	end      int64
	checksum uint32
}

const manifestTitle = "daybook manifest 1"

// These lines are on people's disks.
func (m *manifest) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, manifestTitle)
	fmt.Fprintf(&b, "log %s incarnation %s salt %08x\n", m.log, m.incarnation, m.salt)
	for _, s := range m.sealed {
		fmt.Fprintf(&b, "sealed %d first %d last %d end %d size %d checksum %08x", s.number, s.first, s.last, s.end, s.size, s.checksum)
		if s.generation > 0 {
			fmt.Fprintf(&b, " generation %d chain %08x", s.generation, s.chain)
		}
		fmt.Fprintln(&b)
	}
	for i := range m.lost {
		fmt.Fprintln(&b, m.lost[i].encode())
	}
	if m.active > 0 {
		fmt.Fprintf(&b, "active %d first %d\n", m.active, m.activeFirst)
	}
	if m.clean != nil {
		fmt.Fprintf(&b, "closed head %d end %d checksum %08x\n", m.clean.head, m.clean.end, m.clean.checksum)
	}
	fmt.Fprintf(&b, "checksum %08x\n", crc32.Checksum(b.Bytes(), castagnoli))
	return b.Bytes()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// decodeManifest reads what encode wrote, and nothing else.
func decodeManifest(b []byte) (*manifest, error) {
	last := bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n') + 1
	if want := fmt.Sprintf("checksum %08x\n", crc32.Checksum(b[:last], castagnoli)); string(b[last:]) != want {
		return nil, fmt.Errorf("its last line should be %q", want)
	}
	lines := bytes.Split(bytes.TrimSuffix(b[:last], []byte("\n")), []byte("\n"))
	if string(lines[0]) != manifestTitle {
		return nil, fmt.Errorf("it begins with %.40q, and this program reads %q", lines[0], manifestTitle)
	}
	m := new(manifest)
	for _, line := range lines[1:] {
		if err := m.line(string(line)); err != nil {
			return nil, fmt.Errorf("its line %.200q cannot be read: %w", line, err)
		}
	}
	if !bytes.Equal(m.encode(), b) {
		return nil, errors.New("its lines are not those that this program would write")
	}
	return m, nil
}

// line takes one line's fact. That the lines are complete and in order is checked by
// writing them again.
func (m *manifest) line(line string) error {
	var word string
	fmt.Sscan(line, &word) // a line without a word is none of the known ones
	switch word {
	case "log":
		var log, incarnation string
		if _, err := fmt.Sscanf(line, "log %s incarnation %s salt %x", &log, &incarnation, &m.salt); err != nil {
			return err
		}
		var err, other error
		m.log, err = uuid.Parse(log)
		m.incarnation, other = uuid.Parse(incarnation)
		return errors.Join(err, other)
	case "sealed":
		var s sealedSegment
		_, err := fmt.Sscanf(line, "sealed %d first %d last %d end %d size %d checksum %x", &s.number, &s.first, &s.last, &s.end, &s.size, &s.checksum)
		s.chain = s.checksum
		if _, rewritten, is := strings.Cut(line, " generation "); is && err == nil {
			_, err = fmt.Sscanf(rewritten, "%d chain %x", &s.generation, &s.chain)
		}
		m.sealed = append(m.sealed, s)
		return err
	case "lost":
		l, err := decodeLost(line)
		m.lost = append(m.lost, l)
		return err
	case "active":
		_, err := fmt.Sscanf(line, "active %d first %d", &m.active, &m.activeFirst)
		return err
	case "closed":
		m.clean = new(ending)
		_, err := fmt.Sscanf(line, "closed head %d end %d checksum %x", &m.clean.head, &m.clean.end, &m.clean.checksum)
		return err
	}
	return errors.New("no such word")
}

// readManifest returns the directory's manifest. A directory without manifest and
// without segments is a new log, which gets its identity.
func readManifest(h *home) (*manifest, error) {
	m, err := existingManifest(h)
	if errors.Is(err, fs.ErrNotExist) {
		return newLog(h)
	}
	return m, err
}

// existingManifest returns the directory's manifest. The error wraps [fs.ErrNotExist] if
// there is none.
func existingManifest(h *home) (*manifest, error) {
	b, err := readFile(h, manifestName, mostManifestBytes)
	if err != nil {
		return nil, fmt.Errorf("logstore: read the manifest of %s: %w", h.dir, err)
	}
	m, err := decodeManifest(b)
	if err != nil {
		return nil, &daybook.CorruptError{Where: h.path(manifestName), Err: err}
	}
	return m, nil
}

func newLog(h *home) (*manifest, error) {
	names, err := h.world.FS.List(h.dir)
	if err != nil {
		return nil, fmt.Errorf("logstore: list %s: %w", h.dir, err)
	}
	for _, name := range names {
		if _, segment := segmentNumber(name); segment {
			return nil, &daybook.CorruptError{Where: h.path(manifestName), Err: fmt.Errorf("it is missing, and %s is there", name)}
		}
	}
	m := new(manifest)
	var salt [4]byte
	if _, err := io.ReadFull(h.world.Chance, salt[:]); err != nil {
		return nil, fmt.Errorf("logstore: make an identity: %w", err)
	}
	m.salt = binary.LittleEndian.Uint32(salt[:])
	if m.log, err = uuid.NewRandomFromReader(h.world.Chance); err != nil {
		return nil, fmt.Errorf("logstore: make an identity: %w", err)
	}
	if m.incarnation, err = uuid.NewRandomFromReader(h.world.Chance); err != nil {
		return nil, fmt.Errorf("logstore: make an identity: %w", err)
	}
	if err := m.replace(h); err != nil {
		return nil, fmt.Errorf("logstore: make a log in %s: %w", h.dir, err)
	}
	m.fresh = true
	return m, nil
}

// replace makes the manifest the directory's, durably. An error of a sync is a
// [*syncError]; after one, nobody knows which manifest the directory has after a crash.
func (m *manifest) replace(h *home) error {
	if err := h.writeTemp(manifestTemp, m.encode()); err != nil {
		return fmt.Errorf("replace the manifest: %w", err)
	}
	if err := h.world.FS.Rename(h.path(manifestTemp), h.path(manifestName)); err != nil {
		return fmt.Errorf("replace the manifest: %w", err)
	}
	if err := h.syncDir(); err != nil {
		return &replacedError{fmt.Errorf("replace the manifest: %w", err)}
	}
	return nil
}

// A replacedError is one after which the directory has the new manifest, which may not be
// durable.
type replacedError struct{ error }

// Unwrap returns the error itself.
func (e *replacedError) Unwrap() error { return e.error }

// A syncError is one after which nobody knows what is on the disk. What was to be
// synced is never synced again: the system may say yes to that without having written
// it.
type syncError struct{ error }

// Unwrap returns the error itself.
func (e *syncError) Unwrap() error { return e.error }
