package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/mutant"
)

// A frame's header. These bytes are on people's disks; numbers are little-endian.
//
//	offset  size  what
//	     0     4  checksum: CRC32C of all that follows, begun with the log's salt
//	     4     4  length of the frame with header and events, a multiple of 8
//	     8     4  magic: "DBf1"
//	    12     4  checksum of the frame before; for the first one, the log's salt
//	    16     8  position of the first event
//	    24     8  position that was durable when the frame's group was written
//	    32     8  recorded at, nanoseconds since 1970 in UTC
//	    40     4  number of events, at least 1
//	    44     4  flags: 1 says that there are gaps between the positions
//	    48        the events, see event.go
const (
	HeaderBytes = 48
	magic       = 0x31664244 // "DBf1"

	// Align is what every frame and every event begins at a multiple of, so that an
	// index can name a place in a file of 16 GiB with 31 bits.
	Align = 8

	gapsFlag = 1

	// MaxBytes bounds what is believed of a length that was read. It is three times
	// what the engine's limits on one append come to.
	MaxBytes = 64 << 20
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// A Frame is the bytes of one append. One that [Parse] returned is sound: nothing that
// is read from it goes past its end.
type Frame []byte

// Length returns the number of bytes of the frame that begins at b, as far as its
// header can be believed; zero if it cannot. It needs [HeaderBytes] bytes.
func Length(b []byte) int {
	n := int(le.Uint32(b[4:]))
	if le.Uint32(b[8:]) != magic || n < HeaderBytes+eventHeaderBytes || n > MaxBytes || n%Align != 0 {
		return 0
	}
	return n
}

// Checksum returns the frame's checksum, which the frame after it repeats.
func (f Frame) Checksum() uint32 { return le.Uint32(f) }

// Before returns the checksum of the frame before.
func (f Frame) Before() uint32 { return le.Uint32(f[12:]) }

// First returns the position of the frame's first event.
func (f Frame) First() daybook.Position { return daybook.Position(le.Uint64(f[16:])) }

// Last returns the position of the frame's last event.
func (f Frame) Last() daybook.Position {
	if le.Uint32(f[44:]) != gapsFlag {
		return f.First() + daybook.Position(f.Len()) - 1
	}
	place := 0
	for _, e := range f.Events() {
		place = e.Place()
	}
	return f.First() + daybook.Position(place)
}

// Durable returns the last position that was durable when the frame's group was
// written.
func (f Frame) Durable() daybook.Position { return daybook.Position(le.Uint64(f[24:])) }

// Stamp returns when the frame was recorded, in nanoseconds since 1970.
func (f Frame) Stamp() int64 { return int64(le.Uint64(f[32:])) }

// Len returns the number of events.
func (f Frame) Len() int { return int(le.Uint32(f[40:])) }

// A Seal is what is known of a frame only when its turn in the log has come.
type Seal struct {
	// Before is the checksum of the frame before.
	Before uint32
	// First is the position of the first event; the others follow by their places,
	// without gaps if [Encode] laid them out.
	First daybook.Position
	// Durable is the last position that is durable when the frame's group is written.
	Durable daybook.Position
	// Stamp is when the frame is recorded, in nanoseconds since 1970.
	Stamp int64
}

// Seal fills in what [Encode] left open, and the checksum. The versions of the events
// must have been set.
func (f Frame) Seal(salt uint32, s Seal) {
	le.PutUint32(f[12:], s.Before)
	le.PutUint64(f[16:], uint64(s.First))
	le.PutUint64(f[24:], uint64(s.Durable))
	le.PutUint64(f[32:], uint64(s.Stamp))
	if mutant.Planted("salt-ignored") {
		salt = 0
	}
	le.PutUint32(f, crc32.Update(salt, castagnoli, f[4:]))
}

// ErrNone says that no frame begins where one was looked for.
var ErrNone = errors.New("no frame begins here")

// Parse returns the frame that begins at b, which may go on after it. It returns an
// error if b does not begin with all the bytes of a frame, as it was sealed with the
// same salt. The frame is b's own bytes.
func Parse(b []byte, salt uint32) (Frame, error) {
	if len(b) < HeaderBytes {
		return nil, ErrNone
	}
	n := Length(b)
	if n == 0 {
		return nil, ErrNone
	}
	if n > len(b) {
		return nil, fmt.Errorf("a frame of %d bytes ends after %d", n, len(b))
	}
	f := Frame(b[:n:n])
	if mutant.Planted("salt-ignored") {
		salt = 0
	}
	if sum := crc32.Update(salt, castagnoli, f[4:]); sum != f.Checksum() {
		return nil, fmt.Errorf("the checksum of a frame of %d bytes is %08x, and %08x is written in it", n, sum, f.Checksum())
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// check makes sure that nothing that is read of the frame goes past its end. A frame
// with the right checksum fails it only if another program wrote it.
func (f Frame) check() error {
	flags := le.Uint32(f[44:])
	if flags&^gapsFlag != 0 {
		return fmt.Errorf("a frame has flags %#x, which this program does not know", flags)
	}
	at, place := HeaderBytes, -1
	for i := range f.Len() {
		e := Event(f[at:])
		if err := e.check(at, i); err != nil {
			return err
		}
		gap := flags == gapsFlag && i > 0 && e.Place() > place
		if place++; !gap && e.Place() != place {
			return fmt.Errorf("event %d of a frame is not at the place where it says that it is", i+1)
		}
		place = e.Place()
		at += e.length()
	}
	if at != len(f) || f.Len() == 0 {
		return fmt.Errorf("a frame of %d bytes has %d events that end at %d", len(f), f.Len(), at)
	}
	return nil
}
