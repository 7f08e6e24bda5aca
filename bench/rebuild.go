package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// How many questions a second are asked of the read model that answers.
const rebuildQueries = 200

const (
	beforeRebuild = "before"
	duringRebuild = "while it is built again"
)

// rebuildWork measures how long a read model in SQLite takes to be built again beside
// the one that answers, and what those notice who ask meanwhile.
func rebuildWork(h *harness, part *Part) error {
	if len(h.some("logstore")) == 0 {
		return nil
	}
	store, done, events, err := h.viewLog()
	if err != nil {
		return err
	}
	defer done()
	dir, err := os.MkdirTemp(h.dir, "rebuild-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	first, err := totals.Open(h.ctx, dir)
	if err != nil {
		return err
	}
	defer first.Close()
	start := time.Now()
	if err := bareReplay(h.ctx, store); err != nil {
		return err
	}
	bare := time.Since(start)
	versions := projection.NewVersions(store, &projection.VersionsOptions{Runner: projection.Options{Logger: slog.New(slog.DiscardHandler)}}, first)
	ctx, stop := context.WithCancel(h.ctx)
	ran := make(chan error, 1)
	go func() { ran <- versions.Run(ctx) }()
	defer func() { stop(); <-ran }()
	info, err := store.Info(ctx)
	if err != nil {
		return err
	}
	if _, err := versions.Wait(ctx, info.Head); err != nil {
		return err
	}

	asking := askers{versions: versions, times: newTimes()}
	if err := asking.while(ctx, func() error { time.Sleep(5 * time.Second); return nil }); err != nil {
		return err
	}
	asking.take(part, beforeRebuild)
	asking.times = newTimes()
	next, err := totals.Edition(2).Open(ctx, dir)
	if err != nil {
		return err
	}
	defer next.Close()
	var took time.Duration
	err = asking.while(ctx, func() error {
		start := time.Now()
		if err := versions.Add(next); err != nil {
			return err
		}
		for {
			if view, _ := versions.Answering(); view == next {
				took = time.Since(start)
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	if err != nil {
		return err
	}
	asking.take(part, duringRebuild)
	rate := float64(events) / took.Seconds()
	part.add(duringRebuild, "logstore", "seconds", took.Seconds())
	part.add(duringRebuild, "logstore", "events/s", rate)
	part.note(fmt.Sprintf("%d events took %.1f s until the new edition answered: %.3f of the rate of a bare replay, which took %.1f s.", events, took.Seconds(), bare.Seconds()/took.Seconds(), bare.Seconds()))
	fmt.Printf("  %d events in %.1f s;%s p99 ms before,%s during\n", events, took.Seconds(), part.brief(beforeRebuild, "p99 ms"), part.brief(duringRebuild, "p99 ms"))
	return nil
}

// askers ask the read model that answers for rows, by the clock.
type askers struct {
	versions *projection.Versions[*sqlview.View]
	times    *hdrhistogram.Histogram
}

// while asks as long as work goes on.
func (a *askers) while(ctx context.Context, work func() error) error {
	worked := make(chan error, 1)
	go func() { worked <- work() }()
	start := time.Now()
	for n := 0; ; n++ {
		due := start.Add(time.Duration(n) * time.Second / rebuildQueries)
		select {
		case err := <-worked:
			return err
		case <-time.After(time.Until(due)):
		}
		if err := a.ask(ctx, n); err != nil {
			return errors.Join(err, <-worked)
		}
		a.times.RecordValue(max(1, int64(time.Since(due))))
	}
}

// ask asks for one row, and for those around it.
func (a *askers) ask(ctx context.Context, n int) error {
	view, ok := a.versions.Answering()
	if !ok {
		return errors.New("nobody answers")
	}
	return view.Read(ctx, func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		for row, err := range rows.Query(`select stream, cents from totals where stream >= ? order by stream limit 20`, streamName(firstOrdinary+n*7919%1000)) {
			var stream string
			var cents int64
			if err == nil {
				err = row.Scan(&stream, &cents)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *askers) take(part *Part, in string) {
	part.add(in, "logstore", "p50 ms", float64(a.times.ValueAtQuantile(50))/1e6)
	part.add(in, "logstore", "p99 ms", float64(a.times.ValueAtQuantile(99))/1e6)
}
