package program

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/daybook-es/daybook"
)

// Serving are the flags of what serves over HTTP: where it listens, who may do what, and who is
// told what goes on.
type Serving struct {
	Listening
	Guarded
	Seeing
}

// Check returns what is wrong with what the flags say for a program, as far as that can be told
// without asking anybody.
func (s Serving) Check(p *Policied) error {
	_, err := s.Guarded.check(p, s.Listening)
	return errors.Join(s.Listening.Check(), err, s.Seeing.Check())
}

// Open opens what the flags name, for a program with a listener that keeps its events in a
// store. What the logs of keys and of the audit do is seen, too. It fails if others can reach
// the program and it would ask nobody who they are.
func (s Serving) Open(ctx context.Context, p *Policied, listener net.Listener, events daybook.Store, seen *Seen, log *slog.Logger) (*Opened, error) {
	o, err := s.Guarded.open(ctx, p, s.Listening, listener.Addr(), events, seen, log)
	if err != nil {
		return nil, err
	}
	o.Site.Hosts, o.Site.Limits, o.Site.Drain = s.Hosts(listener), s.Limits(), s.Drain
	o.Site.Health, o.Site.Metrics, o.Site.Traces, o.Site.Logger = Health(events), seen.Metrics, seen.Traces, log
	return o, nil
}
