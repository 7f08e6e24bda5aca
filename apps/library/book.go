package library

import (
	"fmt"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// A Shelf is what the rules need to know of a book's past. What people want to see of it
// is a [Book].
type Shelf struct {
	// Kept reports whether the library has the book.
	Kept bool `json:"kept"`
	// Copies are those it has, and Out how many of them are with readers.
	Copies int64 `json:"copies"`
	Out    int64 `json:"out"`
}

// Books says what each fact is called, for ever, what it is tagged with, and how it
// changes a book's shelf.
var Books = decider.For("book",
	decider.On("BookAdded", func(s *Shelf, e BookAdded) { *s = Shelf{Kept: true, Copies: e.Copies} },
		func(e BookAdded) []string { return []string{bookTag(e.ISBN)} }),
	decider.On("CopiesAdded", func(s *Shelf, e CopiesAdded) { s.Copies += e.Copies },
		func(e CopiesAdded) []string { return []string{bookTag(e.ISBN)} }),
	decider.On("BookBorrowed", func(s *Shelf, _ BookBorrowed) { s.Out++ },
		func(e BookBorrowed) []string { return []string{bookTag(e.ISBN), readerTag(e.Reader)} }),
	decider.On("BookReturned", func(s *Shelf, _ BookReturned) { s.Out-- },
		func(e BookReturned) []string { return []string{bookTag(e.ISBN), readerTag(e.Reader)} }),
	decider.On("BookRemoved", func(s *Shelf, _ BookRemoved) { *s = Shelf{} },
		func(e BookRemoved) []string { return []string{bookTag(e.ISBN)} }),
)

// bookTag and readerTag are what events are tagged with.
func bookTag(isbn ISBN) string     { return "book:" + string(isbn) }
func readerTag(reader Card) string { return "reader:" + string(reader) }

// StreamOf returns the name of a book's stream.
func StreamOf(isbn ISBN) string { return Books.Stream(string(isbn)) }

// BookIn returns the book that a stream, such as "book-9780439023481", is about.
func BookIn(stream string) ISBN { return ISBN(strings.TrimPrefix(stream, Books.Stream(""))) }

// The rules of the library. A decision that one of them forbids comes back as a
// [*daybook.RefusedError], in which errors.Is finds the rule.
var (
	ErrNoSuchBook  = daybook.NewRule("book-exists", "the library does not have this book")
	ErrThereIs     = daybook.NewRule("added-once", "the library has this book already; add copies of it")
	ErrCopiesOut   = daybook.NewRule("returned-before-removed", "a book is removed when all its copies are back")
	ErrNoneLeft    = daybook.NewRule("copy-left", "every copy is with a reader")
	ErrHasIt       = daybook.NewRule("one-copy-each", "a reader has one copy of a book at most")
	ErrHasEnough   = daybook.NewRule("five-at-most", fmt.Sprintf("a reader has %d books at most", MostBooks))
	ErrDoesNotHave = daybook.NewRule("borrowed-before-returned", "the reader does not have this book")
	ErrDue         = daybook.NewRule("due-in-time", fmt.Sprintf("a book is lent until tomorrow at least, and for %d days at most", MostDays))
)

// Add gives the library a book that it does not have. What is decided happened at the
// given time, here and below.
func Add(e BookAdded, at time.Time) decider.Plan {
	return Books.At(string(e.ISBN), func(s Shelf) ([]any, error) {
		if s.Kept {
			return nil, ErrThereIs
		}
		return []any{decider.Entry{Fact: e, HappenedAt: at}}, nil
	})
}

// AddMore gives the library more copies of a book that it has.
func AddMore(e CopiesAdded, at time.Time) decider.Plan {
	return Books.At(string(e.ISBN), func(s Shelf) ([]any, error) {
		if !s.Kept {
			return nil, ErrNoSuchBook
		}
		return []any{decider.Entry{Fact: e, HappenedAt: at}}, nil
	})
}

// Remove takes a book away, with all its copies, once they are back.
func Remove(e BookRemoved, at time.Time) decider.Plan {
	return Books.At(string(e.ISBN), func(s Shelf) ([]any, error) {
		switch {
		case !s.Kept:
			return nil, ErrNoSuchBook
		case s.Out > 0:
			return nil, fmt.Errorf("%w: %d of %d are out", ErrCopiesOut, s.Out, s.Copies)
		}
		return []any{decider.Entry{Fact: e, HappenedAt: at}}, nil
	})
}
