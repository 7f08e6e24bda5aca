package library

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/check"
)

// ErrNoSuchReader is returned for a reader who never borrowed a book.
var ErrNoSuchReader = errors.New("nobody with this card has borrowed a book")

// MaxLimit is the longest page of a list, and DefaultLimit that of a filter that does not
// say.
const (
	MaxLimit     = 500
	DefaultLimit = 50
)

// A Filter says which books a list shows. Its fields combine; the zero Filter is the first
// page of all books that the library has, by title.
type Filter struct {
	// Search finds books whose title, author and number contain every one of its words.
	Search string
	// Left are books of which a copy is on the shelf.
	Left bool
	// Removed are books that the library had, and has no more, instead of those it has.
	Removed bool
	// After is the last book of the page before; empty for the first page.
	After ISBN
	Limit int
}

// A Page is a part of a list of books.
type Page struct {
	Books []Book `json:"books"`
	// Matching counts the books on all pages.
	Matching int `json:"matching"`
	// Next is the After of the next page; empty if this is the last.
	Next ISBN `json:"next,omitempty"`
}

// A LoanFilter says which loans a list shows: those that are overdue, or all, from the one
// that is due first.
type LoanFilter struct {
	Overdue bool
	// After is the Next of the page before; empty for the first page.
	After string
	Limit int
}

// A LoanPage is a part of a list of loans.
type LoanPage struct {
	Loans []Loan `json:"loans"`
	// Matching counts the loans on all pages.
	Matching int    `json:"matching"`
	Next     string `json:"next,omitempty"`
}

// A Reader is somebody who has ever borrowed a book.
type Reader struct {
	Card Card `json:"reader"`
	// Loans are what the reader has, from what is due first, and MayBorrow how many more
	// books may be.
	Loans     []Loan `json:"loans"`
	MayBorrow int    `json:"may_borrow"`
}

// Totals are what the library comes to.
type Totals struct {
	Titles  int   `json:"titles"`
	Copies  int64 `json:"copies"`
	Out     int64 `json:"out"`
	Overdue int   `json:"overdue"`
}

// checkPage checks what all filters have, and fills in the limit.
func checkPage(limit *int, search string) error {
	*limit = cmp.Or(*limit, DefaultLimit)
	if *limit < 1 || *limit > MaxLimit {
		return &daybook.InvalidError{What: "limit", Value: fmt.Sprint(*limit), Reason: fmt.Sprintf("is not from 1 to %d", MaxLimit)}
	}
	if len(search) > check.MaxText {
		return &daybook.InvalidError{What: "search", Reason: fmt.Sprintf("is %d bytes long, and %d are allowed", len(search), check.MaxText)}
	}
	return nil
}

// page answers a filter.
func (s shelves) page(f Filter) (Page, error) {
	if err := checkPage(&f.Limit, f.Search); err != nil {
		return Page{}, err
	}
	after := -1
	if f.After != "" {
		b := s.Books[f.After]
		if b == nil || b.Sort == "" {
			return Page{}, &daybook.InvalidError{What: "after", Value: string(f.After), Reason: "is no book of this list"}
		}
		after, _ = s.find(b)
	}
	words := strings.Fields(strings.ToLower(f.Search))
	if isbn, err := ParseISBN(f.Search); err == nil {
		words = []string{string(isbn)} // with hyphens it is found too
	}
	page := Page{Books: make([]Book, 0, f.Limit)}
	for i, isbn := range s.ByTitle {
		b := s.Books[isbn]
		if b.Removed != f.Removed || f.Left && b.Left < 1 || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(b.Words, w) }) {
			continue
		}
		page.Matching++
		switch {
		case i <= after:
		case len(page.Books) < f.Limit:
			book := b.Book
			book.Loans = nil
			page.Books = append(page.Books, book)
		default:
			page.Next = page.Books[f.Limit-1].ISBN
		}
	}
	return page, nil
}

// book returns a book with its loans.
func (s shelves) book(isbn ISBN) (Book, error) {
	b := s.Books[isbn]
	if b == nil {
		return Book{}, ErrNoSuchBook
	}
	book := b.Book
	book.Loans = slices.Clone(b.Loans)
	return book, nil
}

// loans answers a filter of loans.
func (s shelves) loans(f LoanFilter, today Day) (LoanPage, error) {
	if err := checkPage(&f.Limit, ""); err != nil {
		return LoanPage{}, err
	}
	var all []Loan
	for _, b := range s.Books {
		for _, l := range b.Loans {
			if !f.Overdue || l.Overdue(today) {
				all = append(all, l)
			}
		}
	}
	slices.SortFunc(all, byDue)
	page := LoanPage{Loans: []Loan{}, Matching: len(all)}
	if f.After != "" {
		after, err := parsePlace(f.After)
		if err != nil {
			return LoanPage{}, err
		}
		at, there := slices.BinarySearchFunc(all, after, byDue)
		if there {
			at++
		}
		all = all[at:]
	}
	if len(all) > f.Limit {
		all = all[:f.Limit]
		page.Next = placeOf(all[f.Limit-1])
	}
	page.Loans = append(page.Loans, all...)
	return page, nil
}

// placeOf says where a loan is in the order of lists, and parsePlace reads that.
func placeOf(l Loan) string { return fmt.Sprintf("%s_%s_%s", l.Due, l.ISBN, l.Reader) }

func parsePlace(given string) (l Loan, err error) {
	due, rest, _ := strings.Cut(given, "_")
	isbn, reader, _ := strings.Cut(rest, "_")
	l = Loan{Due: Day(due), ISBN: ISBN(isbn), Reader: Card(reader)}
	if cmp.Or(l.Due.Validate(), l.ISBN.Validate(), l.Reader.Validate()) != nil {
		return l, &daybook.InvalidError{What: "after", Value: given, Reason: "is none that a list gave"}
	}
	return l, nil
}

// person returns a reader, and the position of the newest event about them.
func (s shelves) person(card Card) (Reader, daybook.Position, error) {
	b := s.Readers[card]
	if b == nil {
		return Reader{}, 0, ErrNoSuchReader
	}
	r := Reader{Card: card, Loans: []Loan{}, MayBorrow: max(0, MostBooks-len(b.Books))}
	for _, isbn := range b.Books {
		for _, l := range s.Books[isbn].Loans {
			if l.Reader == card {
				r.Loans = append(r.Loans, l)
			}
		}
	}
	slices.SortFunc(r.Loans, byDue)
	return r, b.Position, nil
}

// totals returns what the library comes to.
func (s shelves) totals(today Day) (t Totals) {
	for _, b := range s.Books {
		if b.Removed {
			continue
		}
		t.Titles++
		t.Copies += b.Copies
		t.Out += b.Out
		for _, l := range b.Loans {
			if l.Overdue(today) {
				t.Overdue++
			}
		}
	}
	return t
}
