package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// The aside workload: so many events a second, each of one of so many keys.
const (
	asideRate    = 2000
	asideKeys    = 10_000
	asideWriters = 64
	poisoned     = 0 // the key whose events cannot be applied
)

var errPoison = errors.New("poison")

// asideCases are whether one key cannot be applied.
var asideCases = []struct {
	name   string
	poison bool
}{
	{"every key can be applied", false},
	{"one key in 10,000 cannot", true},
}

// asideWork measures how long after an event was due to be appended a read model in
// SQLite shows it, while every event can be applied, and while those of one key cannot
// and are set aside. The two take turns.
func asideWork(h *harness, part *Part) error {
	for range h.rounds {
		for _, c := range asideCases {
			for _, k := range h.some("logstore") {
				if err := h.fresh(k, func(p peers.Peer) error { return h.aside(part, c.name, p.(*peers.Logstore).Store(), c.poison) }); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
	}
	for _, c := range asideCases {
		fmt.Printf("  %s:%s p50 ms,%s p99 ms\n", c.name, part.brief(c.name, "p50 ms"), part.brief(c.name, "p99 ms"))
	}
	well, ok := part.get(asideCases[0].name, "logstore", "p99 ms")
	ill, ok2 := part.get(asideCases[1].name, "logstore", "p99 ms")
	if ok && ok2 {
		part.note(fmt.Sprintf("p99 of the other keys with one set aside: %.2f × without.", ill/well))
	}
	return nil
}

// A watched view takes down when events are shown.
type watched struct {
	projection.View
	start time.Time
	lags  *hdrhistogram.Histogram
	seen  int
}

func (w *watched) Apply(ctx context.Context, c projection.Change) error {
	if err := w.View.Apply(ctx, c); err != nil {
		return err
	}
	for _, e := range c.Events {
		due, err := dueOf(e.Data)
		if err != nil {
			return err
		}
		w.lags.RecordValue(max(1, int64(time.Since(w.start)-due)))
	}
	w.seen += len(c.Events)
	return nil
}

func (h *harness) aside(part *Part, name string, store daybook.Store, poison bool) error {
	length := 5 * time.Second
	if h.full {
		length = 20 * time.Second
	}
	dir, err := os.MkdirTemp(h.dir, "aside-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	definition := sqlview.New("totals", 1, orderCodec, totalsSchema,
		sqlview.On(func(tx *sqlview.Tx, o order, at daybook.Recorded) error {
			if poison && at.Stream == streamName(poisoned) {
				return errPoison
			}
			return tx.Exec(`insert into totals values (?1, ?2, 1) on conflict (stream) do update set cents = totals.cents + excluded.cents, events = totals.events + 1`, at.Stream, o.cents())
		}))
	view, err := definition.Open(h.ctx, dir)
	if err != nil {
		return err
	}
	defer view.Close()
	w := &watched{View: view, start: time.Now().Add(100 * time.Millisecond), lags: newTimes()}
	runner := projection.NewRunner(store, w, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(h.ctx)
	ran := make(chan error, 1)
	go func() { ran <- runner.Run(ctx) }()

	appends := int(length.Seconds() * asideRate)
	last, err := appendAtRate(ctx, store, w.start, appends, asideRate, asideWriters, func(n int) int { return n % asideKeys })
	if err == nil {
		if err = runner.Wait(ctx, last); errors.As(err, new(*projection.SetAsideError)) {
			err = nil
		}
	}
	stop()
	if err = errors.Join(err, <-ran); err != nil {
		return err
	}
	part.add(name, "logstore", "events/s", float64(w.seen)/length.Seconds())
	part.add(name, "logstore", "p50 ms", float64(w.lags.ValueAtQuantile(50))/1e6)
	part.add(name, "logstore", "p99 ms", float64(w.lags.ValueAtQuantile(99))/1e6)
	return nil
}

// appendAtRate appends events that are due by the clock, each in a stream and with the
// time at which it was due, and returns the point of the last one.
func appendAtRate(ctx context.Context, store daybook.Store, start time.Time, appends, rate, writers int, stream func(n int) int) (daybook.Point, error) {
	var writing sync.WaitGroup
	var mu sync.Mutex
	var last daybook.Point
	failed := make(chan error, writers)
	for w := range writers {
		writing.Go(func() {
			from := newSource(uint64(w))
			for n := w; n < appends; n += writers {
				due := time.Duration(n) * time.Second / time.Duration(rate)
				if early := time.Until(start.Add(due)); early > 0 {
					time.Sleep(early)
				}
				e := from.event(stream(n))
				e.Data = slices.Clone(e.Data)
				hex.Encode(e.Data[sentAt:], fmt.Appendf(nil, "%08x", due.Microseconds()))
				receipt, err := store.Append(ctx, []daybook.Event{e}, nil)
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				if receipt.Position > last.Position {
					last = receipt.Point
				}
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	select {
	case err := <-failed:
		return last, err
	default:
		return last, nil
	}
}
