package library

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
)

var quiet = slog.New(slog.DiscardHandler)

// openInventory opens an inventory until the test ends.
func openInventory(t *testing.T, store daybook.Store, dir string) *Inventory {
	t.Helper()
	i, err := Open(t.Context(), store, &InventoryOptions{Dir: dir, Now: func() time.Time { return at }, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close() })
	return i
}

// shows waits until an inventory shows everything that is recorded.
func shows(t *testing.T, i *Inventory) {
	t.Helper()
	now, err := i.Now(t.Context())
	if err == nil {
		err = i.Wait(t.Context(), now)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// do runs commands, each an hour after the one before.
func do(t *testing.T, store daybook.Store, commands ...any) {
	t.Helper()
	clock := at
	bus := NewBus(store, func() time.Time { return clock }, nil)
	for _, c := range commands {
		if _, err := bus.Do(t.Context(), command.Envelope{}, c); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		clock = clock.Add(time.Hour)
	}
}

// begun is a library with two books, of which readers have had one or the other.
var begun = []any{
	AddBook{emma, "Emma", "Jane Austen", 2},                         // 12:00
	AddBook{jane, "Jane Eyre", "Charlotte Brontë", 1},               // 13:00
	BorrowBook{ISBN: emma, Reader: "ada"},                           // 14:00
	BorrowBook{ISBN: emma, Reader: "grace", Due: "2026-11-25"},      // 15:00
	BorrowBook{ISBN: jane, Reader: "ada"},                           // 16:00
	ReturnBook{emma, "ada"},                                         // 17:00
	AddCopies{jane, 2},                                              // 18:00
	AddBook{"9780141439563", "Great Expectations", "C. Dickens", 1}, // 19:00
	RemoveBook{"9780141439563", "lost"},                             // 20:00
}

func TestQuestions(t *testing.T) {
	store := memstore.New()
	do(t, store, begun...)
	i := openInventory(t, store, "")
	shows(t, i)
	ctx := t.Context()

	page, shown, err := i.Books(ctx, Filter{}, Moment{})
	if err != nil {
		t.Fatal(err)
	}
	want := Page{Matching: 2, Books: []Book{
		{ISBN: emma, Title: "Emma", Author: "Jane Austen", Copies: 2, Out: 1, Left: 1, Version: 4, ChangedAt: at.Add(5 * time.Hour)},
		{ISBN: jane, Title: "Jane Eyre", Author: "Charlotte Brontë", Copies: 3, Out: 1, Left: 2, Version: 3, ChangedAt: at.Add(6 * time.Hour)},
	}}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("the inventory (-want, +got):\n%s", diff)
	}
	for _, c := range []struct {
		filter Filter
		want   []ISBN
		next   ISBN
	}{
		{Filter{Search: "AUSTEN emma"}, []ISBN{emma}, ""},
		{Filter{Search: "austen eyre"}, nil, ""},
		{Filter{Search: "0-14-143958-0"}, []ISBN{emma}, ""},
		{Filter{Search: "brontë"}, []ISBN{jane}, ""},
		{Filter{Limit: 1}, []ISBN{emma}, emma},
		{Filter{Limit: 1, After: emma}, []ISBN{jane}, ""},
		{Filter{Removed: true}, []ISBN{"9780141439563"}, ""},
	} {
		page, _, err := i.Books(ctx, c.filter, Moment{})
		var got []ISBN
		for _, b := range page.Books {
			got = append(got, b.ISBN)
		}
		if err != nil || !slices.Equal(got, c.want) || page.Next != c.next {
			t.Errorf("%+v selects %v and then %q: %v; want %v and %q", c.filter, got, page.Next, err, c.want, c.next)
		}
	}
	for _, wrong := range []Filter{{Limit: -1}, {Limit: MaxLimit + 1}, {After: "9780306406157"}} {
		if _, _, err := i.Books(ctx, wrong, Moment{}); err == nil {
			t.Errorf("%+v is answered", wrong)
		}
	}

	grace := Loan{emma, "Emma", "grace", at.Add(3 * time.Hour), "2026-11-25"}
	ada := Loan{jane, "Jane Eyre", "ada", at.Add(4 * time.Hour), today.Plus(UsualDays)}
	loans, _, err := i.Loans(ctx, LoanFilter{}, Moment{})
	if diff := cmp.Diff(LoanPage{Loans: []Loan{grace, ada}, Matching: 2}, loans); err != nil || diff != "" {
		t.Errorf("the loans %v (-want, +got):\n%s", err, diff)
	}
	first, _, err := i.Loans(ctx, LoanFilter{Limit: 1}, Moment{})
	second, _, err2 := i.Loans(ctx, LoanFilter{Limit: 1, After: first.Next}, Moment{})
	if err != nil || err2 != nil || !slices.Equal(append(first.Loans, second.Loans...), loans.Loans) || second.Next != "" {
		t.Errorf("page by page the loans are %v and %v: %v %v", first, second, err, err2)
	}
	if late, _, err := i.Loans(ctx, LoanFilter{Overdue: true}, Moment{}); err != nil || late.Matching != 0 {
		t.Errorf("overdue is %v, %v; want nothing", late, err)
	}
	reader, _, err := i.Reader(ctx, "ada", Moment{})
	if diff := cmp.Diff(Reader{Card: "ada", Loans: []Loan{ada}, MayBorrow: 4}, reader); err != nil || diff != "" {
		t.Errorf("the reader %v (-want, +got):\n%s", err, diff)
	}
	if _, _, err := i.Reader(ctx, "nobody", Moment{}); !errors.Is(err, ErrNoSuchReader) {
		t.Errorf("a reader who never came is %v", err)
	}
	if totals, _, err := i.Totals(ctx); err != nil || totals != (Totals{Titles: 2, Copies: 5, Out: 2}) {
		t.Errorf("the library comes to %+v, %v", totals, err)
	}
	if _, again, err := i.Books(ctx, Filter{}, Moment{}); err != nil || again.Tag != shown.Tag {
		t.Errorf("the tag of an answer that is the same is %s, and was %s", again.Tag, shown.Tag)
	}
}

func TestThePast(t *testing.T) {
	store := memstore.New()
	do(t, store, begun...)
	i := openInventory(t, store, "")
	shows(t, i)
	ctx := t.Context()
	then := func(hours int) Moment { return Moment{AsOf: at.Add(time.Duration(hours) * time.Hour)} }
	for hours, want := range map[int]struct{ titles, loans int }{-1: {0, 0}, 0: {1, 0}, 2: {2, 1}, 4: {2, 3}, 5: {2, 2}, 7: {3, 2}, 8: {2, 2}} {
		page, _, err := i.Books(ctx, Filter{}, then(hours))
		if err != nil || page.Matching != want.titles {
			t.Errorf("after %d hours there were %d books, %v; want %d", hours, page.Matching, err, want.titles)
		}
		loans, _, err := i.Loans(ctx, LoanFilter{}, then(hours))
		if err != nil || loans.Matching != want.loans {
			t.Errorf("after %d hours there were %d loans, %v; want %d", hours, loans.Matching, err, want.loans)
		}
	}
	if late, _, err := i.Loans(ctx, LoanFilter{Overdue: true}, then(24*4)); err != nil || late.Matching != 1 {
		t.Errorf("four days later %d are overdue, %v; want one", late.Matching, err)
	}
	book, shown, err := i.Book(ctx, emma, Moment{Version: 3})
	if err != nil || len(book.Loans) != 2 || book.Left != 0 || book.Version != 3 {
		t.Errorf("after its third event the book was %+v, %v", book, err)
	}
	now, current, err := i.Book(ctx, emma, Moment{})
	if err != nil || shown.Tag == current.Tag {
		t.Errorf("the book has one tag, %s, in two versions: %v", shown.Tag, err)
	}
	stored, storedShown, err := BookAsOf(ctx, store, emma, Moment{})
	if diff := cmp.Diff(now, stored); err != nil || diff != "" || storedShown.Tag != current.Tag {
		t.Errorf("the read model, and the book's own events, with %s and %s: %v (-, +)\n%s", current.Tag, storedShown.Tag, err, diff)
	}
	if _, _, err := i.Book(ctx, emma, Moment{Version: 99}); !errors.Is(err, ErrNoSuchBook) {
		t.Errorf("a version that the book never had is %v", err)
	}
	history, _, err := i.History(ctx, "9780141439563")
	if err != nil || len(history) != 2 || history[1].Type != "BookRemoved" {
		t.Errorf("a book that was removed has the history %v, %v", history, err)
	}
	hers, _, err := i.ReaderHistory(ctx, "ada")
	if err != nil || len(hers) != 3 || hers[2].Type != "BookReturned" {
		t.Errorf("a reader has the history %v, %v", hers, err)
	}
}

// With a snapshot an inventory goes on where the last one ended, and without a good one it
// reads the whole log.
func TestSnapshots(t *testing.T) {
	store, dir := memstore.New(), t.TempDir()
	do(t, store, begun...)
	totals := func(store daybook.Store) Totals {
		i := openInventory(t, store, dir)
		shows(t, i)
		got, _, err := i.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i.Close()
		return got
	}
	want := totals(store)
	counting := &readCounter{Store: store, after: daybook.Position(len(begun))}
	do(t, store, ReturnBook{jane, "ada"})
	want.Out--
	if got := totals(counting); got != want || counting.old.Load() > 1 { // the one it stands at is looked up
		t.Errorf("from the snapshot it comes to %+v, having read %d events that are in it; want %+v", got, counting.old.Load(), want)
	}
	if err := os.WriteFile(filepath.Join(dir, "inventory.snapshot"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := totals(store); got != want {
		t.Errorf("after the snapshot was damaged it comes to %+v, want %+v", got, want)
	}
	if got := totals(memstore.New()); got != (Totals{}) {
		t.Errorf("with the snapshot of another log an empty library comes to %+v", got)
	}
}

// A readCounter counts the events up to a position that are read.
type readCounter struct {
	daybook.Store
	after daybook.Position
	old   atomic.Int64
}

func (c *readCounter) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := c.Store.Read(ctx, q, span)
	if err == nil {
		for e := range reading.Events() {
			if e.Position <= c.after {
				c.old.Add(1)
			}
		}
	}
	return reading, err
}

// Whatever people do, in whatever order, the rules hold, and the read model shows what
// somebody would who wrote everything down.
func TestWhateverPeopleDo(t *testing.T) {
	books := []ISBN{emma, jane, "9780141439563", "9780140449136", "9780141182803", "9780141439846", "9780141439471"}
	readers := []Card{"ada", "grace", "hedy"}
	rapid.Check(t, func(rt *rapid.T) {
		store := memstore.New()
		bus := NewBus(store, func() time.Time { return at }, nil)
		copies := make(map[ISBN]int64)
		out := make(map[string]bool)
		outOf := func(isbn ISBN) (n int64) {
			for _, reader := range readers {
				if out[fmt.Sprint(isbn, reader)] {
					n++
				}
			}
			return n
		}
		held := func(reader Card) (n int) {
			for _, isbn := range books {
				if out[fmt.Sprint(isbn, reader)] {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 200).Draw(rt, "commands") {
			isbn, reader := rapid.SampledFrom(books).Draw(rt, "book"), rapid.SampledFrom(readers).Draw(rt, "reader")
			n := rapid.Int64Range(1, 3).Draw(rt, "copies")
			loan := fmt.Sprint(isbn, reader)
			var c any
			var allowed bool
			var effect func()
			switch rapid.SampledFrom([]string{"add", "more", "remove", "borrow", "borrow", "borrow", "return"}).Draw(rt, "command") {
			case "add":
				c, allowed, effect = AddBook{isbn, "A title", "Somebody", n}, copies[isbn] == 0, func() { copies[isbn] = n }
			case "more":
				c, allowed, effect = AddCopies{isbn, n}, copies[isbn] > 0, func() { copies[isbn] += n }
			case "remove":
				c, allowed, effect = RemoveBook{ISBN: isbn}, copies[isbn] > 0 && outOf(isbn) == 0, func() { copies[isbn] = 0 }
			case "borrow":
				c, effect = BorrowBook{ISBN: isbn, Reader: reader}, func() { out[loan] = true }
				allowed = outOf(isbn) < copies[isbn] && !out[loan] && held(reader) < MostBooks
			case "return":
				c, allowed, effect = ReturnBook{isbn, reader}, out[loan], func() { delete(out, loan) }
			}
			_, err := bus.Do(t.Context(), command.Envelope{}, c)
			refused := (*daybook.RefusedError)(nil)
			if allowed != (err == nil) || err != nil && !errors.As(err, &refused) {
				rt.Fatalf("%+v: %v; want that it is allowed: %t", c, err, allowed)
			}
			if allowed {
				effect()
			}
		}
		i, err := Open(t.Context(), store, &InventoryOptions{Now: func() time.Time { return at }, Logger: quiet})
		if err != nil {
			rt.Fatal(err)
		}
		defer i.Close()
		now, err := i.Now(t.Context())
		if err == nil {
			err = i.Wait(t.Context(), now)
		}
		if err != nil {
			rt.Fatal(err)
		}
		for _, isbn := range books {
			book, _, err := i.Book(t.Context(), isbn, Moment{})
			if err != nil && !errors.Is(err, ErrNoSuchBook) || book.Copies != copies[isbn] || book.Out != outOf(isbn) {
				rt.Fatalf("book %s is %+v, %v; want %d copies and %d of them out", isbn, book, err, copies[isbn], outOf(isbn))
			}
		}
		for _, card := range readers {
			reader, _, err := i.Reader(t.Context(), card, Moment{AsOf: at})
			if err != nil && !errors.Is(err, ErrNoSuchReader) || len(reader.Loans) != held(card) {
				rt.Fatalf("reader %s has %+v, %v; want %d books", card, reader.Loans, err, held(card))
			}
		}
	})
}
