package logstore

import (
	"errors"
	"fmt"
	"sort"

	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// A chain is what the next frame must be when frames are read one after the other. The
// checksum of a frame tells that it was written like this, but not that it was written
// here: a disk may give back a block of another place, or an old one.
type chain struct {
	seg   *segment
	marks []mark

	checksum uint32 // of the frame before
	chained  bool   // checksum is known
}

// begin says that the next frame is read at an offset, where the frames of the segment
// begin or one of them is marked.
func (c *chain) begin(offset int64) {
	c.checksum, c.chained = c.seg.before, offset == segmentHeaderBytes
}

// next returns why the frame at an offset, sound by itself, is not the one that was
// written there.
func (c *chain) next(f frame.Frame, offset int64) error {
	if c.chained && f.Before() != c.checksum {
		return fmt.Errorf("a frame follows one with checksum %08x, and the one before has %08x", f.Before(), c.checksum)
	}
	if !c.chained {
		m := sort.Search(len(c.marks), func(i int) bool { return c.marks[i].offset >= offset })
		if m < len(c.marks) && c.marks[m].offset == offset && c.marks[m].position != f.First() {
			return fmt.Errorf("a frame of positions from %d is where one from %d on was", f.First(), c.marks[m].position)
		}
	}
	c.checksum, c.chained = f.Checksum(), true
	return nil
}

// blockBytes is the longest stretch that a disk may give back from another place without
// everybody noticing who reads a frame of it: a page, which is what file systems write.
const blockBytes = 4096

// vouch returns an error if the frame found last, sound by itself, is not the one that
// was written there. An index leads to a frame and not through those before it, so one
// looks at what comes behind: as far as a block goes, each frame must name the checksum
// of the one before. Where one does not, it is not known which of the two is in the
// wrong place or damaged, and all frames from the mark before are gone through.
func (in *fetcher) vouch(end int64) error {
	begins := in.begins
	at, last := begins, in.frame.Checksum()
	for n := len(in.frame); at <= begins+blockBytes; {
		if at += int64(n); at == end {
			break
		}
		if at+frame.HeaderBytes > end {
			return in.vouchFromMark()
		}
		b, err := in.bytes(at, frame.HeaderBytes)
		if err != nil {
			return err
		}
		header := frame.Frame(b)
		if n = frame.Length(header); n == 0 || header.Before() != last {
			return in.vouchFromMark()
		}
		last = header.Checksum()
	}
	if sealed := in.seg.ending.Load(); at == end && sealed != nil && last != *sealed {
		return in.vouchFromMark()
	}
	return nil
}

// vouchFromMark goes through the frames from the last mark up to the one found last.
func (in *fetcher) vouchFromMark() error {
	seg, begins := in.seg, in.begins
	marks, err := seg.marksBefore(begins + 1)
	if err != nil {
		return err
	}
	at := int64(segmentHeaderBytes)
	if len(marks) > 0 {
		at = marks[len(marks)-1].offset
	}
	chain := chain{seg: seg, marks: marks}
	chain.begin(at)
	bad, err := walk(seg, at, begins+int64(len(in.frame)), func(offset int64, f frame.Frame) error {
		at = offset
		if err := chain.next(f, offset); err != nil {
			return err
		}
		at += int64(len(f))
		return nil
	})
	if err == nil && bad == nil && chain.checksum != in.frame.Checksum() {
		bad = errors.New("the frames before do not lead to the one here")
	}
	if bad != nil {
		return seg.corrupt(at, 0, bad)
	}
	return err
}
