package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/publish/webhook"
	"github.com/daybook-es/daybook/store/storeurl"
	"github.com/daybook-es/daybook/telemetry/alert"
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

	AlertWebhook string         `placeholder:"URL" help:"Where to post, signed, that something begins or ends that somebody should know. Without it nobody is told."`
	AlertSecret  string         `placeholder:"SECRET" secret:"" help:"What alerts are signed with, such as '$${file:/run/secrets/alerts}': whsec_ and 24 to 64 bytes in base64."`
	AlertPrivate []netip.Prefix `placeholder:"NETWORK" help:"A network that is not public, such as 10.0.0.0/8, in which alerts are taken. Then http will do, too."`
	AlertState   string         `placeholder:"FILE" help:"Remembers which alerts were told, so that none is told twice when the program is started again. Without it, a file beside the program's other data."`
}

// Check returns what is wrong with the flags.
func (c Seeing) Check() error {
	var wrong error
	if c.TracesRatio < 0 || c.TracesRatio > 1 {
		wrong = fmt.Errorf("--traces-ratio is %v, and can be from 0 to 1", c.TracesRatio)
	}
	if c.Traces != "" {
		p, err := otlptraces.Open(c.Traces, nil)
		if err == nil {
			err = p.Close(context.Background())
		} else {
			err = fmt.Errorf("--traces: %w", err)
		}
		wrong = errors.Join(wrong, err)
	}
	sink, err := c.alerts()
	if sink != nil {
		err = sink.Close()
	}
	return errors.Join(wrong, err)
}

// alerts returns where alerts are told; nil if nobody is.
func (c Seeing) alerts() (*webhook.Sink, error) {
	if c.AlertWebhook == "" {
		return nil, nil
	}
	if c.AlertSecret == "" {
		return nil, errors.New("--alert-webhook needs --alert-secret: whoever is told must know who tells")
	}
	secret, err := webhook.ParseSecret(c.AlertSecret)
	if err != nil {
		return nil, fmt.Errorf("--alert-secret: %w", err)
	}
	o := &webhook.Options{Allow: c.AlertPrivate, AllowHTTP: len(c.AlertPrivate) > 0, UserAgent: "daybook-alert"}
	sink, err := webhook.New(c.AlertWebhook, []webhook.Secret{secret}, o)
	if err != nil {
		return nil, fmt.Errorf("--alert-webhook: %w", err)
	}
	return sink, nil
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
	flags    Seeing
	program  string // for those who are told
	log      *slog.Logger
	watching sync.WaitGroup
	stop     context.CancelFunc // of the watch; nil if there is none
}

// Begin returns what sees nothing yet of a server of this name, at an address. Close it when
// the server does nothing any more.
func (c Seeing) Begin(name, address string, log *slog.Logger) (*Seen, error) {
	s := &Seen{Metrics: prommetrics.New(), flags: c, program: name + " at " + address, log: log}
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

// Watch looks at the server's metrics from now on and tells of what begins and ends, if
// anybody is to be told. The file is where it remembers what was told, unless the flags say
// where.
func (s *Seen) Watch(ctx context.Context, metrics prometheus.Gatherer, file string) error {
	sink, err := s.flags.alerts()
	if err != nil || sink == nil {
		return err
	}
	w, err := alert.New(metrics, sink, cmp.Or(s.flags.AlertState, file), &alert.Options{Program: s.program, Logger: s.log})
	if err != nil {
		return err
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.watching.Go(func() {
		w.Run(ctx)
		_ = sink.Close() // only connections that are kept
	})
	return nil
}

// Close ends the watch, and sends the spans that are left, within two seconds.
func (s *Seen) Close() {
	if s.stop != nil {
		s.stop()
		s.watching.Wait()
	}
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
		s.Metrics.Expires("certificate", func(context.Context) (time.Time, error) {
			pair, err := of.load()
			if err != nil {
				return time.Time{}, err
			}
			return pair.certificate.Leaf.NotAfter, nil
		})
	}
}

// lasting is for longer than what a key is issued whose end somebody is told of: one that is
// good for some days is meant to end.
const lasting = 28 * 24 * time.Hour

// Keys tells when the next key ends, of those that were issued for long and are still taken.
func (s *Seen) Keys(keys *apikey.Keys) {
	s.Metrics.Expires("key", func(ctx context.Context) (next time.Time, err error) {
		all, err := keys.List(ctx)
		now := time.Now()
		for _, k := range all {
			ends := k.RevokedAt.IsZero() && k.Until.After(now) && k.Until.Sub(k.IssuedAt) > lasting
			if ends && (next.IsZero() || k.Until.Before(next)) {
				next = k.Until
			}
		}
		return next, err
	})
}

// Disk tells how much room there is where a directory is, if there is one: a store that is
// elsewhere has none here.
func (s *Seen) Disk(name, dir string) {
	if dir != "" {
		s.Metrics.Disk(name, dir)
	}
}
