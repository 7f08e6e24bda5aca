package publish_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestMain(m *testing.M) {
	if os.Getenv("PUBLISH_DIR") != "" {
		other()
		return
	}
	goleak.VerifyTestMain(m)
}

// A receiver is a sink that remembers what it has taken. Unless answer says otherwise, it
// takes everything.
type receiver struct {
	answer func(publish.Message) error

	mu     sync.Mutex
	taken  []publish.Message
	busy   map[string]bool
	faults []string
}

func (r *receiver) Send(ctx context.Context, m publish.Message) error {
	r.mu.Lock()
	if r.busy == nil {
		r.busy = make(map[string]bool)
	}
	if r.busy[m.Key] {
		r.faults = append(r.faults, fmt.Sprintf("two messages of %s at once", m.Key))
	}
	r.busy[m.Key] = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy[m.Key] = false
	}()
	if r.answer != nil {
		if err := r.answer(m); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, m)
	return nil
}

// positions returns where what was taken of a key stands, in the order of taking; of all
// keys if it is "".
func (r *receiver) positions(key string) (positions []daybook.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.taken {
		if key == "" || m.Key == key {
			positions = append(positions, m.Recorded.Position)
		}
	}
	return positions
}

// count returns how many different events were taken.
func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := make(map[uuid.UUID]bool)
	for _, m := range r.taken {
		seen[m.ID] = true
	}
	return len(seen)
}

// ordered fails the test unless each event of the store up to now was taken, those of one
// key in order: where an event was taken again, so were those after it.
func (r *receiver) ordered(t *testing.T, store daybook.Store) {
	t.Helper()
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string][]daybook.Position)
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		want[e.Stream] = append(want[e.Stream], e.Position)
	}
	for key, positions := range want {
		if got := r.positions(key); !inOrder(got, positions) {
			t.Errorf("of %s there came %v; want %v in order, with nothing left out", key, got, positions)
		}
	}
	for _, fault := range r.faults {
		t.Error(fault)
	}
}

// inOrder reports whether got is want, perhaps with parts repeated, and nothing left out.
func inOrder(got, want []daybook.Position) bool {
	next := 0
	for _, position := range got {
		switch at := slices.Index(want, position); {
		case at < 0 || at > next:
			return false
		default:
			next = at + 1
		}
	}
	return next == len(want)
}

// quick are options with which a test need not wait.
func quick(o publish.Options) *publish.Options {
	if o.RetryAfter == 0 {
		o.RetryAfter, o.RetryAtMost = time.Millisecond, 5*time.Millisecond
	}
	if o.SaveEvery == 0 {
		o.SaveEvery = time.Millisecond
	}
	o.Logger = slog.New(slog.DiscardHandler)
	return &o
}

// run runs a publisher in the background; the function it returns stops it and returns
// what Run did.
func run(t testing.TB, p *publish.Publisher) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { stop() })
	return stop
}

