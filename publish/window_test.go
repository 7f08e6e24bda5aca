package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestTheOthersGoOnAsFarAsTheWindowReaches(t *testing.T) {
	store := memstore.New()
	record(t, store, "slow", 1)
	for i := range 300 {
		record(t, store, fmt.Sprint("key-", i%10), 1)
	}
	release := make(chan struct{})
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Key == "slow" {
			<-release
		}
		return nil
	}}
	const window = 100
	p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{Window: window}))
	stop := run(t, p)
	until(t, "the window is full", func() bool { return sink.count() >= window*3/4 })
	time.Sleep(5 * time.Millisecond) // for it to go too far, if it does
	if n := sink.count(); n >= window {
		t.Errorf("%d messages were sent behind the bookmark; the window is %d", n, window)
	}
	s := status(t, p)
	if s.Mark.Point.Position != 0 || s.Oldest == nil || s.Oldest.Key != "slow" || s.Oldest.Attempts != 1 || s.Oldest.RecordedAt.IsZero() || s.InHand < 1 {
		t.Errorf("status %+v, oldest %+v; want the mark before the slow one", s, s.Oldest)
	}
	close(release)
	caughtUp(t, p)
	if err := stop(); err != nil {
		t.Error(err)
	}
	sink.ordered(t, store)
}

// Two keys fill the window, and are poisoned from the beginning: nothing was ever taken that
// would show that the sink is not to blame, and what would is behind them.
func TestPoisonedKeysThatFillTheWindowDoNotHoldTheOthers(t *testing.T) {
	store := memstore.New()
	for range 100 {
		record(t, store, "bad-1", 1)
		record(t, store, "bad-2", 1)
	}
	record(t, store, "good", 5)
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Key != "good" {
			return errors.New("poison")
		}
		return nil
	}}
	p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{Window: 40}))
	stop := run(t, p)
	until(t, "the others are sent", func() bool { return sink.count() == 5 })
	caughtUp(t, p)
	if aside := p.Aside(); len(aside) != 2 || aside[0].Followers != 99 || aside[1].Followers != 99 {
		t.Errorf("set aside: %+v; want two keys with 99 followers each", aside)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestNoMoreIsSetAsideThanMayBe(t *testing.T) {
	store := memstore.New()
	var mended atomic.Bool
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Key != "good" && !mended.Load() {
			return publish.Refused(errors.New("poison"))
		}
		return nil
	}}
	p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{MaxAside: 2, Window: 50}))
	stop := run(t, p)
	for i := range 3 {
		record(t, store, fmt.Sprint("bad-", i), 2)
		record(t, store, "good", 2)
	}
	until(t, "the publisher is stuck", func() bool { s := status(t, p); return s.Stuck != nil && s.Stuck.What == "aside" })
	until(t, "the others are sent", func() bool { return sink.count() == 6 })
	if aside := p.Aside(); len(aside) != 2 {
		t.Errorf("%d keys are set aside; want two", len(aside))
	}
	if s := status(t, p); s.Oldest == nil || s.Oldest.Key[:3] != "bad" || s.Oldest.Err == nil {
		t.Errorf("the oldest is %+v; want what cannot be set aside", s.Oldest)
	}
	mended.Store(true)
	until(t, "the publisher goes on", func() bool { return status(t, p).Stuck == nil })
	for _, a := range p.Aside() {
		if err := p.Retry(a.Key); err != nil {
			t.Error(err)
		}
	}
	until(t, "everything is sent", func() bool { return sink.count() == 12 })
	caughtUp(t, p)
	if err := stop(); err != nil {
		t.Error(err)
	}
	sink.ordered(t, store)
}

