package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
)

// Told is what the sink is told, as the data of a message: something has begun, or ended.
type Told struct {
	// Alert is the name of the alert, and State [Began] or [Ended].
	Alert string `json:"alert"`
	State string `json:"state"`
	// ID is the same for what has begun and what has ended.
	ID uuid.UUID `json:"id"`
	// Program and Of say which program it is, and what of it.
	Program string `json:"program"`
	Of      string `json:"of,omitempty"`
	// Severity is "page" where somebody is to come now, and "ticket" where tomorrow will do.
	Severity string `json:"severity"`
	// Summary says it for people, and Runbook is where they find what to do.
	Summary string `json:"summary"`
	Runbook string `json:"runbook"`
	// Since is when it began, and Ended when it ended.
	Since time.Time `json:"since"`
	Ended time.Time `json:"ended,omitzero"`
}

// The states of an alert.
const (
	Began = "began"
	Ended = "ended"
)

// MessageType is the type of the messages.
const MessageType = "daybook.alert"

// runbook returns where it is written what to do.
func runbook(name string) string {
	return "https://github.com/daybook-es/daybook/blob/main/docs/guides/operations.md#" + strings.ToLower(name)
}

// Options adjust a watch. The zero value, and nil, are right for most programs.
type Options struct {
	// Program is what the program is called, for whoever is told.
	Program string
	// Every is how often the metrics are looked at. Zero means 15 seconds.
	Every time.Duration
	// Quiet is how long all must be well before something has ended; it is doubled each time
	// that it comes back within an hour. Zero means five minutes.
	Quiet time.Duration
	// Logger is told what the sink is told, and when it cannot be. Nil means slog.Default.
	Logger *slog.Logger
}

// sendWithin bounds one call of the sink.
const sendWithin = 30 * time.Second

// A Watch looks at a program's metrics and tells a sink what begins and ends. Make it with
// [New].
type Watch struct {
	gatherer prometheus.Gatherer
	sink     publish.Sink
	file     string
	options  Options
	tallies  map[key][]tally // used by Run alone

	mu    sync.Mutex
	state *state
	mail  chan struct{} // holds one when there may be a letter
}

// New returns a watch that looks at what a gatherer gathers. What it remembers is in a file of
// its own, which is made if it is not there; one that is damaged is as if there were none, and
// that is logged. Nil options mean the zero Options. The error is that of the file.
func New(gatherer prometheus.Gatherer, sink publish.Sink, file string, options *Options) (*Watch, error) {
	w := &Watch{gatherer: gatherer, sink: sink, file: file, tallies: make(map[key][]tally), mail: make(chan struct{}, 1)}
	if options != nil {
		w.options = *options
	}
	if w.options.Every <= 0 {
		w.options.Every = 15 * time.Second
	}
	if w.options.Quiet <= 0 {
		w.options.Quiet = 5 * time.Minute
	}
	if w.options.Logger == nil {
		w.options.Logger = slog.Default()
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return nil, fmt.Errorf("alert: make the directory of what was told: %w", err)
	}
	var err error
	if w.state, err = readState(file); err != nil {
		w.options.Logger.Error("what was told is not known any more, and may be told again", "file", file, "error", err)
		w.state = new(state)
	}
	return w, w.state.save(file)
}

// Run looks and tells until ctx ends. What is not yet told then, the next Run tells, of this
// program or of the one that is started after it. It is called once.
func (w *Watch) Run(ctx context.Context) {
	var telling sync.WaitGroup
	defer telling.Wait()
	telling.Go(func() { w.tell(ctx) })
	w.post()
	ticks := time.NewTicker(w.options.Every)
	defer ticks.Stop()
	for {
		w.step(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// step looks once.
func (w *Watch) step(ctx context.Context, now time.Time) {
	found, err := w.look(now)
	if err != nil {
		w.options.Logger.WarnContext(ctx, "some metrics cannot be looked at", "error", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.state.Number
	if !w.state.see(found, now, w.options) {
		return
	}
	if err := w.state.save(w.file); err != nil {
		w.options.Logger.ErrorContext(ctx, "what was told may be told again", "error", err)
	}
	for _, l := range w.state.Letters {
		if l.Number > before {
			w.options.Logger.WarnContext(ctx, "an alert "+l.Told.State, "alert", l.Told.Alert, "of", l.Told.Of, "summary", l.Told.Summary, "since", l.Told.Since)
		}
	}
	w.post()
}

// post wakes who tells.
func (w *Watch) post() {
	select {
	case w.mail <- struct{}{}:
	default: // it is awake
	}
}

// tell hands letters to the sink, in order, each until it is taken or refused.
func (w *Watch) tell(ctx context.Context) {
	pauses := &backoff.ExponentialBackOff{InitialInterval: time.Second, MaxInterval: time.Minute, Multiplier: 2, RandomizationFactor: 0.3}
	failing := false
	for attempt := 1; ; attempt++ {
		l, is := w.first()
		if !is {
			attempt = 0
			select {
			case <-ctx.Done():
				return
			case <-w.mail:
			}
			continue
		}
		err := w.send(ctx, l, attempt)
		refused, away := (*publish.RefusedError)(nil), (*publish.UnavailableError)(nil)
		switch {
		case ctx.Err() != nil && err != nil:
			return // it is told later
		case err == nil, errors.As(err, &refused):
			if err != nil {
				w.options.Logger.ErrorContext(ctx, "an alert was refused by its receiver, and is not told", "alert", l.Told.Alert, "state", l.Told.State, "error", err)
			} else if failing {
				w.options.Logger.InfoContext(ctx, "alerts are told again")
			}
			w.done(ctx, l)
			pauses.Reset()
			attempt, failing = 0, false
			continue
		}
		if !failing {
			w.options.Logger.ErrorContext(ctx, "an alert cannot be told; it is tried again", "alert", l.Told.Alert, "state", l.Told.State, "error", err)
			failing = true
		}
		pause := pauses.NextBackOff()
		if errors.As(err, &away) {
			pause = max(pause, min(away.After, 10*time.Minute))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// first returns the letter that is to be told next.
func (w *Watch) first() (letter, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.state.Letters) == 0 {
		return letter{}, false
	}
	return w.state.Letters[0], true
}

// done takes a letter away that was told.
func (w *Watch) done(ctx context.Context, l letter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.state.Letters) > 0 && w.state.Letters[0].Number == l.Number {
		w.state.Letters = w.state.Letters[1:]
	}
	if err := w.state.save(w.file); err != nil {
		w.options.Logger.ErrorContext(ctx, "what was told may be told again", "error", err)
	}
}

// send hands a letter over. Whenever it is sent, its id is the same.
func (w *Watch) send(ctx context.Context, l letter, attempt int) (err error) {
	data, err := json.Marshal(l.Told)
	if err != nil {
		return publish.Refused(err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("alert: the sink panicked: %v", v)
		}
	}()
	return w.sink.Send(ctx, publish.Message{
		ID: l.ID, Key: l.Key, Attempt: attempt,
		Recorded: daybook.Recorded{
			Event:      daybook.Event{ID: l.ID, Type: MessageType, Data: data, HappenedAt: l.At},
			Position:   daybook.Position(l.Number),
			RecordedAt: l.At,
		},
	})
}
