package library

import (
	"fmt"
	"testing"
	"time"

	"github.com/daybook-es/daybook/daybooktest"
)

// What the stories below are about.
const (
	emma  = ISBN("9780141439587")
	jane  = ISBN("9780141441146")
	today = Day("2026-11-22")
)

var (
	at    = today.Time().Add(12 * time.Hour)
	added = BookAdded{ISBN: emma, Title: "Emma", Author: "Jane Austen", Copies: 2}
)

// given is a log with facts about books, each in its book's stream.
func given(t *testing.T, facts ...any) *daybooktest.Log {
	t.Helper()
	var all []any
	for _, fact := range facts {
		var isbn ISBN
		switch f := fact.(type) {
		case BookAdded:
			isbn = f.ISBN
		case CopiesAdded:
			isbn = f.ISBN
		case BookBorrowed:
			isbn = f.ISBN
		case BookReturned:
			isbn = f.ISBN
		case BookRemoved:
			isbn = f.ISBN
		}
		all = append(all, daybooktest.In(StreamOf(isbn), fact)...)
	}
	return daybooktest.GivenLog(t, Books.Codec(), all...)
}

func lent(isbn ISBN, reader Card) BookBorrowed {
	return BookBorrowed{ISBN: isbn, Reader: reader, Due: today.Plus(UsualDays)}
}

// shelf returns so many other books, and that a reader has a copy of each.
func shelf(n int, reader Card) (facts []any) {
	for i := range n {
		twelve := fmt.Sprintf("978000000%03d", i)
		isbn := ISBN(twelve + string(checkOf12(twelve)))
		facts = append(facts, BookAdded{ISBN: isbn, Title: "Another", Author: "Another", Copies: 1}, lent(isbn, reader))
	}
	return facts
}

func TestAdd(t *testing.T) {
	t.Run("a book that the library does not have", func(t *testing.T) {
		given(t).When(Add(added, at)).Then(added)
	})
	t.Run("a book is added once", func(t *testing.T) {
		given(t, added).When(Add(added, at)).ThenRefused(ErrThereIs)
	})
	t.Run("a book that was removed may be added again, otherwise", func(t *testing.T) {
		again := BookAdded{ISBN: emma, Title: "Emma, annotated", Author: "Jane Austen", Copies: 1}
		given(t, added, BookRemoved{ISBN: emma}).When(Add(again, at)).Then(again)
	})
}

func TestAddMore(t *testing.T) {
	more := CopiesAdded{ISBN: emma, Copies: 3}
	t.Run("of a book that the library has", func(t *testing.T) {
		given(t, added).When(AddMore(more, at)).Then(more)
	})
	t.Run("there must be the book", func(t *testing.T) {
		given(t).When(AddMore(more, at)).ThenRefused(ErrNoSuchBook)
		given(t, added, BookRemoved{ISBN: emma}).When(AddMore(more, at)).ThenRefused(ErrNoSuchBook)
	})
}

func TestRemove(t *testing.T) {
	removed := BookRemoved{ISBN: emma, Reason: "the cover is off"}
	t.Run("a book whose copies are in", func(t *testing.T) {
		given(t, added, lent(emma, "ada"), BookReturned{emma, "ada"}).When(Remove(removed, at)).Then(removed)
	})
	t.Run("not while a copy is out", func(t *testing.T) {
		given(t, added, lent(emma, "ada")).When(Remove(removed, at)).ThenRefused(ErrCopiesOut)
	})
	t.Run("what is not there is not removed", func(t *testing.T) {
		given(t).When(Remove(removed, at)).ThenRefused(ErrNoSuchBook)
		given(t, added, removed).When(Remove(removed, at)).ThenRefused(ErrNoSuchBook)
	})
}

func TestBorrow(t *testing.T) {
	hers := lent(emma, "ada")
	t.Run("a book of which a copy is left", func(t *testing.T) {
		given(t, added, lent(emma, "grace")).When(Borrow(hers, at)).Then(hers)
	})
	t.Run("there must be the book", func(t *testing.T) {
		given(t).When(Borrow(hers, at)).ThenRefused(ErrNoSuchBook)
		given(t, added, BookRemoved{ISBN: emma}).When(Borrow(hers, at)).ThenRefused(ErrNoSuchBook)
	})
	t.Run("never more copies than there are", func(t *testing.T) {
		given(t, added, lent(emma, "grace"), lent(emma, "hedy")).When(Borrow(hers, at)).ThenRefused(ErrNoneLeft)
	})
	t.Run("a copy that came back, or came in, is lent again", func(t *testing.T) {
		given(t, added, lent(emma, "grace"), lent(emma, "hedy"), BookReturned{emma, "hedy"}).When(Borrow(hers, at)).Then(hers)
		given(t, added, lent(emma, "grace"), lent(emma, "hedy"), CopiesAdded{emma, 1}).When(Borrow(hers, at)).Then(hers)
	})
	t.Run("one copy of a book for a reader", func(t *testing.T) {
		given(t, added, hers).When(Borrow(hers, at)).ThenRefused(ErrHasIt)
	})
	t.Run("but one after the other", func(t *testing.T) {
		given(t, added, hers, BookReturned{emma, "ada"}).When(Borrow(hers, at)).Then(hers)
	})
	t.Run("at most five books for a reader, of all that there are", func(t *testing.T) {
		given(t, append(shelf(4, "ada"), added)...).When(Borrow(hers, at)).Then(hers)
		given(t, append(shelf(5, "ada"), added)...).When(Borrow(hers, at)).ThenRefused(ErrHasEnough)
		given(t, append(shelf(5, "grace"), added)...).When(Borrow(hers, at)).Then(hers)
	})
	t.Run("until tomorrow at least, and for ninety days at most", func(t *testing.T) {
		for due, ok := range map[Day]bool{today.Plus(-1): false, today: false, today.Plus(1): true, today.Plus(MostDays): true, today.Plus(MostDays + 1): false} {
			one := BookBorrowed{emma, "ada", due}
			if ok {
				given(t, added).When(Borrow(one, at)).Then(one)
			} else {
				given(t, added).When(Borrow(one, at)).ThenRefused(ErrDue)
			}
		}
	})
}

func TestReturn(t *testing.T) {
	back := BookReturned{emma, "ada"}
	t.Run("what was borrowed", func(t *testing.T) {
		given(t, added, lent(emma, "ada")).When(Return(back, at)).Then(back)
	})
	t.Run("nothing else", func(t *testing.T) {
		given(t, added).When(Return(back, at)).ThenRefused(ErrDoesNotHave)
		given(t, added, lent(emma, "grace")).When(Return(back, at)).ThenRefused(ErrDoesNotHave)
		given(t, added, lent(emma, "ada"), back).When(Return(back, at)).ThenRefused(ErrDoesNotHave)
		given(t, added, BookAdded{ISBN: jane, Title: "Jane Eyre", Author: "Charlotte Brontë", Copies: 1}, lent(jane, "ada")).When(Return(back, at)).ThenRefused(ErrDoesNotHave)
	})
}

// What is kept of a book's past, and what happened since, come to the same as all of it.
func TestWhatIsKeptOfABook(t *testing.T) {
	daybooktest.Snapshots(t, Books, added, lent(emma, "ada"), lent(emma, "grace"), BookReturned{emma, "ada"}, CopiesAdded{emma, 3}, BookReturned{emma, "grace"}, BookRemoved{ISBN: emma}, added)
}
