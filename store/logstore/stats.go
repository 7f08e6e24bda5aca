package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// Stats are what a log's directory says of it at a glance, without its events being read.
type Stats struct {
	// Dir is the log's directory.
	Dir string
	// Head is the log, its incarnation, and the last position that is known to be durable.
	Head daybook.Point
	// Closed reports that the log was closed properly and not written since. Otherwise
	// somebody has it open, or it crashed.
	Closed bool
	// Owner is what whoever opened the log last wrote down of itself; after a crash it
	// stays. It is empty if nothing was written down.
	Owner string

	// Events is how many positions the log has up to Head. A log that was restored from
	// another one may have gaps between them, and has fewer events then.
	Events uint64
	// Oldest and Newest are when the first and the last event were recorded; zero if there
	// are none.
	Oldest, Newest time.Time

	// Segments are the log's segments in order.
	Segments []SegmentStats
	// SegmentBytes and IndexBytes are the sizes of the files of all segments, and of their
	// indexes. What is reserved behind the end of the last segment counts.
	SegmentBytes, IndexBytes int64
	// FrameBytes are those of the segments' bytes that hold events.
	FrameBytes int64
	// Aside are the files that recovery or [Repair] have set aside, and AsideBytes their
	// size.
	Aside      []string
	AsideBytes int64
}

// SegmentStats are what is known of a segment.
type SegmentStats struct {
	// Name is that of the file in the log's directory.
	Name string
	// First is the first position that it may hold, and Last the last one that it holds
	// and that is known to be durable.
	First, Last daybook.Position
	// Sealed reports that it does not change any more.
	Sealed bool
	// Bytes is the size of the file, FrameBytes how many of them hold events, and
	// IndexBytes the size of the index file, zero if there is none.
	Bytes, FrameBytes, IndexBytes int64
}

// BytesPerEvent returns what an event takes on the disk on average, its index included;
// zero if there are none.
func (s *Stats) BytesPerEvent() float64 {
	if s.Events == 0 {
		return 0
	}
	return float64(s.FrameBytes+s.IndexBytes) / float64(s.Events)
}

// ReadStats returns what a log's directory says of it. It writes nothing, and the log may
// be closed, left by a crash, or in use by another process or this one. An error that
// wraps [fs.ErrNotExist] says that there is no log; a [*daybook.CorruptError] that it is
// damaged where ReadStats has to look, and [Verify] says more.
func ReadStats(ctx context.Context, dir string) (*Stats, error) {
	absolute, err := directory(dir)
	if err != nil {
		return nil, err
	}
	return readStats(ctx, vfs.OS(), absolute)
}

func readStats(ctx context.Context, world vfs.World, dir string) (s *Stats, err error) {
	err = unlessReplaced(func() error {
		s, err = statsOf(ctx, world, dir)
		return err
	})
	return s, err
}

func statsOf(ctx context.Context, world vfs.World, dir string) (_ *Stats, err error) {
	r, err := openReader(world, dir, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	v, m := r.store.view.Load(), r.manifest
	s := &Stats{Dir: dir, Head: r.store.life.At(v.head), Closed: m.clean != nil, Owner: readOwner(r.store.home), Newest: timeOf(v.stamp)}
	if v.head == 0 {
		s.Newest = time.Time{}
	}
	for i, seg := range v.segments {
		if err := ctx.Err(); err != nil {
			return nil, &daybook.UnavailableError{Doing: "read stats", Err: err}
		}
		part := SegmentStats{Name: seg.name(), First: seg.first, Last: v.head, Sealed: i < len(m.sealed), FrameBytes: v.endOf(i) - segmentHeaderBytes}
		if part.Sealed {
			part.Last = m.sealed[i].last
		}
		if part.Bytes, err = world.FS.Size(seg.path()); err != nil {
			return nil, fmt.Errorf("logstore: look at %s: %w", seg.path(), err)
		}
		part.IndexBytes, err = world.FS.Size(r.store.home.path(seg.indexName()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("logstore: look at %s: %w", seg.home.path(seg.indexName()), err)
		}
		if s.Oldest.IsZero() {
			marks, err := seg.marksBefore(v.endOf(i))
			if err != nil {
				return nil, err
			}
			if len(marks) > 0 {
				s.Oldest = timeOf(marks[0].stamp)
				s.Events = uint64(v.head - marks[0].position + 1)
			}
		}
		s.Segments = append(s.Segments, part)
		s.SegmentBytes += part.Bytes
		s.FrameBytes += part.FrameBytes
		s.IndexBytes += part.IndexBytes
	}
	return s, s.setAside(r.store.home)
}

// setAside finds the files that were set aside.
func (s *Stats) setAside(h *home) error {
	names, err := h.world.FS.List(h.dir)
	if err != nil {
		return fmt.Errorf("logstore: list %s: %w", h.dir, err)
	}
	for _, name := range names {
		if !isAside(name) {
			continue
		}
		size, err := h.world.FS.Size(h.path(name))
		if err != nil {
			return fmt.Errorf("logstore: look at %s: %w", h.path(name), err)
		}
		s.Aside = append(s.Aside, name)
		s.AsideBytes += size
	}
	return nil
}

// isAside reports whether a file of that name was set aside: what a crash left of an
// append, a segment that no manifest named, what was damaged.
func isAside(name string) bool {
	return strings.Contains(name, ".torn-") || strings.Contains(name, ".aside") || strings.Contains(name, ".damaged")
}

// String returns the stats as a table for people.
func (s *Stats) String() string {
	var b strings.Builder
	state := notClosed
	if s.Closed {
		state = "closed"
	}
	fmt.Fprintf(&b, "log          %s\nincarnation  %s\nstate        %s\n", s.Head.Log, s.Head.Incarnation, state)
	if s.Owner != "" {
		fmt.Fprintf(&b, "owner        %s\n", s.Owner)
	}
	fmt.Fprintf(&b, "head         %d\nevents       %s\n", s.Head.Position, grouped(s.Events))
	if s.Events > 0 {
		fmt.Fprintf(&b, "recorded     %s to %s\n", s.Oldest.Format(time.RFC3339), s.Newest.Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "segments     %s, %s\nindexes      %s\nper event    %s\n", grouped(len(s.Segments)), numbered(s.SegmentBytes, "byte"),
		numbered(s.IndexBytes, "byte"), numbered(int64(math.Round(s.BytesPerEvent())), "byte"))
	if len(s.Aside) > 0 {
		fmt.Fprintf(&b, "set aside    %s, %s: %s\n", numbered(len(s.Aside), "file"), numbered(s.AsideBytes, "byte"), strings.Join(s.Aside, ", "))
	}
	return b.String()
}
