package library

import (
	"cmp"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
)

// What people may ask for. Validate says whether a command makes sense at all; the rules
// in book.go say whether it may be done as things are.

// AddBook gives the library a book.
type AddBook struct {
	ISBN   ISBN   `json:"isbn"`
	Title  string `json:"title"`
	Author string `json:"author"`
	Copies int64  `json:"copies"`
}

// AddCopies gives the library more copies of a book.
type AddCopies struct {
	ISBN   ISBN  `json:"isbn"`
	Copies int64 `json:"copies"`
}

// BorrowBook lends a copy to a reader.
type BorrowBook struct {
	ISBN   ISBN `json:"isbn"`
	Reader Card `json:"reader"`
	// Due is when it is to be back. Without it, in [UsualDays] days.
	Due Day `json:"due,omitempty"`
}

// ReturnBook takes a copy back from a reader.
type ReturnBook struct {
	ISBN   ISBN `json:"isbn"`
	Reader Card `json:"reader"`
}

// RemoveBook takes a book out of the library.
type RemoveBook struct {
	ISBN   ISBN   `json:"isbn"`
	Reason string `json:"reason,omitempty"`
}

// MaxCopies is how many copies one command adds at most.
const MaxCopies = 10_000

func validCopies(n int64) error {
	if n < 1 || n > MaxCopies {
		return fmt.Errorf("copies: are %d, and must be from 1 to %d", n, MaxCopies)
	}
	return nil
}

// Validate returns what is wrong with the command, naming the field.
func (c AddBook) Validate() error {
	return cmp.Or(c.ISBN.Validate(), check.Text("title", c.Title, check.Required), check.Text("author", c.Author, check.Required), validCopies(c.Copies))
}

// Validate returns what is wrong with the command, naming the field.
func (c AddCopies) Validate() error { return cmp.Or(c.ISBN.Validate(), validCopies(c.Copies)) }

// Validate returns what is wrong with the command, naming the field.
func (c BorrowBook) Validate() error {
	if c.Due != "" {
		return cmp.Or(c.ISBN.Validate(), c.Reader.Validate(), c.Due.Validate())
	}
	return cmp.Or(c.ISBN.Validate(), c.Reader.Validate())
}

// Validate returns what is wrong with the command, naming the field.
func (c ReturnBook) Validate() error { return cmp.Or(c.ISBN.Validate(), c.Reader.Validate()) }

// Validate returns what is wrong with the command, naming the field.
func (c RemoveBook) Validate() error {
	return cmp.Or(c.ISBN.Validate(), check.Text("reason", c.Reason, check.Optional))
}

// NewBus returns the bus that takes the commands of the library that is recorded in a
// store. The clock gives the time at which what a command decides happened; nil means
// time.Now. Any number of programs may have a bus for one library.
func NewBus(store daybook.Store, now func() time.Time, options *command.Options) *command.Bus {
	if now == nil {
		now = time.Now
	}
	var o command.Options
	if options != nil {
		o = *options
	}
	// Nobody reads all that ever happened to a book that is much sought after each time that
	// it is lent: what was folded is kept, and only what is new is read.
	o.Decide = append([]decider.Option{decider.WithSnapshots(decider.NewCache(keptFolds), foldAtMost)}, o.Decide...)
	return command.NewBus(store, []command.Handler{
		command.On("AddBook", func(c AddBook, _ command.ID) decider.Plan { return Add(BookAdded(c), now()) }),
		command.On("AddCopies", func(c AddCopies, _ command.ID) decider.Plan { return AddMore(CopiesAdded(c), now()) }),
		command.On("BorrowBook", func(c BorrowBook, _ command.ID) decider.Plan {
			at := now()
			return Borrow(BookBorrowed{ISBN: c.ISBN, Reader: c.Reader, Due: cmp.Or(c.Due, DayOf(at).Plus(UsualDays))}, at)
		}),
		command.On("ReturnBook", func(c ReturnBook, _ command.ID) decider.Plan { return Return(BookReturned(c), now()) }),
		command.On("RemoveBook", func(c RemoveBook, _ command.ID) decider.Plan { return Remove(BookRemoved(c), now()) }),
	}, &o)
}

const (
	// keptFolds is for how many books, and pairs of a book and a reader, what was folded of
	// their past is kept: some 200 bytes each.
	keptFolds = 10_000
	// foldAtMost is how many events a decision folds before what came of it is kept.
	foldAtMost = 32
)
