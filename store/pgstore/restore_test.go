package pgstore

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// restored is an event that another log recorded an hour ago.
func restored(position daybook.Position, data []byte) daybook.Recorded {
	return daybook.Recorded{Event: daybook.Event{ID: uuid.New(), Type: "Noted", Data: data}, Position: position, RecordedAt: time.Now().Add(-time.Hour)}
}

// A process is stopped when it has sent a part of what it restores.
func TestWhoIsStoppedWhileItRestoresHoldsTheOthersUpForSecondsOnly(t *testing.T) {
	database := pgtest.Database(t)
	cable, address := pgtest.Lay(t, database)
	stopped, other := open(t, address, Options{}), open(t, database, Options{})
	data := bytes.Repeat([]byte("what is restored "), 100_000)
	reached, release := make(chan struct{}), make(chan struct{})
	var parts atomic.Int32
	hold := func(said []byte) bool {
		if !bytes.Contains(said, data[:170]) {
			return false
		}
		if n := parts.Add(1); n > 1 {
			if n == 2 {
				close(reached)
			}
			<-release
		}
		return false
	}
	cable.ToServer.Store(&hold)
	var restoring sync.WaitGroup
	restoring.Go(func() {
		// What becomes of it does not matter here.
		_ = stopped.Restore(context.WithoutCancel(t.Context()), []daybook.Recorded{restored(1, data)})
	})
	<-reached
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := other.Append(ctx, []daybook.Event{{Type: "Noted"}}, nil); err != nil {
		t.Errorf("beside it: %v", err)
	}
	cable.ToServer.Store(nil)
	close(release)
	restoring.Wait()
}

func TestAMomentIsFoundInALogThatEndsAtTheGreatestPositions(t *testing.T) {
	s := open(t, pgtest.Database(t), Options{})
	if err := s.Restore(t.Context(), []daybook.Recorded{restored(1<<62-1, nil)}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	reading, err := s.Read(t.Context(), daybook.All(), daybook.Span{KnownAt: time.Now().Add(time.Minute)})
	if err != nil || reading.Snapshot().Position != 1<<62+2 {
		t.Errorf("%v was known (%v)", reading.Snapshot(), err)
	}
}
