package natsstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/internal/shared"
)

// config is how the stream of a log is set up: nothing that was stored is ever removed,
// and who asks asks the leader.
func (s subjects) config(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        s.stream,
		Description: "a log of Daybook",
		Subjects:    []string{s.identity, s.epoch, s.commit},
		Storage:     jetstream.FileStorage,
		Replicas:    replicas,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxMsgs:     -1,
		MaxBytes:    -1,
		MaxMsgSize:  -1,
		DenyDelete:  true,
		DenyPurge:   true,
	}
}

// sound returns why a stream that exists cannot be trusted with a log, or nil.
func (s subjects) sound(c jetstream.StreamConfig) error {
	var wrong string
	switch {
	case !slices.Equal(c.Subjects, []string{s.identity, s.epoch, s.commit}):
		wrong = fmt.Sprintf("has the subjects %q", c.Subjects)
	case c.Storage != jetstream.FileStorage:
		wrong = "is kept in memory"
	case c.Retention != jetstream.LimitsPolicy:
		wrong = fmt.Sprintf("removes what was read (retention %v)", c.Retention)
	case c.Discard != jetstream.DiscardNew:
		wrong = "discards old messages when it is full"
	case c.MaxMsgs > 0 || c.MaxAge > 0 || c.MaxMsgsPerSubject > 0: // of bytes it may: then it refuses new ones
		wrong = "has a limit of messages or of their age"
	case !c.DenyDelete || !c.DenyPurge:
		wrong = "allows that messages are deleted or purged"
	case c.AllowRollup || c.AllowMsgTTL:
		wrong = "allows that messages remove others or expire"
	case c.AllowDirect:
		wrong = "answers from replicas that may be behind (direct gets)"
	case c.NoAck:
		wrong = "acknowledges nothing"
	case c.PersistMode != jetstream.DefaultPersistMode:
		wrong = "acknowledges before it writes (asynchronous persistence)"
	case c.Mirror != nil || len(c.Sources) > 0 || c.SubjectTransform != nil || c.Sealed:
		wrong = "is a mirror, takes messages from elsewhere, or is sealed"
	default:
		return nil
	}
	return &daybook.InvalidError{What: "stream", Value: s.stream, Reason: wrong + ", and could lose events or mix up their order"}
}

// openStream returns the stream of the log, which it makes if there is none.
func (l *log) openStream(ctx context.Context, replicas int) error {
	if replicas == 0 {
		replicas = 1
		if l.conn.ConnectedClusterName() != "" {
			replicas = 3
		}
	}
	return l.retry(ctx, "open", func(ctx context.Context) (again bool, err error) {
		stream, err := l.js.Stream(ctx, l.subjects.stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			stream, err = l.js.CreateStream(ctx, l.subjects.config(replicas))
		}
		if err != nil {
			return !errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), fmt.Errorf("stream %s: %w", l.subjects.stream, err)
		}
		l.stream, l.follower.stream = stream, stream
		c := stream.CachedInfo().Config
		if most := int(c.MaxMsgSize); most > 0 {
			l.payload = min(l.payload, most)
		}
		if l.payload < leastPayload {
			return false, &daybook.InvalidError{What: "stream", Value: l.subjects.stream, Reason: fmt.Sprintf("takes messages of %d bytes, and at least %d are needed (max_msg_size)", l.payload, leastPayload)}
		}
		return false, l.subjects.sound(c)
	})
}

// openIdentity reads the log's identity, and makes one if it is new. It is message 1.
func (l *log) openIdentity(ctx context.Context, id uuid.UUID) error {
	if id == uuid.Nil {
		id = uuid.New()
	}
	return l.retry(ctx, "open", func(ctx context.Context) (bool, error) {
		first, found, err := l.at(ctx, 1)
		if err != nil {
			return true, err
		}
		if found {
			if first.Subject != l.subjects.identity {
				return false, &daybook.InvalidError{What: "stream", Value: l.subjects.stream, Reason: fmt.Sprintf("begins with a message on %s, and not with the identity of a log", first.Subject)}
			}
			l.identity, err = decodeIdentity(first.Data)
			if err != nil {
				return false, &daybook.CorruptError{Where: "stream " + l.subjects.stream, Err: err}
			}
			return false, nil
		}
		// #nosec G404 -- these numbers are the system's, stretched by ChaCha8, and nobody sees them
		record := identityRecord{Format: format, Log: id, Incarnation: uuid.New(), Salt: rand.Uint32()}
		msg := l.message(l.subjects.identity, encodeJSON(record))
		msg.Header.Set(jetstream.ExpectedLastSeqHeader, "0")
		_, err = l.publish(ctx, msg)
		if err == nil {
			l.identity = shared.Identity{Log: record.Log, Incarnation: record.Incarnation, Salt: record.Salt}
			return false, nil
		}
		return true, fmt.Errorf("make an identity: %w", err) // another node may have made it
	})
}

// retry tries something until it is done, cannot be, or the context ends.
func (l *log) retry(ctx context.Context, doing string, try func(ctx context.Context) (again bool, err error)) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		once, cancel := context.WithTimeout(ctx, l.times.attempt)
		again, err := try(once)
		cancel()
		if err == nil || !again {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return &daybook.UnavailableError{Doing: doing, Err: errors.Join(ctx.Err(), err)}
		}
	}
}

// message returns a message with an id of its own.
func (l *log) message(subject string, data []byte) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Data = data
	msg.Header.Set(headerID, uuid.NewString())
	msg.Header.Set(jetstream.ExpectedStreamHeader, l.subjects.stream)
	return msg
}

// at returns the message of a sequence as the leader of the stream has it.
func (l *log) at(ctx context.Context, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, bool, error) {
	msg, err := l.stream.GetMsg(ctx, seq, opts...)
	return foundMsg(msg, err)
}

// lastOn returns the last message on a subject as the leader of the stream has it.
func (l *log) lastOn(ctx context.Context, subject string) (*jetstream.RawStreamMsg, bool, error) {
	msg, err := l.stream.GetLastMsgForSubject(ctx, subject)
	return foundMsg(msg, err)
}

func foundMsg(msg *jetstream.RawStreamMsg, err error) (*jetstream.RawStreamMsg, bool, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("ask the leader of the stream: %w", err)
	}
	return msg, true, nil
}
