package natsstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
)

// A node that is far behind gets what it lacks from another node's copy. That takes the
// work off the servers that keep the stream: of a log of many small commits a node hands
// over thousands in a message.

// farBehind is how many positions a node must lack to ask other nodes for them. A node
// gives what lies in segments that are sealed, and the first is sealed at a MiB, which is
// about as many events; and the stream gives a thousand messages at a time.
const farBehind = 5_000

// framesQueue is the queue group of those who give frames: one of them answers.
const framesQueue = "nodes"

// A framesQuestion asks for frames behind a position and up to another one that have room in
// some bytes. What is answered is these frames, end to end, or nothing.
type framesQuestion struct {
	After daybook.Position `json:"after"`
	To    daybook.Position `json:"to"`
	Most  int              `json:"most"`
}

// give answers those who ask for frames. It begins when this node has come to the end of
// the stream itself.
func (l *log) give() error {
	_, err := l.conn.QueueSubscribe(l.subjects.frames, framesQueue, func(msg *nats.Msg) {
		frames, err := l.framesFor(msg.Data)
		if err != nil {
			l.logger.Warn("another node cannot be given all frames that it asks for", "bytes", len(frames), "err", err)
		}
		if err := msg.Respond(frames); err != nil {
			l.logger.Warn("an answer to another node is lost", "err", err)
		}
	})
	return err
}

// framesFor returns the frames that are asked for. A node that is not well has none: its
// copy may not be what the stream has.
func (l *log) framesFor(b []byte) ([]byte, error) {
	var q framesQuestion
	if err := decodeStrict(b, &q); err != nil {
		return nil, fmt.Errorf("a question of another node cannot be read: %w", err)
	}
	if err := errors.Join(l.life.Err(), l.health(), l.copyHealth()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(l.life, l.times.attempt)
	defer cancel()
	return l.node.Frames(ctx, q.After, q.To, min(q.Most, l.GroupBytes()))
}

// bootstrap takes in what other nodes have behind this node's copy, up to the last position
// of the stream, as long as they have any, with one answer in memory at a time. What does
// not come, or cannot be what comes next here, ends it: the stream has everything. The error
// says why this node itself takes nothing in.
func (l *log) bootstrap(ctx context.Context, end daybook.Position) error {
	from := l.node.Head()
	defer func() {
		if head := l.node.Head(); head > from {
			l.logger.Info("another node's copy gave a part of the log", "after", from, "up to", head)
		}
	}()
	for head := from; head < end; {
		frames, err := l.askFrames(ctx, head, end)
		if errors.Is(err, nats.ErrNoResponders) || err == nil && len(frames) == 0 {
			return nil
		}
		var last daybook.Position
		if err == nil {
			last, err = l.node.Follows(frames)
		}
		if err == nil && last > end {
			err = fmt.Errorf("they come to position %d, and the stream ended at %d", last, end)
		}
		if err != nil {
			l.logger.Warn("other nodes give nothing that follows here; the stream is read", "after", head, "err", err)
			return nil
		}
		if err := l.follower.keep(ctx, commit{last: last, frames: frames}); err != nil {
			return err
		}
		if err := l.until(ctx, last); err != nil {
			return fmt.Errorf("take in what another node has: %w", err)
		}
		head = last
	}
	return nil
}

// askFrames asks whichever node answers for frames behind a position and up to another one.
func (l *log) askFrames(ctx context.Context, after, to daybook.Position) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, l.times.attempt)
	defer cancel()
	msg, err := l.conn.RequestMsgWithContext(ctx, &nats.Msg{
		Subject: l.subjects.frames, Data: encodeJSON(framesQuestion{After: after, To: to, Most: l.GroupBytes()}),
	})
	if err != nil {
		return nil, err
	}
	return msg.Data, nil
}
