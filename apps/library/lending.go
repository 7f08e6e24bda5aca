package library

import (
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

const (
	// MostBooks is how many books a reader has at most.
	MostBooks = 5
	// UsualDays is for how many days a book is lent if nobody says otherwise, and MostDays
	// for how many at most.
	UsualDays = 28
	MostDays  = 90
)

// A Lending is what one borrowing depends on: a book, a reader, and what each of them is
// to the other.
type Lending struct {
	Book   ISBN
	Reader Card
	// Shelf is the book's, and Has reports whether the reader has a copy of it.
	Shelf Shelf
	Has   bool
	// Held is how many books the reader has, of all that there are.
	Held int
}

// Lendings decides over a book and a reader at once. No stream holds both: that there is a
// copy left depends on everybody who has one, and that the reader may have another on all
// their books. The query draws the line around exactly these, so two readers at two books
// are not in each other's way.
var Lendings = decider.Over("lending", Books.Codec(),
	decider.Apply(func(l *Lending, e BookAdded) { l.Shelf = Shelf{Kept: true, Copies: e.Copies} }),
	decider.Apply(func(l *Lending, e CopiesAdded) { l.Shelf.Copies += e.Copies }),
	decider.Apply(func(l *Lending, e BookBorrowed) { l.moved(e.ISBN, e.Reader, 1) }),
	decider.Apply(func(l *Lending, e BookReturned) { l.moved(e.ISBN, e.Reader, -1) }),
	decider.Apply(func(l *Lending, _ BookRemoved) { l.Shelf = Shelf{} }),
)

// moved notes that a copy went to a reader, or came back if there is one fewer. It is a
// copy of this book, or one of another that this reader has.
func (l *Lending) moved(isbn ISBN, reader Card, copies int) {
	if isbn == l.Book {
		l.Shelf.Out += int64(copies)
	}
	if reader == l.Reader {
		l.Held += copies
	}
	if isbn == l.Book && reader == l.Reader {
		l.Has = copies > 0
	}
}

// Borrow lends a copy of a book to a reader. It is one decision: there is a copy left, the
// reader has none of it, and fewer than [MostBooks] in all.
func Borrow(e BookBorrowed, at time.Time) decider.Plan {
	about := daybook.Query{{Tags: []string{bookTag(e.ISBN)}}, {Tags: []string{readerTag(e.Reader)}}}
	today := DayOf(at)
	return Lendings.Within(about, Lending{Book: e.ISBN, Reader: e.Reader}, func(l Lending) ([]any, error) {
		switch {
		case !l.Shelf.Kept:
			return nil, ErrNoSuchBook
		case l.Has:
			return nil, ErrHasIt
		case l.Held >= MostBooks:
			return nil, ErrHasEnough
		case l.Shelf.Out >= l.Shelf.Copies:
			return nil, fmt.Errorf("%w: there are %d", ErrNoneLeft, l.Shelf.Copies)
		case e.Due <= today || e.Due > today.Plus(MostDays):
			return nil, fmt.Errorf("%w: today is %s, and it would be due on %s", ErrDue, today, e.Due)
		}
		return []any{decider.Entry{Fact: e, Stream: StreamOf(e.ISBN), HappenedAt: at}}, nil
	})
}

// Return takes a copy back. It depends on what was between the book and this reader alone:
// that a copy comes back never breaks a rule about others, so nobody is in its way.
func Return(e BookReturned, at time.Time) decider.Plan {
	about := daybook.Query{{Tags: []string{bookTag(e.ISBN), readerTag(e.Reader)}}}
	return Lendings.Within(about, Lending{Book: e.ISBN, Reader: e.Reader}, func(l Lending) ([]any, error) {
		if !l.Has {
			return nil, ErrDoesNotHave
		}
		return []any{decider.Entry{Fact: e, Stream: StreamOf(e.ISBN), HappenedAt: at}}, nil
	})
}
