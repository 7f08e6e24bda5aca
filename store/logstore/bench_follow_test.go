package logstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
)

// BenchmarkFollow has a thousand followers, each of a tag of its own, see what is
// appended at 20,000 events a second, and reports how long after its append each event is
// seen.
func BenchmarkFollow(b *testing.B) {
	const followers, rate = 1000, 20_000
	s, err := Open(b.TempDir(), &Options{SegmentBytes: mostSegmentBytes})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	sent := make([]atomic.Int64, b.N)
	lags := make([]int64, b.N)
	var seen atomic.Int64
	done := make(chan struct{})
	var all, writers sync.WaitGroup
	begin := time.Now()
	for f := range followers {
		all.Go(func() {
			next := f
			for reading, err := range daybook.Follow(ctx, s, daybook.Query{{Tags: []string{fmt.Sprintf("follower:%d", f)}}}, daybook.Point{}) {
				if err != nil {
					return
				}
				for e, err := range reading.Events() {
					if err != nil {
						b.Error(err)
						return
					}
					var n int
					fmt.Sscan(string(e.Data), &n)
					if n != next {
						b.Errorf("follower %d sees %d, want %d", f, n, next)
					}
					next += followers
					lags[n] = time.Since(begin).Nanoseconds() - sent[n].Load()
					if seen.Add(1) == int64(b.N) {
						close(done)
					}
				}
			}
		})
	}
	before := cpuTime()
	b.ResetTimer()
	begin = time.Now()
	const lanes = 50 // each appends every lanes-th follower's, so that those of one stay in order
	for lane := range lanes {
		writers.Go(func() {
			for n := lane; n < b.N; n += lanes {
				time.Sleep(time.Duration(n)*time.Second/rate - time.Since(begin))
				sent[n].Store(time.Since(begin).Nanoseconds())
				e := daybook.Event{Type: "Ticked", Tags: []string{fmt.Sprintf("follower:%d", n%followers)}, Data: fmt.Append(nil, n)}
				if _, err := s.Append(ctx, []daybook.Event{e}, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	<-done
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(lags[len(lags)*99/100])/1e6, "p99-ms")
	cancel()
	all.Wait()
}

// BenchmarkHead asks for the newest event of a stream, by chance, in a log of fifty
// segments, and for that of a stream that is not there.
func BenchmarkHead(b *testing.B) {
	const streams = 20_000
	s, err := Open(b.TempDir(), &Options{SegmentBytes: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for n := 0; len(s.view.Load().segments) < 50; {
		batch := make([]daybook.Event, 5)
		for i := range batch {
			n++
			batch[i] = benchEvent(n * 7919 % streams)
		}
		if _, err := s.Append(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	for name, prefix := range map[string]string{"there": "order", "not there": "absent"} {
		b.Run(name, func(b *testing.B) {
			names := make([]string, streams)
			for i := range names {
				names[i] = fmt.Sprintf("%s-%d", prefix, i)
			}
			b.ReportAllocs()
			before := cpuTime()
			i := 0
			for b.Loop() {
				i += 7
				r, err := s.Read(b.Context(), daybook.Stream(names[i%streams]), daybook.Span{Backward: true, Limit: 1})
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range r.Events() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}
