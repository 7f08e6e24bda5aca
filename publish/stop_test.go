package publish_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestAPublisherThatIsStoppedFinishesWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bookmark := memstore.New(), new(publish.MemoryBookmark)
		record(t, store, "a", 2)
		record(t, store, "b", 2)
		sink := &receiver{answer: func(publish.Message) error { time.Sleep(5 * time.Second); return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- publish.New(store, daybook.All(), sink, bookmark, nil).Run(ctx) }()
		time.Sleep(time.Second)
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		// One of each key was on its way; the others are not begun any more.
		if n := sink.count(); n != 2 {
			t.Errorf("%d messages were taken; want the two that were being sent", n)
		}
		// The bookmark stands before the second of a: it says nothing of b.
		if m, _ := bookmark.Load(t.Context()); m.Point.Position != 1 || m.Last != 1 {
			t.Errorf("the bookmark is %+v; want it at 1", m)
		}
	})
}

func TestASendThatDoesNotEndIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bookmark := memstore.New(), new(publish.MemoryBookmark)
		record(t, store, "a", 1)
		record(t, store, "b", 1)
		record(t, store, "c", 1)
		forEver := make(chan struct{})
		sink := publish.SinkFunc(func(ctx context.Context, m publish.Message) error {
			switch m.Key {
			case "a":
				return nil
			case "b":
				<-ctx.Done() // which it is told in time
				return nil
			}
			<-forEver // whatever the context says
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{StopWithin: 3 * time.Second, Timeout: time.Hour}))
		go func() { ran <- p.Run(ctx) }()
		time.Sleep(time.Second)
		cancel()
		before := time.Now()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(before); took > 5*time.Second {
			t.Errorf("it took %s to stop", took)
		}
		if m, _ := bookmark.Load(t.Context()); m.Point.Position != 2 {
			t.Errorf("the bookmark is %+v; want it at 2", m)
		}
		close(forEver)
	})
}

func TestAMessageIsNotSetAsideBecauseThePublisherIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bookmark := memstore.New(), new(publish.MemoryBookmark)
		record(t, store, "a", 1)
		sink := publish.SinkFunc(func(ctx context.Context, m publish.Message) error { <-ctx.Done(); return ctx.Err() })
		p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{Window: 1, Attempts: 1, Timeout: time.Hour}))
		stop := run(t, p)
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if m, _ := bookmark.Load(t.Context()); m.Point.Position != 0 || len(m.Aside) != 0 {
			t.Errorf("the bookmark is %+v; want it at 0, and nothing set aside", m)
		}
	})
}

func TestASendIsBoundedByItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		record(t, store, "a", 1)
		var tries atomic.Int32
		sink := publish.SinkFunc(func(ctx context.Context, m publish.Message) error {
			if m.Attempt != int(tries.Add(1)) {
				t.Errorf("attempt %d is called %d", tries.Load(), m.Attempt)
			}
			if tries.Load() < 3 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{Timeout: time.Minute}))
		stop := run(t, p)
		time.Sleep(3 * time.Minute)
		if s := status(t, p); s.Sent != 1 || s.Failures != 2 {
			t.Errorf("%d sent, %d failures; want the third attempt to succeed", s.Sent, s.Failures)
		}
		stop()
	})
}

// A sink that is down is asked by one message at a time, less and less often; as long as it
// asks for, and not longer than ten minutes if it asks for more.
func TestASinkThatIsDownIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		name        string
		after       time.Duration
		least, most time.Duration // between two attempts, in the end
	}{
		{"as long as it takes", 0, 40 * time.Second, 90 * time.Second},
		{"as long as it asks for", 5 * time.Minute, 5 * time.Minute, 7 * time.Minute},
		{"ten minutes at most", 24 * time.Hour, 10 * time.Minute, 11 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memstore.New()
				for i := range 50 {
					record(t, store, fmt.Sprint("key-", i), 1)
				}
				var mu sync.Mutex
				var asked []time.Time
				var mended atomic.Bool
				sink := &receiver{answer: func(publish.Message) error {
					if mended.Load() {
						return nil
					}
					mu.Lock()
					defer mu.Unlock()
					asked = append(asked, time.Now())
					return &publish.UnavailableError{After: c.after, Err: errors.New("down")}
				}}
				options := publish.Options{RetryAfter: 100 * time.Millisecond, RetryAtMost: time.Minute}
				p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(options))
				stop := run(t, p)
				time.Sleep(5 * time.Hour)
				mu.Lock()
				n := len(asked)
				for i := n - 10; i < n; i++ {
					if between := asked[i].Sub(asked[i-1]); between < c.least || between > c.most {
						t.Errorf("%s between attempts %d and %d; want %s to %s", between, i, i+1, c.least, c.most)
					}
				}
				mu.Unlock()
				if s := status(t, p); s.Stuck == nil || s.Stuck.What != "sink" || len(s.Mark.Aside) > 0 || s.Oldest == nil || s.Oldest.Position != 1 {
					t.Errorf("status %+v; want it stuck on the sink, with nothing set aside", s)
				}
				mended.Store(true)
				time.Sleep(11 * time.Minute)
				if s := status(t, p); s.Sent != 50 || s.Stuck != nil || s.Lag != 0 {
					t.Errorf("status %+v; want all sent", s)
				}
				stop()
			})
		})
	}
}
