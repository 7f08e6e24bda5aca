package logstore

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/daybook-es/daybook"
)

// Goal: an index file that rots while it is in use costs time and nothing else. Method:
// each page of one is damaged in turn, after its filter was loaded.
func TestAnIndexThatIsDamagedWhileInUseIsMadeAnew(t *testing.T) {
	opts := &Options{SegmentBytes: 150_000, Logger: quiet}
	dir := t.TempDir()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	const streams, events = 7, 2100
	for i := 0; i < events; {
		var batch []daybook.Event
		for ; len(batch) < 50; i++ {
			batch = append(batch, daybook.Event{Stream: fmt.Sprintf("order-%d", i%streams), Type: "Placed", Tags: []string{fmt.Sprintf("n:%d", i)}})
		}
		if _, err := s.Append(t.Context(), batch, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "00000001.idx")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(good) < 8*4096 {
		t.Fatalf("the index has %d bytes, too few to tell", len(good))
	}

	ask := []func(s *Store) error{
		func(s *Store) error {
			_, err := s.Append(t.Context(), nil, append(daybook.At("order-3", events/streams), daybook.New("order-8")...))
			return err
		},
		func(s *Store) error {
			if n := len(read(t, s, daybook.Stream("order-3"), daybook.Span{Limit: 10})); n != 10 {
				return fmt.Errorf("read %d events of a stream, want 10", n)
			}
			return nil
		},
		func(s *Store) error {
			for i := range 300 {
				if got := read(t, s, daybook.Query{{Types: []string{"Placed"}, Tags: []string{fmt.Sprintf("n:%d", i)}}}, daybook.Span{}); len(got) != 1 || got[0].Position != daybook.Position(i+1) {
					return fmt.Errorf("tag %d selects %v", i, got)
				}
			}
			return nil
		},
	}
	for page := 1; page < len(good)/4096; page++ {
		for _, ask := range ask {
			if err := os.WriteFile(name, good, 0o640); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir, opts)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.view.Load().segments[0].terms(); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte("rot"), int64(page)*4096+2000); err != nil {
				t.Fatal(err)
			}
			f.Close()
			if err := ask(s); err != nil {
				t.Errorf("page %d is damaged: %v", page, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestALogThatNobodyUsesHasNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s, err := Open(t.TempDir(), quietly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill(t, s, 1, 3)
	goleak.VerifyNone(t, before)
}

func TestReadersMayRangeWhileTheLogGrows(t *testing.T) {
	s, _ := faulty(t, &Options{SegmentBytes: 3000, Logger: quiet})
	fill(t, s, 1, 50)
	r, err := s.Read(t.Context(), daybook.Query{{Types: []string{"Placed"}}}, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		n := 0
		for e, err := range r.Events() {
			if err != nil {
				t.Fatal(err)
			}
			if n++; e.Position != daybook.Position(n) {
				t.Fatalf("event %d is at position %d", n, e.Position)
			}
			if n%10 == 0 {
				fill(t, s, 100, 110)
			}
		}
		if n != 50 {
			t.Errorf("the reading has %d events, want the 50 there were", n)
		}
	}
}
