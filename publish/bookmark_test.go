package publish_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

// bookmarks are what each promise about bookmarks is tried on: how to make one, and how to
// come by it again as another process would.
var bookmarks = []struct {
	name string
	make func(t *testing.T) (open func() publish.Bookmark)
}{
	{"in memory", func(*testing.T) func() publish.Bookmark {
		b := new(publish.MemoryBookmark)
		return func() publish.Bookmark { return b }
	}},
	{"in a file", func(t *testing.T) func() publish.Bookmark {
		dir := filepath.Join(t.TempDir(), "deep", "bookmark")
		var b *publish.FileBookmark
		return func() publish.Bookmark {
			t.Helper()
			if b != nil {
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			if b, err = publish.OpenFile(dir); err != nil {
				t.Fatal(err)
			}
			b := b
			t.Cleanup(func() { b.Close() })
			return b
		}
	}},
	{"in a stream", func(*testing.T) func() publish.Bookmark {
		store := memstore.New()
		return func() publish.Bookmark { return publish.InStream(store, "partner") }
	}},
}

// eachBookmark runs a check over each kind of bookmark.
func eachBookmark(t *testing.T, check func(t *testing.T, open func() publish.Bookmark)) {
	for _, b := range bookmarks {
		t.Run(b.name, func(t *testing.T) { check(t, b.make(t)) })
	}
}

// mark returns the n-th of the marks of these tests.
func mark(n int) publish.Mark {
	at := time.Date(2026, 11, 21, 12, 0, n, 0, time.UTC)
	return publish.Mark{
		ID:    uuid.New(),
		Point: daybook.Point{Log: uuid.New(), Incarnation: uuid.New(), Position: daybook.Position(n)}, Last: 7, LastID: uuid.New(),
		Aside:   []publish.Aside{{Key: "order-1", Position: 3, ID: uuid.New(), Cause: "no \"reason\"", Attempts: 5, Since: at, Followers: 4, Newest: 6}},
		Skipped: []publish.Skip{{Key: "order-2", Position: 2, ID: uuid.New(), Reason: "nobody wants it", At: at}},
	}
}

func TestABookmarkKeepsWhatWasSavedLast(t *testing.T) {
	eachBookmark(t, func(t *testing.T, open func() publish.Bookmark) {
		b := open()
		kept, err := b.Load(t.Context())
		if err != nil || !kept.IsZero() {
			t.Fatalf("a bookmark that was never moved: %+v, %v", kept, err)
		}
		for n := range 110 {
			next := mark(n)
			if err := b.Save(t.Context(), kept, next); err != nil {
				t.Fatalf("save %d: %v", n, err)
			}
			if n%50 == 0 {
				b = open()
			}
			if kept, err = b.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(next, kept); diff != "" {
				t.Fatalf("what was saved (-) and is kept (+):\n%s", diff)
			}
		}
	})
}

func TestABookmarkThatWasMovedIsNotMovedByAnother(t *testing.T) {
	eachBookmark(t, func(t *testing.T, open func() publish.Bookmark) {
		b, first, second := open(), mark(1), mark(2)
		if err := b.Save(t.Context(), publish.Mark{}, first); err != nil {
			t.Fatal(err)
		}
		if err := b.Save(t.Context(), publish.Mark{}, second); !errors.Is(err, publish.ErrMoved) {
			t.Errorf("saved as the first a second time: %v; want ErrMoved", err)
		}
		if err := b.Save(t.Context(), mark(1), second); !errors.Is(err, publish.ErrMoved) {
			t.Errorf("saved over another mark: %v; want ErrMoved", err)
		}
		if err := b.Save(t.Context(), publish.Mark{}, first); err != nil {
			t.Errorf("saved again what is kept: %v; want that to be harmless", err)
		}
		if kept, err := b.Load(t.Context()); err != nil || kept.ID != first.ID {
			t.Errorf("kept is %v, %v; want what was saved first", kept.ID, err)
		}
	})
}

func TestABookmarkInAFileHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	first, err := publish.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publish.OpenFile(dir); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "locked") {
		t.Errorf("opened a second time: %v; want an error that says it is locked, and where", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Save(t.Context(), publish.Mark{}, mark(1)); err == nil {
		t.Error("saved after it was closed")
	}
	second, err := publish.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedBookmarkIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	b, err := publish.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Save(t.Context(), publish.Mark{}, mark(1)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "bookmark.json")
	sound, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for bit := 0; bit < 8*len(sound); bit += 17 {
		damaged := append([]byte(nil), sound...)
		damaged[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Load(t.Context()); err == nil {
			t.Fatalf("bit %d is flipped, and it is loaded as %+v", bit, got)
		}
	}
	for n := 0; n < len(sound); n += 7 {
		if err := os.WriteFile(name, sound[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Load(t.Context()); err == nil {
			t.Fatalf("cut off after %d bytes, and it is loaded", n)
		}
	}
}

func TestABookmarkInAStreamStaysSmall(t *testing.T) {
	store := memstore.New()
	b, from := publish.InStream(store, "partner"), publish.Mark{}
	for n := range 1000 {
		to := mark(n)
		if err := b.Save(t.Context(), from, to); err != nil {
			t.Fatal(err)
		}
		from = to
	}
	for stream, most := range map[string]int{"publish.bookmark-partner": 100, "$$publish.bookmark-partner": 10} {
		reading, err := store.Read(t.Context(), daybook.Stream(stream), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		events, err := reading.Collect()
		if err != nil || len(events) == 0 || len(events) > most {
			t.Errorf("%d events in %s, %v; want %d at most", len(events), stream, err, most)
		}
	}
}

// The bookmark is in the log that is published whole. Were its own events sent, or were it
// saved because it was saved, there would be no end to it.
func TestABookmarkInTheLogThatIsPublishedComesToRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, sink := memstore.New(), new(receiver)
		p := publish.New(store, daybook.All(), sink, publish.InStream(store, "all"), nil)
		stop := run(t, p)
		for range 2 {
			record(t, store, "order-1", 3)
			time.Sleep(24 * time.Hour)
		}
		if s := status(t, p); s.Lag != 0 || s.Sent != 6 {
			t.Errorf("status %+v; want all sent", s)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		info, err := store.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if at := info.Head.Position; at > 6+1+4 { // when it begins, and twice for each three
			t.Errorf("the head is at %d after six events", at)
		}
		if got := sink.positions(""); len(got) != 6 {
			t.Errorf("there came %v; want the six events of the order", got)
		}
	})
}

// A hasty store has something happen between a Read and the Append after it.
type hasty struct {
	*memstore.Store
	before func()
}

func (h *hasty) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	if before := h.before; before != nil {
		h.before = nil
		before()
	}
	return h.Store.Append(ctx, events, cond)
}

func TestOfTwoWhoSaveInAStreamAtTheSameTimeOneDoes(t *testing.T) {
	for _, from := range []publish.Mark{{}, mark(1)} {
		store := &hasty{Store: memstore.New()}
		slow, quick, other := publish.InStream(store, "partner"), publish.InStream(store.Store, "partner"), mark(2)
		if !from.IsZero() {
			if err := quick.Save(t.Context(), publish.Mark{}, from); err != nil {
				t.Fatal(err)
			}
		}
		store.before = func() {
			if err := quick.Save(t.Context(), from, other); err != nil {
				t.Error(err)
			}
		}
		if err := slow.Save(t.Context(), from, mark(3)); !errors.Is(err, publish.ErrMoved) {
			t.Errorf("the slower one: %v; want ErrMoved", err)
		}
		if kept, err := slow.Load(t.Context()); err != nil || kept.ID != other.ID {
			t.Errorf("kept is %v, %v; want what the quicker one saved", kept.ID, err)
		}
	}
}

func TestABookmarkIsPlacedWherePublishingIsToBegin(t *testing.T) {
	eachBookmark(t, func(t *testing.T, open func() publish.Bookmark) {
		store, sink, b := memstore.New(), new(receiver), open()
		receipt := record(t, store, "order-1", 5)
		if err := publish.Place(t.Context(), b, store, receipt.At(3)); err != nil {
			t.Fatal(err)
		}
		var invalid *daybook.InvalidError
		if err := publish.Place(t.Context(), b, store, receipt.At(99)); !errors.As(err, &invalid) {
			t.Errorf("placed after the head: %v", err)
		}
		var life *daybook.LifeError
		if err := publish.Place(t.Context(), b, store, mark(1).Point); !errors.As(err, &life) {
			t.Errorf("placed in another log: %v", err)
		}
		p := publish.New(store, daybook.All(), sink, b, quick(publish.Options{FromHead: true}))
		stop := run(t, p)
		caughtUp(t, p)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(sink.positions("")); got != "[4 5]" {
			t.Errorf("from 3 on there came %s", got)
		}
	})
}

func TestAPublisherMayBeginAtTheHead(t *testing.T) {
	store, sink, b := memstore.New(), new(receiver), new(publish.MemoryBookmark)
	record(t, store, "order-1", 5)
	p := publish.New(store, daybook.All(), sink, b, quick(publish.Options{FromHead: true}))
	stop := run(t, p)
	until(t, "the bookmark is at the head", func() bool { m, _ := b.Load(context.Background()); return m.Point.Position == 5 && m.Last == 5 })
	record(t, store, "order-1", 1)
	until(t, "the new event is sent", func() bool { return sink.count() == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(sink.positions("")); got != "[6]" {
		t.Errorf("there came %s; want what was recorded later", got)
	}
}
