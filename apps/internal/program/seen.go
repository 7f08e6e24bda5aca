package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/storeurl"
	"github.com/daybook-es/daybook/telemetry/oteltraces"
	"github.com/daybook-es/daybook/telemetry/otlptraces"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

// Seeing are the flags that say who is told what goes on in a server, beside those who ask
// it for its metrics.
type Seeing struct {
	Traces      string  `placeholder:"URL" help:"Collector to which spans of requests, commands, events and what is done about them are sent, such as http://localhost:4318 (OTLP in JSON). Without it there are none."`
	TracesAuth  string  `placeholder:"TEXT" secret:"" help:"What the header Authorization says to the collector, such as 'Bearer $${file:/run/secrets/collector}'."`
	TracesRatio float64 `default:"1" placeholder:"RATIO" help:"How many of the traces that begin here are kept, from 0 to 1 (${default})."`
}

// Check returns what is wrong with the flags.
func (c Seeing) Check() error {
	var wrong error
	if c.TracesRatio < 0 || c.TracesRatio > 1 {
		wrong = fmt.Errorf("--traces-ratio is %v, and can be from 0 to 1", c.TracesRatio)
	}
	if c.Traces == "" {
		return wrong
	}
	p, err := otlptraces.Open(c.Traces, nil)
	if err != nil {
		return errors.Join(wrong, fmt.Errorf("--traces: %w", err))
	}
	return errors.Join(wrong, p.Close(context.Background()))
}

// Seen is what is seen of a program from outside: it is put around what the program does.
// Make it with [Seeing.Begin].
type Seen struct {
	// Metrics are for the options of package httpapi; what is added to them is told with the
	// rest.
	Metrics *prommetrics.Metrics
	// Traces make spans, for those options too; nil if nobody wants any.
	Traces *oteltraces.Traces

	provider *otlptraces.Provider // nil if there are no Traces
}

// Begin returns what sees nothing yet of a server of this name, at an address. Close it when
// the server does nothing any more.
func (c Seeing) Begin(name, address string, log *slog.Logger) (*Seen, error) {
	s := &Seen{Metrics: prommetrics.New()}
	if err := c.Check(); err != nil || c.Traces == "" {
		return s, err
	}
	o := &otlptraces.Options{Service: name, Instance: address, Version: version(name), Ratio: c.TracesRatio, Logger: log}
	if c.TracesRatio == 0 {
		o.Ratio = -1
	}
	if c.TracesAuth != "" {
		o.Headers = http.Header{"Authorization": {c.TracesAuth}}
	}
	var err error
	if s.provider, err = otlptraces.Open(c.Traces, o); err != nil {
		return nil, fmt.Errorf("--traces: %w", err)
	}
	s.Traces = oteltraces.New(s.provider)
	return s, nil
}

// lastSpans is how long spans may take to be sent when a server has ended.
const lastSpans = 2 * time.Second

// Close sends what is left to be sent, within two seconds.
func (s *Seen) Close() {
	if s.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastSpans)
	defer cancel()
	_ = s.provider.Close(ctx) // what cannot be sent is lost, and was told
}

// Store returns a store around a program's own, under the name that it has for the log.
func (s *Seen) Store(log string, store storeurl.Store) storeurl.Store {
	return s.Around(log, store).(storeurl.Store) // what is around it is closed like what is in it
}

// Around is [Seen.Store] for a store that somebody else closes.
func (s *Seen) Around(log string, store daybook.Store) daybook.Store {
	store = s.Metrics.Store(log, store)
	if s.Traces != nil {
		store = s.Traces.Store(log, store)
	}
	return store
}

// Commands returns the options of a bus with what sees its commands around them.
func (s *Seen) Commands(o command.Options) command.Options {
	o.Around = command.Within(s.Metrics.Command, o.Around)
	if s.Traces != nil {
		o.Around = command.Within(s.Traces.Command, o.Around)
	}
	return o
}

// Projections returns the options of runners with what sees their batches around them.
func (s *Seen) Projections(o projection.Options) projection.Options {
	if s.Traces != nil {
		o.Around = s.Traces.Batch
	}
	return o
}

// Processes returns the options of a runner with what sees reactions and the calls of
// effects around them.
func (s *Seen) Processes(o process.Options) process.Options {
	o.Around = process.Within(s.Metrics.Call, o.Around)
	if s.Traces != nil {
		o.Around = process.Within(s.Traces.Call, o.Around)
		o.Reacting = s.Traces.Reaction
	}
	return o
}

// Certificate tells when the certificate of a server expires, if it has one.
func (s *Seen) Certificate(of Secured) {
	if of.TLSCert != "" {
		s.Metrics.Expires("certificate", func() (time.Time, error) {
			pair, err := of.load()
			if err != nil {
				return time.Time{}, err
			}
			return pair.certificate.Leaf.NotAfter, nil
		})
	}
}

// Disk tells how much room there is where a directory is, if there is one: a store that is
// elsewhere has none here.
func (s *Seen) Disk(name, dir string) {
	if dir != "" {
		s.Metrics.Disk(name, dir)
	}
}
