package logstore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// A bootClock shows what time a test says has passed since boot.
type bootClock struct {
	vfs.Clock
	boot atomic.Int64
}

func (c *bootClock) Boot() time.Duration { return time.Duration(c.boot.Load()) }

// Goal: a disk that does not answer holds up appends and closing, and nothing else, and health says so after some
// time. Method: a sync is held for as long as the test wants, and time since boot is its own.
func TestADiskThatIsStuckHoldsUpNothingButAppends(t *testing.T) {
	world := inMemory()
	clock := &bootClock{Clock: world.Clock}
	world.Clock = clock
	s := openSubject(t, world, quietly)
	if err := appendOne(s.Store, 1); err != nil {
		t.Fatal(err)
	}
	waiting, release := s.gate.shut()
	held := daybook.Event{ID: uuid.New(), Stream: "order-1", Type: "Placed", Data: []byte("2")}
	ctx, cancel := context.WithCancel(t.Context())
	answers := make(chan error, 2)
	go func() {
		_, err := s.Append(ctx, []daybook.Event{held}, nil)
		answers <- err
	}()
	<-waiting
	go func() { answers <- appendOne(s.Store, 3) }()

	cancel()
	var unknown *daybook.UnknownError
	if err := <-answers; !errors.As(err, &unknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("an append whose context ends while it is being synced answers %v, want unknown", err)
	}
	if got := len(read(t, s, daybook.All(), daybook.Span{})); got != 1 {
		t.Errorf("%d events are read, want the one that is durable", got)
	}
	clock.boot.Store(int64(stuckAfter - 1))
	if err := s.Health(); err != nil {
		t.Errorf("after a while health is %v", err)
	}
	clock.boot.Store(int64(stuckAfter))
	var health *HealthError
	if err := s.Health(); !errors.As(err, &health) || health.ReadOnly {
		t.Errorf("after %v health is %v, want it to say that the disk does not answer", stuckAfter, err)
	}
	select {
	case err := <-answers:
		t.Errorf("the other append is answered (%v) before the disk has", err)
	default:
	}

	release()
	if err := <-answers; err != nil {
		t.Errorf("the disk answers, and an append that has waited gives %v", err)
	}
	if err := s.Health(); err != nil {
		t.Errorf("the disk answers again, and health is %v", err)
	}
	receipt, err := s.Append(t.Context(), []daybook.Event{held}, nil)
	if err != nil || !receipt.Repeated || receipt.Position != 2 {
		t.Errorf("what was unknown, appended again, answers %+v, %v", receipt, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
