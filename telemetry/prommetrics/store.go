package prommetrics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/telemetry/internal/around"
	"github.com/daybook-es/daybook/telemetry/internal/outcome"
)

var (
	storeGauges   gauges
	headPosition  = storeGauges.add(prometheus.GaugeValue, "daybook_log_head_position", "The newest position of the log.", "log")
	storeUp       = storeGauges.add(prometheus.GaugeValue, "daybook_store_up", "1 if the store answers.", "log")
	storeIll      = storeGauges.add(prometheus.GaugeValue, "daybook_store_unhealthy", "1 if the store says that something is wrong with it.", "log")
	storeSealed   = storeGauges.add(prometheus.GaugeValue, "daybook_store_sealed", "1 if the store records nothing until somebody does something about it.", "log")
	storeSyncs    = storeGauges.add(prometheus.CounterValue, "daybook_syncs_total", "How often appends were made durable: syncs of a disk, transactions, or messages that a stream confirmed.", "log")
	storeSyncTook = storeGauges.add(prometheus.CounterValue, "daybook_sync_seconds_total", "How long it took to make appends durable, all together.", "log")
	storeSynced   = storeGauges.add(prometheus.CounterValue, "daybook_synced_bytes_total", "What was written to make appends durable, as far as the store can tell.", "log")
)

// A Store counts what goes through it to the store in it. It can do what that one can (see
// [daybook.As]); it is closed by closing either.
type Store struct {
	around.Store

	appends        *prometheus.CounterVec
	appendTook     prometheus.Observer
	appendedEvents prometheus.Counter
	appendedBytes  prometheus.Counter
	reads, failed  prometheus.Counter
	readEvents     prometheus.Counter
	readBytes      prometheus.Counter
}

var _ daybook.Wrapper = (*Store)(nil)

// Store returns a store that counts what goes through it, under the name that the program
// has for the log. Each name is given once. If the store is a [daybook.Restorer], so is the
// one that is returned; what is restored is not counted as appended.
func (m *Metrics) Store(log string, store daybook.Store) daybook.Store {
	s := &Store{
		Store:          around.Store{Store: store},
		appends:        m.appends.MustCurryWith(prometheus.Labels{"log": log}),
		appendTook:     m.appendTook.WithLabelValues(log),
		appendedEvents: m.appendedEvents.WithLabelValues(log),
		appendedBytes:  m.appendedBytes.WithLabelValues(log),
		reads:          m.reads.WithLabelValues(log, "ok"),
		failed:         m.reads.WithLabelValues(log, "failed"),
		readEvents:     m.readEvents.WithLabelValues(log),
		readBytes:      m.readBytes.WithLabelValues(log),
	}
	for _, name := range []string{"recorded", "conflict", "failed"} {
		s.appends.WithLabelValues(name) // ratios are of what is there from the beginning
	}
	m.add("log "+log, func(ctx context.Context, g *gathering) error { return tellStore(ctx, g, log, store) })
	return around.Restoring(s)
}

// Append implements [daybook.Store].
func (s *Store) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	began := time.Now()
	receipt, err := s.Store.Append(ctx, events, cond)
	s.appendTook.Observe(time.Since(began).Seconds())
	name := outcome.Of(receipt, err)
	s.appends.WithLabelValues(name).Inc()
	if name == "recorded" {
		size := 0
		for _, e := range events {
			size += e.Size()
		}
		s.appendedEvents.Add(float64(len(events)))
		s.appendedBytes.Add(float64(size))
	}
	return receipt, err
}

// Read implements [daybook.Store]. What is read of the reading is counted when whoever
// ranges over it ends.
func (s *Store) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := s.Store.Read(ctx, q, span)
	if err != nil {
		s.failed.Inc()
		return reading, err
	}
	s.reads.Inc()
	return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
		events, bytes := 0, 0
		defer func() {
			s.readEvents.Add(float64(events))
			s.readBytes.Add(float64(bytes))
		}()
		for e, err := range reading.Events() {
			if err == nil {
				events++
				bytes += e.Size()
			}
			if !yield(e, err) {
				return
			}
		}
	}), nil
}

// tellStore tells where a store stands.
func tellStore(ctx context.Context, g *gathering, log string, store daybook.Store) error {
	if syncs, counts := daybook.As[interface{ Syncs() daybook.Syncs }](store); counts {
		s := syncs.Syncs()
		g.tell(storeSyncs, float64(s.Count), log)
		g.tell(storeSyncTook, s.Took.Seconds(), log)
		g.tell(storeSynced, float64(s.Bytes), log)
	}
	if health, knows := daybook.As[interface{ Health() error }](store); knows {
		err := health.Health()
		var sealed interface {
			error
			Sealed() bool
		}
		g.tell(storeIll, one(err != nil), log)
		g.tell(storeSealed, one(errors.As(err, &sealed) && sealed.Sealed()), log)
	}
	info, err := store.Info(ctx)
	g.tell(storeUp, one(err == nil), log)
	if err != nil {
		return err
	}
	g.tell(headPosition, float64(info.Head.Position), log)
	return nil
}
