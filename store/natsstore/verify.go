package natsstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
)

// Verified is what [Store.Verify] compared.
type Verified struct {
	// Commits is how many commits there are in the stream, and Position the last position
	// in them.
	Commits  int
	Position daybook.Position
}

// errEnd ends the reading of a stream where it ended when that began.
var errEnd = errors.New("the end of the stream")

// Verify compares this node's copy with the stream, frame by frame, up to where the
// stream ends when it is called. Events that were scavenged here are compared by their
// digests. It returns what it compared, also with an error: a [*daybook.CorruptError] names
// the first place at which the copy is not what the stream has, or the stream itself is
// damaged; an [*daybook.UnavailableError] says that ctx ended, or why the stream cannot be
// read. A copy that differs is mended by closing the store, removing the segment's file
// and opening again: it is fetched anew.
//
// It reads the whole stream; appends and readings go on meanwhile.
func (s *Store) Verify(ctx context.Context) (*Verified, error) {
	l := s.log
	v := new(Verified)
	if l.life.Err() != nil {
		return v, daybook.ErrClosed
	}
	_, last, err := l.ends(ctx)
	if err == nil && last.seq > 0 {
		if err = l.until(ctx, last.last); err == nil {
			err = s.compare(ctx, last.seq, v)
		}
	}
	if err == nil || errors.As(err, new(*daybook.CorruptError)) || errors.As(err, new(*daybook.UnavailableError)) || errors.Is(err, daybook.ErrClosed) {
		return v, err
	}
	return v, &daybook.UnavailableError{Doing: "verify", Err: err}
}

// compare compares the copy with the stream up to a message.
func (s *Store) compare(ctx context.Context, end uint64, v *Verified) error {
	l := s.log
	take := func(ctx context.Context, seq uint64, msg jetstream.Msg) error {
		if msg.Subject() == l.subjects.commit {
			c, err := decodeCommit(seq, msg.Headers(), msg.Data())
			if err != nil {
				return err
			}
			if c.after != v.Position {
				return &daybook.CorruptError{Where: fmt.Sprintf("message %d of the stream", seq), Position: v.Position, Err: fmt.Errorf("it follows position %d, and the one before ends at %d", c.after, v.Position)}
			}
			if err := l.node.Compare(ctx, c.frames); err != nil {
				return err
			}
			v.Commits++
			v.Position = c.last
		}
		if seq >= end {
			return errEnd
		}
		return nil
	}
	for next, tries := uint64(1), 0; ; tries++ {
		from := next
		err := l.read(ctx, &next, take)
		var corrupt *daybook.CorruptError
		switch {
		case errors.Is(err, errEnd):
			return nil
		case ctx.Err() != nil, errors.As(err, &corrupt), errors.Is(err, daybook.ErrClosed), l.life.Err() != nil:
			return err
		}
		if next > from {
			tries = 0
		}
		if tries > 10 { // each is as long as the stream may take to answer
			return err
		}
	}
}
