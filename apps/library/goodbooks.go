package library

import (
	"iter"
	"strconv"
	"strings"

	"github.com/daybook-es/daybook/apps/internal/importing"
)

// Goodbooks reads the catalogue that goodbooks-10k publishes, https://github.com/zygmuntz/goodbooks-10k
// (CC BY-SA 4.0): a table books.csv, plain or compressed. Open it with [OpenGoodbooks].
//
// The table was written by a program that took numbers for quantities, and so its ISBNs of
// ten digits have lost the zeros in front, and those of thirteen their last digit. Both are
// mended where that can be done without guessing.
type Goodbooks struct {
	// Odd counts what was odd, in words. It is complete when the books were read.
	Odd importing.Oddities

	copies int64
	tables *importing.Tables
}

// booksTable is the name under which the table was published.
const booksTable = "books.csv"

// OpenGoodbooks finds the catalogue in a file, or in a directory anywhere below which there
// is one. Each book has so many copies: the catalogue does not say.
func OpenGoodbooks(from string, copies int64) (*Goodbooks, error) {
	if err := validCopies(copies); err != nil {
		return nil, err
	}
	tables, err := importing.Find(from, booksTable)
	if err == nil {
		err = tables.Need(booksTable)
	}
	if err == nil {
		err = tables.Track(booksTable)
	}
	if err != nil {
		return nil, err
	}
	return &Goodbooks{copies: copies, tables: tables}, nil
}

// Progress returns how many bytes of the table were read, and how many there are.
func (g *Goodbooks) Progress() (read, size int64) { return g.tables.Progress() }

// Books yields every book that has a number, once. What has none is left out and counted
// as odd. It ends with the one error that stopped it, which names the line.
func (g *Goodbooks) Books() iter.Seq2[BookAdded, error] {
	return func(yield func(BookAdded, error) bool) {
		seen := make(map[ISBN]bool)
		for row := range g.tables.Rows(booksTable, "isbn", "isbn13", "authors", "title") {
			isbn, odd := mended(row.Text(0), row.Text(1))
			book := BookAdded{ISBN: isbn, Title: strings.TrimSpace(row.Text(3)), Author: strings.TrimSpace(row.Text(2)), Copies: g.copies}
			if row.Err() != nil {
				yield(BookAdded{}, row.Err())
				return
			}
			g.Odd.Count(odd != "", odd)
			g.Odd.Count(isbn != "" && seen[isbn], "books left out because another has their ISBN")
			if isbn == "" || seen[isbn] {
				continue
			}
			seen[isbn] = true
			if !yield(book, nil) {
				return
			}
		}
	}
}

// mended returns the number that a book of the catalogue has, or none, and what is odd
// about it.
func mended(ten, thirteen string) (ISBN, string) {
	var byTen ISBN
	if ten != "" && len(ten) <= 10 {
		byTen, _ = ParseISBN(strings.Repeat("0", 10-len(ten)) + ten)
	}
	rounded, is13 := parseRounded(thirteen)
	byThirteen := unrounded(rounded)
	switch {
	case byTen != "" && is13 && rounded != roundedAs(byTen):
		return byTen, "books whose two ISBNs differ; the one of ten digits counts"
	case byTen != "":
		return byTen, ""
	case len(byThirteen) == 1 && ten == "":
		return byThirteen[0], "books with the longer ISBN alone, whose last digit was computed"
	case len(byThirteen) == 1:
		return byThirteen[0], "books whose shorter ISBN is none; the longer counts"
	case ten != "":
		return "", "books left out because their ISBN is none"
	case len(byThirteen) > 1:
		return "", "books left out because their ISBN was rounded, and could be two"
	case thirteen != "":
		return "", "books left out because their ISBN is none"
	}
	return "", "books left out because they have no ISBN"
}

// parseRounded reads a number of thirteen digits of which twelve are left, such as
// "9.78043902348e+12".
func parseRounded(text string) (float64, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && n >= 978e10 && n < 980e10
}

// roundedAs returns what is left of a number when it is rounded to twelve digits.
func roundedAs(isbn ISBN) float64 {
	n, _ := strconv.ParseFloat(string(isbn), 64) // made of digits
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(n, 'e', 11, 64), 64)
	return rounded
}

// unrounded returns the numbers of which so much is left: the last digit follows from the
// others, and may have raised the one before it.
func unrounded(rounded float64) (all []ISBN) {
	if rounded == 0 {
		return nil
	}
	twelve := int64(rounded) / 10
	for _, n := range []int64{twelve - 1, twelve} {
		first := strconv.FormatInt(n, 10)
		if isbn, err := ParseISBN(first + string(checkOf12(first))); err == nil && roundedAs(isbn) == rounded {
			all = append(all, isbn)
		}
	}
	return all
}