// record appends n events to a stream.
func record(t testing.TB, store daybook.Store, stream string, n int) daybook.Receipt {
	t.Helper()
	var receipt daybook.Receipt
	for range n {
		var err error
		if receipt, err = store.Append(t.Context(), []daybook.Event{{Stream: stream, Type: "Counted", Data: []byte(`{}`)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return receipt
}

// until waits until a condition holds.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for range 20_000 {
		if holds() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

// status asks a publisher where it stands.
func status(t testing.TB, p *publish.Publisher) publish.Status {
	t.Helper()
	s, err := p.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// caughtUp waits until a publisher has sent everything that is not set aside.
func caughtUp(t testing.TB, p *publish.Publisher) {
	t.Helper()
	until(t, "the publisher catches up", func() bool { s := status(t, p); return s.Running && !s.Mark.IsZero() && s.Lag == 0 && s.InHand == 0 })
}

func TestEveryEventIsSentInOrderPerKey(t *testing.T) {
	store, sink := memstore.New(), new(receiver)
	for i := range 200 {
		record(t, store, fmt.Sprintf("order-%d", i%7), 1)
	}
	var slow sync.Map
	sink.answer = func(m publish.Message) error {
		// Every third message is slow, every fifth fails at first.
		if n := m.Recorded.Position; n%5 == 0 {
			if _, tried := slow.LoadOrStore(m.ID, true); !tried {
				return errors.New("not now")
			}
		} else if n%3 == 0 {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{AtOnce: 4, Window: 50}))
	stop := run(t, p)
	for i := range 200 {
		record(t, store, fmt.Sprintf("order-%d", i%11), 1)
	}
	caughtUp(t, p)
	if err := stop(); err != nil {
		t.Errorf("Run, when its context ended: %v", err)
	}
	sink.ordered(t, store)
	if n := len(sink.positions("")); n != 400 {
		t.Errorf("%d messages were sent; want each of 400 once", n)
	}
}

func TestAPublisherGoesOnWhereTheBookmarkIs(t *testing.T) {
	store, sink, bookmark := memstore.New(), new(receiver), new(publish.MemoryBookmark)
	for n := 1; n <= 3; n++ {
		record(t, store, "order-1", 5)
		p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{SaveEvery: time.Hour}))
		stop := run(t, p)
		caughtUp(t, p)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := len(sink.positions("")); got != 5*n {
			t.Errorf("after %d runs %d messages were sent; want %d", n, got, 5*n)
		}
		mark, _ := bookmark.Load(t.Context())
		if mark.Point.Position != daybook.Position(5*n) || mark.Last != mark.Point.Position || mark.LastID == uuid.Nil {
			t.Errorf("the bookmark is %+v; want it at %d", mark, 5*n)
		}
	}
}

func TestAPoisonedKeyIsSetAsideAndTheOthersGoOn(t *testing.T) {
	for _, how := range []string{"fails", "is refused", "panics"} {
		t.Run(how, func(t *testing.T) {
			store, bookmark := memstore.New(), new(publish.MemoryBookmark)
			var mended sync.Map
			sink := &receiver{answer: func(m publish.Message) error {
				if _, is := mended.Load("bad"); m.Key == "order-bad" && m.Recorded.Version == 2 && !is {
					switch how {
					case "fails":
						return errors.New("poison")
					case "is refused":
						return fmt.Errorf("by the other side: %w", publish.Refused(errors.New("poison")))
					}
					panic("poison")
				}
				return nil
			}}
			p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{Window: 20}))
			stop := run(t, p)
			for range 3 {
				record(t, store, "order-bad", 1)
				for i := range 30 {
					record(t, store, fmt.Sprintf("order-%d", i), 1)
				}
			}
			until(t, "the key is set aside with its follower", func() bool {
				s := status(t, p)
				return s.Lag == 0 && len(s.Mark.Aside) == 1 && s.Mark.Aside[0].Followers == 1
			})
			aside := status(t, p).Mark.Aside[0]
			if aside.Key != "order-bad" || aside.Position != 32 || aside.Newest != 63 || aside.Attempts < 1 || aside.Cause == "" {
				t.Errorf("set aside: %+v; want the second event of order-bad, at 32, and the third, at 63, behind it", aside)
			}
			if s := status(t, p); s.Stuck != nil || s.InHand != 0 {
				t.Errorf("status %+v; want nothing stuck or in hand", s)
			}
			if got := sink.positions("order-bad"); !slices.Equal(got, []daybook.Position{1}) {
				t.Errorf("of the poisoned key there came %v; want what is before the poison", got)
			}
			record(t, store, "order-bad", 1)

			mended.Store("bad", true)
			if err := p.Retry("order-bad"); err != nil {
				t.Fatal(err)
			}
			until(t, "nothing is set aside", func() bool { return len(status(t, p).Mark.Aside) == 0 })
			record(t, store, "order-bad", 1)
			caughtUp(t, p)
			if err := stop(); err != nil {
				t.Error(err)
			}
			sink.ordered(t, store)
			for _, m := range sink.taken {
				if m.Recorded.Position == aside.Position && m.Attempt != aside.Attempts+1 {
					t.Errorf("what was set aside after %d attempts was sent with attempt %d", aside.Attempts, m.Attempt)
				}
			}
			if err := p.Retry("order-bad"); !errors.Is(err, publish.ErrNotRunning) {
				t.Errorf("a retry after Run: %v", err)
			}
		})
	}
}

func TestWhatIsSetAsideSurvivesARestartAndIsSkippedWithAReason(t *testing.T) {
	store, bookmark := memstore.New(), new(publish.MemoryBookmark)
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Recorded.Position == 1 || m.Recorded.Position == 3 {
			return publish.Refused(errors.New("poison"))
		}
		return nil
	}}
	record(t, store, "order-bad", 5)
	record(t, store, "order-good", 1)
	first := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{}))
	stop := run(t, first)
	until(t, "the key is set aside", func() bool { s := status(t, first); return s.Lag == 0 && len(s.Mark.Aside) == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{}))
	kept := status(t, p)
	if kept.Running || len(kept.Mark.Aside) != 1 || kept.Mark.Aside[0].Position != 1 || kept.Mark.Aside[0].Followers != 4 {
		t.Fatalf("the bookmark keeps %+v; want the first of five events set aside", kept.Mark)
	}
	stop = run(t, p)
	skip := func(at daybook.Position) {
		t.Helper()
		var aside publish.Aside
		until(t, fmt.Sprintf("the key is set aside at %d", at), func() bool {
			s := status(t, p)
			if len(s.Mark.Aside) != 1 {
				return false
			}
			aside = s.Mark.Aside[0]
			return aside.Position == at && aside.Attempts > 0 && p.Retry("order-good") == publish.ErrNotSetAside
		})
		if err := p.Skip("order-bad", uuid.New(), "by mistake"); !errors.Is(err, publish.ErrNotSetAside) {
			t.Errorf("skipped another event: %v", err)
		}
		until(t, "the event is skipped", func() bool { return p.Skip("order-bad", aside.ID, "nobody wants it") == nil })
	}
	skip(1)
	skip(3)
	until(t, "nothing is set aside", func() bool { return len(status(t, p).Mark.Aside) == 0 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := sink.positions("order-bad"); !slices.Equal(got, []daybook.Position{2, 4, 5}) {
		t.Errorf("of the key there came %v; want 2, 4 and 5", got)
	}
	mark, _ := bookmark.Load(t.Context())
	if len(mark.Skipped) != 2 || mark.Skipped[1].Position != 3 || mark.Skipped[1].Reason != "nobody wants it" || mark.Skipped[1].Key != "order-bad" {
		t.Errorf("the bookmark keeps %+v; want two events skipped, with the reason", mark.Skipped)
	}
}

func TestASinkThatIsDownSetsNothingAside(t *testing.T) {
	for _, how := range []struct {
		name string
		err  error
	}{{"and says so", publish.Unavailable(errors.New("down"))}, {"and fails", errors.New("down")}, {"and refuses everything", publish.Refused(errors.New("down"))}} {
		t.Run(how.name, func(t *testing.T) {
			store := memstore.New()
			var up sync.Map
			sink := &receiver{answer: func(m publish.Message) error {
				if _, is := up.Load("up"); is || m.Recorded.Position <= 20 {
					return nil
				}
				return how.err
			}}
			for i := range 100 {
				record(t, store, fmt.Sprintf("order-%d", i), 1)
			}
			p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{Attempts: 1, AtOnce: 4}))
			stop := run(t, p)
			until(t, "the publisher is stuck", func() bool {
				s := status(t, p)
				return s.Stuck != nil && s.Stuck.What == "sink" && s.Stuck.Attempts >= 10
			})
			// Where the sink does not say that it is down, the first messages that it refuses look
			// as if they were to blame.
			if aside := status(t, p).Mark.Aside; len(aside) > 2 || len(aside) > 0 && how.name != "and refuses everything" {
				t.Errorf("%d keys are set aside", len(aside))
			}
			up.Store("up", true)
			caughtUp(t, p)
			for _, a := range status(t, p).Mark.Aside {
				if err := p.Retry(a.Key); err != nil {
					t.Error(err)
				}
			}
			until(t, "all are sent", func() bool { return sink.count() == 100 })
			if err := stop(); err != nil {
				t.Error(err)
			}
			sink.ordered(t, store)
		})
	}
}
