package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

// What a publisher costs beside its sink, and, as its lower bound, a loop over the log that
// keeps nothing.
func BenchmarkPublish(b *testing.B) {
	const events, keys = 100_000, 1000
	store := memstore.New()
	for i := 0; i < events; i += 1000 {
		batch := make([]daybook.Event, 1000)
		for n := range batch {
			batch[n] = daybook.Event{Stream: fmt.Sprint("key-", (i+n)%keys), Type: "Counted", Data: []byte(`{"cents":4200}`)}
		}
		if _, err := store.Append(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("loop", func(b *testing.B) {
		for b.Loop() {
			reading, err := store.Read(b.Context(), daybook.All(), daybook.Span{})
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range reading.Events() {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.N)*events/b.Elapsed().Seconds(), "events/s")
	})
	for _, c := range []struct {
		name  string
		pause time.Duration
	}{{"sink of no time", 0}, {"sink of a millisecond", time.Millisecond}} {
		b.Run(c.name, func(b *testing.B) {
			total := 0
			for b.Loop() {
				n := events
				if c.pause > 0 {
					n = 5000
				}
				total += n
				publishAll(b, store, n, c.pause)
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// publishAll publishes the first n events of a store.
func publishAll(b *testing.B, store daybook.Store, n int, pause time.Duration) {
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var sent atomic.Int64
	sink := publish.SinkFunc(func(context.Context, publish.Message) error {
		if pause > 0 {
			time.Sleep(pause)
		}
		if sent.Add(1) == int64(n) {
			stop()
		}
		return nil
	})
	if err := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), nil).Run(ctx); err != nil {
		b.Fatal(err)
	}
}

// How long the messages of the other keys take from being recorded to being sent, while one
// of ten thousand is poisoned, and without it.
func BenchmarkPoisonedKey(b *testing.B) {
	for _, poisoned := range []bool{false, true} {
		b.Run(map[bool]string{false: "none", true: "one of 10000"}[poisoned], func(b *testing.B) {
			const keys, events = 10_000, 20_000
			var took []time.Duration
			for b.Loop() {
				store := memstore.New()
				ctx, stop := context.WithCancel(b.Context())
				lags := make(chan time.Duration, events)
				sink := publish.SinkFunc(func(_ context.Context, m publish.Message) error {
					if poisoned && m.Key == "key-77" {
						return errors.New("poison")
					}
					lags <- time.Since(m.Recorded.RecordedAt)
					return nil
				})
				ran := make(chan error)
				p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{RetryAfter: 10 * time.Millisecond, RetryAtMost: time.Second, SaveEvery: time.Second}))
				go func() { ran <- p.Run(ctx) }()
				others := 0
				for i := range events {
					key := fmt.Sprint("key-", i%keys)
					if _, err := store.Append(ctx, []daybook.Event{{Stream: key, Type: "Counted"}}, nil); err != nil {
						b.Fatal(err)
					}
					if key != "key-77" {
						others++
					}
					if i%10 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
				for range others {
					took = append(took, <-lags)
				}
				stop()
				if err := <-ran; err != nil {
					b.Fatal(err)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
