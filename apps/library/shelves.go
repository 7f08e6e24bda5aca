package library

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection/memview"
)

// A Book is what people see of a book.
type Book struct {
	ISBN   ISBN   `json:"isbn"`
	Title  string `json:"title"`
	Author string `json:"author"`
	// Copies are those that the library has, Out how many of them are with readers, and
	// Left how many are on the shelf.
	Copies int64 `json:"copies"`
	Out    int64 `json:"out"`
	Left   int64 `json:"left"`
	// Removed reports whether the library has the book no more.
	Removed bool `json:"removed,omitempty"`
	// Version counts what ever happened to it, and ChangedAt is when the last of that did.
	Version   daybook.Version `json:"version"`
	ChangedAt time.Time       `json:"changed_at"`
	// Loans are who has a copy, from the one that is due first. Lists leave them out.
	Loans []Loan `json:"loans,omitempty"`
}

// A Loan is a copy of a book that a reader has.
type Loan struct {
	ISBN   ISBN      `json:"isbn"`
	Title  string    `json:"title"`
	Reader Card      `json:"reader"`
	Since  time.Time `json:"since"`
	Due    Day       `json:"due"`
}

// Overdue reports whether the copy should be back.
func (l Loan) Overdue(today Day) bool { return l.Due < today }

// apply changes the book because of a fact about it.
func (b *Book) apply(fact any, at daybook.Recorded) {
	switch e := fact.(type) {
	case BookAdded:
		b.ISBN, b.Title, b.Author, b.Copies, b.Removed = e.ISBN, e.Title, e.Author, e.Copies, false
	case CopiesAdded:
		b.Copies += e.Copies
	case BookBorrowed:
		b.Loans = append(b.Loans, Loan{e.ISBN, b.Title, e.Reader, at.Happened(), e.Due})
		slices.SortFunc(b.Loans, byDue)
	case BookReturned:
		b.Loans = slices.DeleteFunc(b.Loans, func(l Loan) bool { return l.Reader == e.Reader })
	case BookRemoved:
		b.Copies, b.Removed = 0, true
	}
	b.Out = int64(len(b.Loans))
	b.Left = b.Copies - b.Out
	b.Version, b.ChangedAt = at.Version, at.Happened()
}

func byDue(a, b Loan) int {
	return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.ISBN, b.ISBN), cmp.Compare(a.Reader, b.Reader))
}

// A listed is a book in the read model.
type listed struct {
	Book
	// Words are what a search looks through, and Sort is what lists are ordered by.
	Words string `json:"words"`
	Sort  string `json:"sort"`
}

// A borrower is a reader in the read model.
type borrower struct {
	// Books are those that the reader has, in no order.
	Books []ISBN `json:"books"`
	// Position is that of the newest event about the reader.
	Position daybook.Position `json:"position"`
}

// The shelves are the read model: everything that lists and pages show, in memory. A
// snapshot of it is JSON.
type shelves struct {
	Books map[ISBN]*listed `json:"books"`
	// ByTitle are the books in the order of lists.
	ByTitle []ISBN             `json:"by_title"`
	Readers map[Card]*borrower `json:"readers"`
}

func newShelves() shelves {
	return shelves{Books: make(map[ISBN]*listed), Readers: make(map[Card]*borrower)}
}

// inventoryVersion is raised whenever a handler or a type of the read model changes: a
// snapshot of another version is not used, and entity tags differ.
const inventoryVersion = 1

// newView returns the read model, of which nothing is known yet.
func newView() *memview.View[shelves] {
	return memview.New("inventory", inventoryVersion, Books.Codec(), newShelves,
		memview.On(func(s *shelves, e BookAdded, at daybook.Recorded) {
			s.change(e.ISBN, e, at)
			s.list(s.Books[e.ISBN])
		}),
		memview.On(func(s *shelves, e CopiesAdded, at daybook.Recorded) { s.change(e.ISBN, e, at) }),
		memview.On(func(s *shelves, e BookBorrowed, at daybook.Recorded) {
			s.change(e.ISBN, e, at)
			b := s.reader(e.Reader, at)
			b.Books = append(b.Books, e.ISBN)
		}),
		memview.On(func(s *shelves, e BookReturned, at daybook.Recorded) {
			s.change(e.ISBN, e, at)
			b := s.reader(e.Reader, at)
			b.Books = slices.DeleteFunc(b.Books, func(isbn ISBN) bool { return isbn == e.ISBN })
		}),
		memview.On(func(s *shelves, e BookRemoved, at daybook.Recorded) { s.change(e.ISBN, e, at) }),
	)
}

// change applies a fact to a book, which is there from then on.
func (s *shelves) change(isbn ISBN, fact any, at daybook.Recorded) {
	b := s.Books[isbn]
	if b == nil {
		b = &listed{Book: Book{ISBN: isbn}}
		s.Books[isbn] = b
	}
	b.apply(fact, at)
}

// reader returns what is known of a reader, about whom an event says something.
func (s *shelves) reader(card Card, at daybook.Recorded) *borrower {
	b := s.Readers[card]
	if b == nil {
		b = new(borrower)
		s.Readers[card] = b
	}
	b.Position = at.Position
	return b
}

// list puts a book where its title belongs. One that was removed and is added again may
// have another.
func (s *shelves) list(b *listed) {
	if b.Sort != "" {
		at, _ := s.find(b)
		s.ByTitle = slices.Delete(s.ByTitle, at, at+1)
	}
	ten, _ := b.ISBN.Ten()
	b.Words = strings.ToLower(strings.Join([]string{b.Title, b.Author, string(b.ISBN), ten}, "\n"))
	b.Sort = sortedAs(b.Title)
	at, _ := s.find(b)
	s.ByTitle = slices.Insert(s.ByTitle, at, b.ISBN)
}

// find returns where a book is in the order of lists, or where it belongs.
func (s *shelves) find(b *listed) (int, bool) {
	return slices.BinarySearchFunc(s.ByTitle, b, func(isbn ISBN, b *listed) int {
		return cmp.Or(cmp.Compare(s.Books[isbn].Sort, b.Sort), cmp.Compare(isbn, b.ISBN))
	})
}

// sortedAs returns what a title is ordered by: without the article in front, as in any
// card index.
func sortedAs(title string) string {
	sorted := strings.ToLower(strings.TrimLeft(title, `"'([ `))
	for _, article := range []string{"the ", "a ", "an "} {
		if rest, has := strings.CutPrefix(sorted, article); has {
			return rest
		}
	}
	return sorted
}
