package logstore

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// payload makes an event of 404 bytes of data with five terms.
var payload = make([]byte, 404)

func benchEvent(stream int) daybook.Event {
	return daybook.Event{Stream: fmt.Sprintf("order-%d", stream), Type: "OrderPlaced", Tags: []string{fmt.Sprintf("customer:%d", stream%1000)}, Data: payload}
}

func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 256, 2048} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			// Segments of the size that they have in a log that is not new.
			s, err := Open(b.TempDir(), &Options{SegmentBytes: mostSegmentBytes})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			benchmarkWriters(b, writers, func(events []daybook.Event) error {
				_, err := s.Append(b.Context(), events, nil)
				return err
			})
		})
	}
}

// BenchmarkBareDisk is the least that a lone append can cost: a write of as many bytes
// as its frame has into space that is reserved, and a sync.
func BenchmarkBareDisk(b *testing.B) {
	world := vfs.OS()
	f, err := world.FS.Create(b.TempDir() + "/bare")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := f.Preallocate(0, 64<<20); err != nil {
		b.Fatal(err)
	}
	frame := make([]byte, 560)
	for i := 0; b.Loop(); i++ {
		if _, err := f.WriteAt(frame, int64(i*len(frame))); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// filled returns a store of n events in n/100 streams.
func filled(b *testing.B, n int) *Store {
	s, err := Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	for i := 0; i < n; {
		var batch []daybook.Event
		for ; len(batch) < 10 && i < n; i++ {
			batch = append(batch, benchEvent(i%(n/100)))
		}
		if _, err := s.Append(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func BenchmarkReplay(b *testing.B) {
	const events = 300_000
	s := filled(b, events)
	for _, borrowed := range []bool{false, true} {
		b.Run(fmt.Sprintf("borrowed=%v", borrowed), func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				r, err := s.Read(b.Context(), daybook.All(), daybook.Span{Borrowed: borrowed})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for _, err := range r.Events() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != events {
					b.Fatalf("read %d events, want %d", n, events)
				}
			}
			b.ReportMetric(float64(b.N)*events/(cpuTime()-before).Seconds(), "events/cpu-s")
		})
	}
}

func BenchmarkLoadStream(b *testing.B) {
	const events = 300_000
	s := filled(b, events)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		r, err := s.Read(b.Context(), daybook.Stream(fmt.Sprintf("order-%d", i%(events/100))), daybook.Span{})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, err := range r.Events() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100 {
			b.Fatalf("read %d events, want 100", n)
		}
	}
}

// BenchmarkAppendTen appends ten events at a time, of as many streams.
func BenchmarkAppendTen(b *testing.B) {
	for _, writers := range []int{16, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, err := Open(b.TempDir(), &Options{SegmentBytes: mostSegmentBytes})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var next atomic.Int64
			benchmarkWriters(b, writers, func([]daybook.Event) error {
				batch := make([]daybook.Event, 10)
				n := int(next.Add(1))
				for i := range batch {
					batch[i] = benchEvent(n*7919%10_000*10 + i)
				}
				_, err := s.Append(b.Context(), batch, nil)
				return err
			})
		})
	}
}

// BenchmarkIndex reports how many bytes of index files an event takes that has an id, a
// stream, a category, a type and two tags, in a million streams of ten events.
func BenchmarkIndex(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		s, err := Open(dir, &Options{SegmentBytes: mostSegmentBytes})
		if err != nil {
			b.Fatal(err)
		}
		n := uint64(0)
		for len(s.view.Load().segments) < 3 {
			batch := make([]daybook.Event, 100)
			for i := range batch {
				n = n*6364136223846793005 + 1442695040888963407
				at := n >> 33
				batch[i] = daybook.Event{
					Stream: fmt.Sprintf("order-%08d", at%1_000_000), Type: "OrderPlaced", Data: payload[:200],
					Tags: []string{fmt.Sprintf("customer:%06d", at%9973), fmt.Sprintf("day:%03d", at%365)},
				}
			}
			if _, err := s.Append(b.Context(), batch, nil); err != nil {
				b.Fatal(err)
			}
		}
		events := s.view.Load().segments[2].first - 1
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.idx"))
		bytes := int64(0)
		for _, name := range files {
			info, err := os.Stat(name)
			if err != nil {
				b.Fatal(err)
			}
			bytes += info.Size()
		}
		if len(files) != 2 {
			b.Fatalf("there are %d index files, want 2", len(files))
		}
		b.ReportMetric(float64(bytes)/float64(events), "B/event")
	}
}

// BenchmarkCompressed reads orders in words, of which segments are compressed or not: one
// after the other, and one event each by its tag.
func BenchmarkCompressed(b *testing.B) {
	const events = 200_000
	chance := rand.New(rand.NewPCG(7, 7))
	order := func() []byte {
		data := fmt.Appendf(nil, `{"customer":"%016x%016x","lines":[{"product":"%016x%016x","quantity":%d,"price":%d}],"note":"`,
			chance.Uint64(), chance.Uint64(), chance.Uint64(), chance.Uint64(), 1+chance.IntN(9), 100+chance.IntN(9900))
		for len(data) < 290 {
			data = append(data, " leave it with the neighbours by the door"[chance.IntN(41)])
		}
		return append(data, `"}`...)
	}
	s, err := Open(b.TempDir(), &Options{SegmentBytes: 16 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	for n := 0; n < events; {
		batch := make([]daybook.Event, 100)
		for i := range batch {
			batch[i] = daybook.Event{Stream: fmt.Sprintf("order-%08d", n%20_000), Type: "OrderPlaced", Tags: []string{fmt.Sprintf("n:%d", n)}, Data: order()}
			n++
		}
		if _, err := s.Append(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	for _, packed := range []bool{false, true} {
		if packed {
			before := cpuTime()
			report, err := s.Compress(b.Context())
			if err != nil || report.Rewritten == 0 {
				b.Fatalf("compressing did %+v: %v", report, err)
			}
			size := int64(0)
			for _, seg := range s.view.Load().segments {
				if seg.generation > 0 {
					size += seg.size
				}
			}
			b.Logf("%d bytes are now %d, a ratio of %.2f, in %v of CPU time", size+report.Bytes, size, float64(size+report.Bytes)/float64(size), cpuTime()-before)
		}
		b.Run(fmt.Sprintf("packed=%v/replay", packed), func(b *testing.B) {
			before, n := cpuTime(), 0
			for b.Loop() {
				r, err := s.Read(b.Context(), daybook.All(), daybook.Span{Borrowed: true})
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range r.Events() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(n)/(cpuTime()-before).Seconds(), "events/CPU-s")
		})
		b.Run(fmt.Sprintf("packed=%v/one", packed), func(b *testing.B) {
			for b.Loop() {
				found, err := selected(s, daybook.Query{{Tags: []string{fmt.Sprintf("n:%d", chance.IntN(events/2))}}})
				if err != nil || len(found) != 1 {
					b.Fatal(len(found), err)
				}
			}
		})
	}
}
