package logstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/internal/shared"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// A node is a store as the log sees it that it shares with others.
type node struct{ store *Store }

var _ shared.Node = node{}

// Append implements shared.Colleague.
func (n node) Append(ctx context.Context, seen daybook.Position, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	return n.store.appendFor(ctx, seen, events, cond)
}

// Known implements shared.Colleague.
func (n node) Known(ctx context.Context, stamp int64) (daybook.Position, error) {
	return n.store.knownHere(ctx, stamp)
}

// Wake implements shared.Node.
func (n node) Wake() { n.store.order.nudge() }

// Head implements shared.Node.
func (n node) Head() daybook.Position { return n.store.view.Load().head }

// Until implements shared.Node.
func (n node) Until(ctx context.Context, p daybook.Position) error { return n.store.untilHere(ctx, p) }

// Compare implements shared.Node.
func (n node) Compare(ctx context.Context, frames []byte) error {
	v := n.store.view.Load()
	for len(frames) > 0 {
		if err := ctx.Err(); err != nil {
			return &daybook.UnavailableError{Doing: "verify", Err: err}
		}
		if n.store.isClosed() {
			return daybook.ErrClosed
		}
		f, err := frame.Parse(frames, n.store.home.salt)
		if err != nil {
			return &daybook.CorruptError{Where: "the log that the nodes share", Err: err}
		}
		if err := n.compare(v, f); err != nil {
			return err
		}
		frames = frames[len(f):]
	}
	return nil
}

// errFound ends a walk over frames: the one that was looked for is there.
var errFound = errors.New("the frame was found")

// compare compares one frame with what the node has of it.
func (n node) compare(v *view, f frame.Frame) error {
	before := f.First() - 1
	i := v.segmentAfter(before)
	if i < 0 || f.Last() > v.head {
		return &daybook.UnavailableError{Doing: "verify", Err: fmt.Errorf("positions from %d to %d have not arrived in %s, which ends at %d", f.First(), f.Last(), n.store.home.dir, v.head)}
	}
	seg := v.segments[i]
	from, _, err := seg.offsetAfter(before, v.endOf(i))
	if err != nil {
		return err
	}
	bad, err := walk(seg, from, v.endOf(i), func(offset int64, own frame.Frame) error {
		if own.First() < f.First() {
			return nil
		}
		if why := differs(own, f); why != "" {
			return fmt.Errorf("the frame at %d, of positions from %d, %s", offset, own.First(), why)
		}
		return errFound
	})
	if err != nil || errors.Is(bad, errFound) {
		return err
	}
	if bad == nil {
		bad = errors.New("it is missing")
	}
	return &daybook.CorruptError{Where: seg.path(), Position: before, Err: fmt.Errorf("it is not what the nodes share from position %d on: %w", f.First(), bad)}
}

// differs says how a frame that a node keeps differs from the one in the log, or returns
// nothing. Events may have become stubs.
func differs(own, f frame.Frame) string {
	if bytes.Equal(own, f) {
		return ""
	}
	if own.First() != f.First() || own.Last() != f.Last() || own.Len() != f.Len() || own.Stamp() != f.Stamp() {
		return fmt.Sprintf("has %d events up to position %d, recorded at %d, and should have %d up to %d, at %d", own.Len(), own.Last(), own.Stamp(), f.Len(), f.Last(), f.Stamp())
	}
	digests := make([][sha256.Size]byte, 0, f.Len())
	for _, e := range f.Events() {
		digests = append(digests, f.Recorded(e).Digest())
	}
	i := 0
	for _, e := range own.Events() {
		if r := own.Recorded(e); r.Digest() != digests[i] {
			return fmt.Sprintf("has another event at position %d", r.Position)
		}
		i++
	}
	return ""
}
