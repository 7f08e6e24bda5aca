package logstore

import (
	"log/slog"
	"time"

	"github.com/daybook-es/daybook"
)

// Options adjust a store. The zero value, and nil, are right for most programs.
type Options struct {
	// SegmentBytes is the size at which a segment file is sealed and the next one
	// begun. Zero means 1 MiB for the first segment, so that a small log takes little
	// room, and twice as much for each further one, up to 64 MiB. The most is 16 GiB.
	SegmentBytes int64

	// Stride is how many positions the head moves before Wait returns although nothing
	// that it waits for was recorded. Zero means 10,000.
	Stride uint64

	// OpenFiles is how many of the log's files may be open for reading at the same time.
	// Zero means 256. A log has two for each segment, and those that have not been read
	// for the longest time are closed; so this is about how many descriptors the program
	// has to spare, and how often files are opened.
	OpenFiles int

	// Compress has sealed segments compressed, in the background and in blocks that are read
	// by themselves. Segments that were sealed before are compressed when the next one is,
	// or by [Store.Compress]; those that are compressed stay so without it.
	Compress bool

	// PastLost reads and decides as if what was lost had never been there. It is about a
	// log that was repaired without events that nobody had any more; see [RepairOptions].
	// Otherwise a reading that may have selected some of them ends there with a
	// [*daybook.CorruptError] that wraps [ErrLost], and so does an append that may depend on
	// them.
	PastLost bool

	// Owner says who has the directory open, such as "orders at http://localhost:8080,
	// process 42". Others who try to open it find it in their [LockedError].
	Owner string

	// Logger is told what was set aside at recovery, and what the disk failed to do.
	// Nil means [slog.Default].
	Logger *slog.Logger
}

const (
	firstSegmentBytes = 1 << 20
	// A segment is what is read again when the store was not closed, and what is
	// indexed in memory: 64 MiB are scanned in a fraction of a second.
	mostSegmentBytes = 64 << 20
	// An index names a place with 31 bits, in units of eight bytes. No event begins beyond
	// that: only a frame that has a segment for itself may be longer than the segment.
	greatestSegmentBytes = 16 << 30

	// With segments of 64 MiB these are 8 GiB of log. A program may often have no more
	// than 1024 files open, its connections included.
	defaultOpenFiles = 256

	// A follower that saves its checkpoint every 10,000 positions reads again what is
	// read in about a millisecond.
	defaultStride = 10_000
)

// limits: the sequencer handles an append whole, so while it checks and copies a large
// one the others wait. 16 MiB and 10,000 events are some ten milliseconds.
var limits = daybook.Limits{AppendEvents: 10_000, AppendBytes: 16 << 20}

// Limits returns how many events and bytes an append to any [Store] of this package may
// have, as its Info says: for whoever checks events before there is a log.
func Limits() daybook.Limits { return limits }

// segmentBytes returns the size at which a segment is sealed.
func (s *Store) segmentBytes(number uint64) int64 {
	if s.options.SegmentBytes > 0 {
		return min(s.options.SegmentBytes, greatestSegmentBytes)
	}
	return min(mostSegmentBytes, int64(firstSegmentBytes)<<min(number-1, 16))
}

func timeOf(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }
