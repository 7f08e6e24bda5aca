package logstore

import (
	"context"
	"errors"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// errFull ends a walk over frames: the next one has no room, or is not asked for.
var errFull = errors.New("there is no more room")

// original reports whether the frames of a sealed segment are those that were first
// written. Each has the checksum of the one before in its own, so where one was changed the
// last one has another checksum than the next segment follows. A segment that was only
// packed has them all.
func (s *segment) original() bool { return s.last == s.chain }

// Frames implements shared.Node.
func (n node) Frames(ctx context.Context, after, to daybook.Position, most int) ([]byte, error) {
	v := n.store.view.Load()
	if after >= v.head {
		return nil, nil
	}
	var b []byte
	for i := max(v.segmentAfter(after), 0); i < len(v.segments)-1 && v.segments[i].original(); i++ { // the last one is being written
		var full bool
		var err error
		if b, full, err = n.appendFrames(ctx, b, v.segments[i], after, to, most); err != nil || full {
			return b, err
		}
	}
	return b, nil
}

// appendFrames appends to b the frames of a sealed segment that lie behind a position and up
// to another one, as far as there is room. full says that none may come behind them.
func (n node) appendFrames(ctx context.Context, b []byte, seg *segment, after, to daybook.Position, most int) (_ []byte, full bool, err error) {
	from, marks, err := seg.offsetAfter(after, seg.end)
	if err != nil {
		return b, false, err
	}
	c := chain{seg: seg, marks: marks}
	c.begin(from)
	at := from
	bad, err := walk(seg, from, seg.end, func(offset int64, f frame.Frame) error {
		at = offset
		if err := c.next(f, offset); err != nil {
			return err
		}
		if n.store.isClosed() {
			return daybook.ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.First() <= after {
			return nil
		}
		if f.Last() > to || len(b)+len(f) > most {
			return errFull
		}
		b = append(b, f...)
		return nil
	})
	switch {
	case err != nil:
		return b, false, err
	case errors.Is(bad, errFull):
		return b, true, nil
	case errors.Is(bad, daybook.ErrClosed):
		return b, false, daybook.ErrClosed
	case ctx.Err() != nil:
		return b, false, &daybook.UnavailableError{Doing: "read", Err: ctx.Err()}
	case bad != nil:
		return b, false, seg.corrupt(at, 0, bad)
	}
	return b, false, nil
}

// Follows implements shared.Node.
func (n node) Follows(b []byte) (daybook.Position, error) {
	v := n.store.view.Load()
	t := tail{head: v.head, stamp: v.stamp, checksum: v.checksum}
	for len(b) > 0 {
		f, err := nextFrame(b, n.store.home.salt, t)
		if err != nil {
			return t.head, &daybook.CorruptError{Where: "frames of another node", Position: t.head, Err: err}
		}
		t.head, t.stamp, t.checksum = f.Last(), f.Stamp(), f.Checksum()
		b = b[len(f):]
	}
	return t.head, nil
}
