package natsstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
)

// A stream that takes no more refuses, and nobody is left to wonder. When there is room again, appends are taken.
func TestWhatAFullStreamRefusesIsNotRecorded(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{Patience: 3 * time.Second})
	mustAppend(t, s.nodes[0], placed("order-1"))
	l := s.nodes[0].log
	room := func(bytes int64) {
		c := l.stream.CachedInfo().Config
		c.MaxBytes = bytes
		if _, err := l.js.UpdateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	room(20_000)
	large := placed("order-1")
	large.Data = []byte(`"` + strings.Repeat("x", 30_000) + `"`)
	var unavailable *daybook.UnavailableError
	if _, err := s.nodes[0].Append(t.Context(), []daybook.Event{large}, nil); !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "maximum bytes") {
		t.Errorf("what has no room in the stream: %v", err)
	}
	mustAppend(t, s.nodes[0], placed("order-1"))
	room(-1)
	if receipt := mustAppend(t, s.nodes[0], large); receipt.Position != 3 || receipt.Repeated {
		t.Errorf("when there is room again: %+v", receipt)
	}
	if e := epochIn(t, s.nodes[0]); e.Epoch != 1 {
		t.Errorf("a refusal has ended the turn: %+v", e)
	}
}
