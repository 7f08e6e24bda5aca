package projection_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A distantShelf is one of which it takes a while to say where it stands.
type distantShelf struct{ *shelf }

func (s distantShelf) Stand(ctx context.Context, part int) (projection.Stand, error) {
	stand, err := s.shelf.Stand(ctx, part)
	time.Sleep(30 * time.Millisecond)
	return stand, err
}

// A runner that has always something to apply moves the view between somebody's look at
// where it stands and their change: it must not be first for ever.
func TestAViewCanBePausedHoweverMuchThereIsToApply(t *testing.T) {
	const events = 2_000
	keys := make([]string, events)
	for i := range keys {
		keys[i] = key(i % 10)
	}
	store, _ := shelved(t, keys...)
	view := distantShelf{newShelf(1)}
	view.slow = func(daybook.Recorded) { time.Sleep(50 * time.Microsecond) }
	r := projection.NewRunner(store, view, &projection.Options{BatchEvents: 1, Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- r.Run(ctx) }()
	defer func() { stop(); <-ran }()
	at := func() daybook.Position {
		stand, err := view.shelf.Stand(t.Context(), 0)
		if err != nil {
			t.Error(err)
		}
		return stand.Checkpoint.Position
	}
	for at() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := r.Pause(t.Context(), "to see"); err != nil {
		t.Fatal(err)
	}
	if at() == events {
		t.Errorf("it was paused when all %d events had been applied", events)
	}
}
