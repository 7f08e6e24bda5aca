package natsstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// An outcome is what became of a message.
type outcome int

const (
	stored  outcome = iota
	passed          // another message is in its place, so it never will be stored
	refused         // it was not stored: it never came to where it could be, or there was no room
	unknown         // nobody knows: it may be on its way
)

// publish sends a message to the stream once. It returns its sequence.
func (l *log) publish(ctx context.Context, msg *nats.Msg) (uint64, error) {
	answer, err := l.conn.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Error  *jetstream.APIError `json:"error"`
		Stream string              `json:"stream"`
		Seq    uint64              `json:"seq"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return 0, fmt.Errorf("an acknowledgement cannot be read: %w", err)
	}
	if ack.Error != nil {
		return 0, ack.Error
	}
	if ack.Stream != l.subjects.stream {
		return 0, fmt.Errorf("stream %s has taken what was for %s", ack.Stream, l.subjects.stream)
	}
	return ack.Seq, nil
}

// put has a message stored right behind the one that is expected to be the last of the
// stream, or finds out that it never will be.
//
// An error is not believed. *Wrong last sequence* may mean that the message itself is
// there, by an attempt whose answer was lost; no answer may mean anything. So the leader
// is asked what is in the place. As long as nothing is, the same message is sent again:
// at most one copy of it can be stored, because all expect the same last sequence.
func (l *log) put(ctx context.Context, msg *nats.Msg, last uint64) (uint64, outcome, error) {
	msg.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(last, 10))
	sent := false // a copy of it may be on its way
	var why error
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		once, cancel := context.WithTimeout(ctx, l.times.attempt)
		seq, err := l.publish(once, msg)
		cancel()
		if err == nil && seq == last+1 {
			return seq, stored, nil
		}
		if err == nil {
			err = fmt.Errorf("it was stored as message %d, and not behind %d", seq, last)
		}
		if !sent && (errors.Is(err, nats.ErrMaxPayload) || noRoom(err)) {
			return 0, refused, err
		}
		why, sent = err, sent || !neverSent(err) && !noRoom(err)
		once, cancel = context.WithTimeout(ctx, l.times.attempt)
		there, found, err := l.at(once, last+1)
		cancel()
		if found && there.Header.Get(headerID) == msg.Header.Get(headerID) {
			return last + 1, stored, nil
		}
		if found {
			return 0, passed, fmt.Errorf("message %d of the stream is another one, on %s", last+1, there.Subject)
		}
		if err != nil {
			why = errors.Join(why, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if sent {
				return 0, unknown, why
			}
			return 0, refused, why
		}
	}
}

// noRoom reports whether a stream has answered that a message was not stored, because the
// stream, the account or the server is full, or the message too long for it.
func noRoom(err error) bool {
	var answered *jetstream.APIError
	if !errors.As(err, &answered) {
		return false
	}
	switch answered.ErrorCode {
	case 10002, // the account has no room
		10023, // the server has none
		10054, // the message is longer than the stream takes
		10077: // the stream has none
		return true
	}
	return false
}

// neverSent reports whether an error says that the message has reached nobody.
func neverSent(err error) bool {
	for _, before := range []error{nats.ErrNoResponders, nats.ErrReconnectBufExceeded, nats.ErrMaxPayload} {
		if errors.Is(err, before) {
			return true
		}
	}
	return false
}