func TestTheKeyIsWhatTheProgramSays(t *testing.T) {
	store := memstore.New()
	var mended atomic.Bool
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Recorded.Position == 1 && !mended.Load() {
			return publish.Refused(errors.New("poison"))
		}
		return nil
	}}
	customer := func(e daybook.Recorded) string {
		if len(e.Tags) == 0 {
			return ""
		}
		return e.Tags[0]
	}
	for i := range 12 {
		e := daybook.Event{Stream: fmt.Sprint("order-", i), Type: "OrderPlaced"}
		if i%4 != 3 {
			e.Tags = []string{fmt.Sprint("customer:", i%2)}
		}
		if _, err := store.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
			t.Fatal(err)
		}
	}
	p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{Key: customer}))
	stop := run(t, p)
	until(t, "the key is set aside", func() bool { a := p.Aside(); return len(a) == 1 && status(t, p).Lag == 0 })
	if a := p.Aside()[0]; a.Key != "customer:0" || a.Followers != 5 {
		t.Errorf("set aside: %+v; want the first customer with five events behind", a)
	}
	mended.Store(true)
	if err := p.Retry("customer:0"); err != nil {
		t.Fatal(err)
	}
	until(t, "everything is sent", func() bool { return sink.count() == 12 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	for key, want := range map[string][]daybook.Position{"customer:0": {1, 3, 5, 7, 9, 11}, "customer:1": {2, 6, 10}} {
		if got := sink.positions(key); !slices.Equal(got, want) {
			t.Errorf("of %s there came %v; want %v", key, got, want)
		}
	}
	for _, m := range sink.taken {
		if len(m.Recorded.Tags) == 0 && m.Key != m.ID.String() {
			t.Errorf("an event without a key has the key %q; want its id", m.Key)
		}
	}
}

func TestWhatIsForgottenIsPassedOver(t *testing.T) {
	store := memstore.New()
	forget := func(stream string) {
		t.Helper()
		if _, err := store.Append(t.Context(), []daybook.Event{daybook.Deleted(stream)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	record(t, store, "gone", 3)
	forget("gone")
	record(t, store, "later", 3)
	record(t, store, "kept", 1)
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Key == "later" {
			return publish.Refused(errors.New("poison"))
		}
		return nil
	}}
	streams := daybook.Query{{Streams: []string{"gone", "later", "kept"}}}
	p := publish.New(store, streams, sink, new(publish.MemoryBookmark), quick(publish.Options{}))
	stop := run(t, p)
	until(t, "the key is set aside", func() bool { return len(p.Aside()) == 1 && status(t, p).Lag == 0 })
	forget("later")
	if err := store.Scavenge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Retry("later"); err != nil {
		t.Fatal(err)
	}
	until(t, "nothing is set aside", func() bool { return len(p.Aside()) == 0 })
	record(t, store, "kept", 1)
	caughtUp(t, p)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := sink.positions(""); len(got) != 2 {
		t.Errorf("there came %v; want what is kept", got)
	}
}

func TestNothingBehindASkippedEventIsSentBeforeTheSkipIsKept(t *testing.T) {
	store := memstore.New()
	record(t, store, "bad", 2)
	var broken, mended atomic.Bool
	bookmark := &flaky{fails: broken.Load}
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Recorded.Position == 1 && !mended.Load() {
			return publish.Refused(errors.New("poison"))
		}
		return nil
	}}
	p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{}))
	stop := run(t, p)
	until(t, "the key is set aside, and that is saved", func() bool { m, _ := bookmark.MemoryBookmark.Load(context.Background()); return len(m.Aside) == 1 })
	broken.Store(true)
	if err := p.Skip("bad", p.Aside()[0].ID, "nobody wants it"); err != nil {
		t.Fatal(err)
	}
	if err := p.Skip("bad", p.Aside()[0].ID, "again"); !errors.Is(err, publish.ErrNotSetAside) {
		t.Errorf("skipped twice: %v", err)
	}
	until(t, "the bookmark fails", func() bool {
		s := status(t, p)
		return s.Stuck != nil && s.Stuck.What == "bookmark" && s.Stuck.Attempts > 3
	})
	if n := sink.count(); n > 0 {
		t.Errorf("%d messages were sent, and the skip may yet be lost", n)
	}
	broken.Store(false)
	until(t, "the follower is sent", func() bool { return sink.count() == 1 })
	mended.Store(true)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := sink.positions(""); !slices.Equal(got, []daybook.Position{2}) {
		t.Errorf("there came %v; want the second event only", got)
	}
}

// While the bookmark cannot be saved, no more is sent than would be sent again.
func TestABookmarkThatFailsHoldsThePublisherAtTheEndOfItsWindow(t *testing.T) {
	store, sink := memstore.New(), new(receiver)
	for i := range 200 {
		record(t, store, fmt.Sprint("key-", i%10), 1)
	}
	var broken atomic.Bool
	bookmark := &flaky{fails: broken.Load}
	if err := publish.Place(t.Context(), bookmark, store, daybook.Point{}); err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	sink.answer = func(m publish.Message) error { <-started; return nil }
	p := publish.New(store, daybook.All(), sink, bookmark, quick(publish.Options{Window: 40}))
	stop := run(t, p)
	until(t, "the publisher has the bookmark", func() bool { return status(t, p).InHand > 0 })
	broken.Store(true)
	close(started)
	until(t, "the publisher is stuck", func() bool {
		s := status(t, p)
		return s.Stuck != nil && s.Stuck.What == "bookmark" && s.Stuck.Attempts > 5
	})
	if n := sink.count(); n > 40 {
		t.Errorf("%d messages were sent without the bookmark; the window is 40", n)
	}
	broken.Store(false)
	caughtUp(t, p)
	if err := stop(); err != nil {
		t.Error(err)
	}
	sink.ordered(t, store)
}

