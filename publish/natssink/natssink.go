package natssink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook/publish"
)

// The headers of a message, beside Nats-Msg-Id.
const (
	HeaderEventID  = "Daybook-Event-Id"
	HeaderType     = "Daybook-Type"
	HeaderPosition = "Daybook-Position"
	HeaderAttempt  = "Daybook-Attempt"
)

// Options adjust a sink. The zero value, and nil, are right for most programs.
type Options struct {
	// Stream is the JetStream stream that is to store the messages. One that another stream
	// would store is not sent. Empty takes whichever has the subject.
	Stream string
}

// A Sink hands messages to JetStream. It is safe for use by many goroutines.
type Sink struct {
	js      jetstream.JetStream
	subject func(publish.Message) (string, error)
	options []jetstream.PublishOpt
}

var _ publish.Sink = (*Sink)(nil)

// New returns a sink that publishes each message on the subject that a function gives it,
// such as [ByStream]; a message for which that returns an error, or a subject that cannot be
// published on, is refused. The connection stays the caller's, to close when the publisher
// has ended. Nil options mean the zero Options.
func New(js jetstream.JetStream, subject func(publish.Message) (string, error), o *Options) *Sink {
	s := &Sink{js: js, subject: subject}
	if o != nil && o.Stream != "" {
		s.options = append(s.options, jetstream.WithExpectStream(o.Stream))
	}
	return s
}

// Send implements [publish.Sink]. It returns when JetStream has confirmed that the message
// is stored, or was stored before. While there is no connection, or JetStream has no room,
// the sink is unavailable; a message that is too large is refused.
func (s *Sink) Send(ctx context.Context, m publish.Message) error {
	subject, err := s.subject(m)
	if err == nil {
		err = checkSubject(subject)
	}
	if err != nil {
		return publish.Refused(fmt.Errorf("natssink: subject %.80q: %w", subject, err))
	}
	data, err := m.JSON()
	if err != nil {
		return err
	}
	// Without a connection the message would be kept, and go out when nobody waits for the
	// answer any more.
	if status := s.js.Conn().Status(); status != nats.CONNECTED {
		return publish.Unavailable(fmt.Errorf("natssink: the connection to NATS is %s", status))
	}
	msg := nats.NewMsg(subject)
	msg.Data = data
	msg.Header.Set(nats.MsgIdHdr, m.ID.String())
	msg.Header.Set(HeaderEventID, m.ID.String())
	msg.Header.Set(HeaderType, Token(m.Recorded.Type))
	msg.Header.Set(HeaderPosition, strconv.FormatUint(uint64(m.Recorded.Position), 10))
	msg.Header.Set(HeaderAttempt, strconv.Itoa(m.Attempt))
	if _, err := s.js.PublishMsg(ctx, msg, s.options...); err != nil {
		return judge(fmt.Errorf("natssink: publish on %s: %w", subject, err))
	}
	return nil
}

// judge returns what an error of JetStream means. That no stream has the subject may be
// because of this message, or because JetStream is not there: the publisher finds out.
func judge(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return publish.Refused(err)
	case errors.As(err, &api) && api.Code == http.StatusServiceUnavailable,
		errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining),
		errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionReconnecting):
		return publish.Unavailable(err)
	}
	return err
}
