package logstore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// headName is the file in which the store that has the log open says how much of it is
// durable, for those who read beside it.
const headName = "HEAD"

// An announcement is what the file HEAD says. These bytes are on people's disks; numbers
// are little-endian.
//
//	offset  size  what
//	     0     8  magic: "daybkhed"
//	     8     4  version of the format: 1
//	    12     4  checksum of the last frame
//	    16    16  log
//	    32    16  incarnation
//	    48     8  the last position that is durable
//	    56     8  number of the segment that has it
//	    64     8  where the durable frames end in that segment's file
//	    72     4  zero
//	    76     4  CRC32C of the 76 bytes before, begun with the salt
type announcement struct {
	log, incarnation uuid.UUID
	head             daybook.Position
	at               place
	checksum         uint32
}

const (
	announcementBytes = 80
	announcementMagic = "daybkhed"
)

func (a *announcement) append(b []byte, salt uint32) []byte {
	at := len(b)
	b = append(b, announcementMagic...)
	b = le.AppendUint32(b, formatVersion)
	b = le.AppendUint32(b, a.checksum)
	b = append(b, a.log[:]...)
	b = append(b, a.incarnation[:]...)
	b = le.AppendUint64(b, uint64(a.head))
	b = le.AppendUint64(b, a.at.segment)
	b = le.AppendUint64(b, uint64(a.at.offset))
	b = le.AppendUint32(b, 0)
	return le.AppendUint32(b, crc32.Update(salt, castagnoli, b[at:]))
}

// decodeAnnouncement reads what append made. Behind it there may be anything.
func decodeAnnouncement(b []byte, salt uint32) (announcement, error) {
	if len(b) < announcementBytes {
		return announcement{}, fmt.Errorf("it has %d bytes, and %d are needed", len(b), announcementBytes)
	}
	if string(b[:8]) != announcementMagic {
		return announcement{}, errors.New("it does not begin as such a file does")
	}
	if le.Uint32(b[76:]) != crc32.Update(salt, castagnoli, b[:76]) {
		return announcement{}, errors.New("its checksum is wrong")
	}
	if version := le.Uint32(b[8:]); version != formatVersion {
		return announcement{}, fmt.Errorf("it is of version %d of the format, and this program knows %d", version, formatVersion)
	}
	return announcement{
		log:         uuid.UUID(b[16:32]),
		incarnation: uuid.UUID(b[32:48]),
		head:        daybook.Position(le.Uint64(b[48:])),
		at:          place{le.Uint64(b[56:]), int64(le.Uint64(b[64:]))},
		checksum:    le.Uint32(b[12:]),
	}, nil
}

// readAnnouncement returns what HEAD says. It says nothing of value if it is missing, if
// a power cut tore it, or if it is of another life of the log.
func readAnnouncement(h *home, m *manifest) (announcement, bool) {
	// Whoever reads while it is being written may see a part of either; that shows, and
	// the writing takes no time.
	for range 8 {
		b, err := readFile(h, headName, announcementBytes)
		if err != nil {
			return announcement{}, false
		}
		a, err := decodeAnnouncement(b, m.salt)
		if err == nil {
			return a, a.log == m.log && a.incarnation == m.incarnation
		}
	}
	return announcement{}, false
}

// An announcer writes HEAD: after each group, when it is published and before its appends
// are answered, so that whoever was answered finds the events through any reader. It is
// one write of 80 bytes, a microsecond or two beside a sync of a hundred and more; it is
// not synced, because what is in the log is not decided by it.
//
// It is used by one goroutine at a time.
type announcer struct {
	file    vfs.File // nil until something is announced
	buffer  []byte
	failing bool // the last attempt failed, and that was said
}

func (n *announcer) announce(h *home, life daybook.Point, v *view) {
	if err := n.write(h, life, v); err != nil {
		if !n.failing {
			h.log.Warn("those who read beside this store do not learn at once what is recorded", "err", err)
		}
		n.failing = true
		// One that cannot be brought up to date must not be taken for new.
		if err := h.remove(headName); err != nil {
			h.log.Warn("could not remove a file that is out of date", "name", headName, "err", err)
		}
		return
	}
	n.failing = false
}

func (n *announcer) write(h *home, life daybook.Point, v *view) error {
	if n.file == nil {
		f, err := h.world.FS.OpenWrite(h.path(headName))
		if errors.Is(err, fs.ErrNotExist) {
			f, err = h.world.FS.Create(h.path(headName))
		}
		if err != nil {
			return err
		}
		n.file = f
	}
	a := announcement{log: life.Log, incarnation: life.Incarnation, head: v.head, at: v.endPlace(), checksum: v.checksum}
	n.buffer = a.append(n.buffer[:0], h.salt)
	if _, err := n.file.WriteAt(n.buffer, 0); err != nil {
		err = errors.Join(err, n.file.Close())
		n.file = nil
		return err
	}
	return nil
}

// close closes the file, which stays and says where the log ended.
func (n *announcer) close() error {
	if n.file == nil {
		return nil
	}
	f := n.file
	n.file = nil
	return f.Close()
}