// A failing store is one that cannot be read for a while.
type failing struct {
	*memstore.Store
	fails *atomic.Bool
}

func (f failing) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if f.fails.Load() {
		return daybook.Reading{}, &daybook.UnavailableError{Doing: "read", Err: errors.New("the disk is away")}
	}
	return f.Store.Read(ctx, q, span)
}

func TestAStoreThatFailsIsReadAgain(t *testing.T) {
	var fails atomic.Bool
	store, sink := failing{memstore.New(), &fails}, new(receiver)
	p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{}))
	stop := run(t, p)
	record(t, store, "a", 3)
	caughtUp(t, p)
	fails.Store(true)
	record(t, store, "a", 3)
	until(t, "the publisher is stuck", func() bool {
		s, _ := p.Status(t.Context())
		return s.Stuck != nil && s.Stuck.What == "store" && s.Stuck.Attempts > 2
	})
	fails.Store(false)
	until(t, "the rest is sent", func() bool { return sink.count() == 6 })
	until(t, "the publisher goes on", func() bool { return status(t, p).Stuck == nil })
	if err := stop(); err != nil {
		t.Error(err)
	}
	sink.ordered(t, store)
}

func TestWhatIsSetAsideIsReadAgainWhenTheStoreFails(t *testing.T) {
	var fails, mended atomic.Bool
	store := failing{memstore.New(), &fails}
	sink := &receiver{answer: func(m publish.Message) error {
		if m.Key == "bad" && !mended.Load() {
			return publish.Refused(errors.New(strings.Repeat("ö", 2000)))
		}
		return nil
	}}
	p := publish.New(store, daybook.All(), sink, new(publish.MemoryBookmark), quick(publish.Options{}))
	stop := run(t, p)
	record(t, store, "bad", 3)
	until(t, "the key is set aside", func() bool { return status(t, p).Lag == 0 && len(p.Aside()) == 1 })
	if cause := p.Aside()[0].Cause; len(cause) > 1000 || !utf8.ValidString(cause) {
		t.Errorf("the cause has %d bytes: %.40q", len(cause), cause)
	}
	mended.Store(true)
	fails.Store(true)
	if err := p.Retry("bad"); err != nil {
		t.Fatal(err)
	}
	until(t, "the publisher is stuck", func() bool {
		s, _ := p.Status(t.Context())
		return s.Stuck != nil && s.Stuck.Attempts > 2 && strings.HasPrefix(s.Stuck.String(), "store: daybook: unavailable: read: the disk is away (")
	})
	fails.Store(false)
	until(t, "everything is sent", func() bool { return sink.count() == 3 && len(p.Aside()) == 0 })
	until(t, "the publisher goes on", func() bool { return status(t, p).Stuck == nil })
	if err := stop(); err != nil {
		t.Error(err)
	}
	sink.ordered(t, store)
}

func TestAPublisherEndsWithItsStore(t *testing.T) {
	store := memstore.New()
	record(t, store, "a", 3)
	p := publish.New(store, daybook.All(), new(receiver), new(publish.MemoryBookmark), quick(publish.Options{}))
	stop := run(t, p)
	caughtUp(t, p)
	if err := p.Run(t.Context()); err == nil {
		t.Error("Run was called twice at once")
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "Run ends", func() bool { s, _ := p.Status(context.Background()); return !s.Running })
	if err := stop(); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("Run: %v; want ErrClosed", err)
	}
	if err := p.Skip("a", uuid.New(), ""); !errors.As(err, new(*daybook.InvalidError)) {
		t.Errorf("skipped without a reason: %v", err)
	}
	if err := p.Skip("a", uuid.New(), "lost"); !errors.Is(err, publish.ErrNotRunning) {
		t.Errorf("skipped: %v", err)
	}
	invalid := publish.New(memstore.New(), daybook.Query{{}}, new(receiver), new(publish.MemoryBookmark), quick(publish.Options{}))
	var wrong *daybook.InvalidError
	if err := invalid.Run(t.Context()); !errors.As(err, &wrong) {
		t.Errorf("a query that cannot be asked: %v", err)
	}
}
