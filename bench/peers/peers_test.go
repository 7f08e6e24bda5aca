package peers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What is compared must be the same work: every peer gives back what was appended, in
// its order, and again after it was closed.
func TestEveryPeerReturnsWhatWasAppended(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(kind.Key, func(t *testing.T) {
			if kind.Key == "pg" || kind.Key == "pg-group" {
				if _, err := postgresBinaries(); err != nil {
					t.Skip(err)
				}
			}
			dir := t.TempDir()
			openDirs(t, dir)
			p, err := kind.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			const streams, appends = 7, 20
			for n := range appends {
				var wg sync.WaitGroup
				for s := range streams {
					wg.Go(func() {
						if err := p.Append(t.Context(), pair(s, n)); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
			}
			check(t, p, streams, appends)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if p, err = kind.Open(dir); err != nil {
				t.Fatal(err)
			}
			if err := p.Append(t.Context(), pair(0, appends)); err != nil {
				t.Fatal(err)
			}
			if got := load(t, p, 0); len(got) != 2*appends+2 {
				t.Errorf("after reopening and one append more, a stream has %d events, want %d", len(got), 2*appends+2)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func check(t *testing.T, p Peer, streams, appends int) {
	t.Helper()
	replayed := 0
	if err := p.Replay(t.Context(), func([]byte) { replayed++ }); err != nil {
		t.Fatal(err)
	}
	if replayed != 2*streams*appends {
		t.Errorf("replayed %d events, want %d", replayed, 2*streams*appends)
	}
	for s := range streams {
		var want []string
		for n := range appends {
			for _, e := range pair(s, n) {
				want = append(want, string(e.Data))
			}
		}
		if diff := cmp.Diff(want, load(t, p, s)); diff != "" {
			t.Errorf("stream %d (-want +got):\n%s", s, diff)
		}
		head, err := p.Head(context.Background(), name(s))
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if err != nil || head == 0 {
			t.Errorf("the head of stream %d is at %d: %v", s, head, err)
		}
	}
}

func load(t *testing.T, p Peer, stream int) (data []string) {
	t.Helper()
	if err := p.Load(t.Context(), name(stream), func(b []byte) { data = append(data, string(b)) }); err != nil {
		t.Fatal(err)
	}
	return data
}

func name(stream int) string { return fmt.Sprintf("order-%d", stream) }

func pair(stream, n int) []daybook.Event {
	events := make([]daybook.Event, 2)
	for i := range events {
		events[i] = daybook.Event{
			ID: uuid.New(), Stream: name(stream), Type: "OrderPlaced", Tags: []string{"customer:1"},
			Data: fmt.Appendf(nil, `{"stream":%d,"n":%d,"i":%d}`, stream, n, i),
		}
	}
	return events
}
