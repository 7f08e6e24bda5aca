package library

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// Goodbooks reads the catalogue that goodbooks-10k publishes, https://github.com/zygmuntz/goodbooks-10k
// (CC BY-SA 4.0): a table books.csv, plain or compressed. Open it with [OpenGoodbooks].
//
// The table was written by a program that took numbers for quantities, and so its ISBNs of
// ten digits have lost the zeros in front, and those of thirteen their last digit. Both are
// mended where that can be done without guessing.
type Goodbooks struct {
	// Odd counts what was odd, in words. It is complete when the books were read.
	Odd map[string]int

	copies int64
	file   *os.File
	size   int64
	read   atomic.Int64
}

// OpenGoodbooks opens the catalogue in a file, or in a directory anywhere below which there
// is one. Each book has so many copies: the catalogue does not say. The caller closes it.
func OpenGoodbooks(from string, copies int64) (*Goodbooks, error) {
	if err := validCopies(copies); err != nil {
		return nil, err
	}
	path, err := findBooks(from)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the catalogue: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the catalogue: %w", err), file.Close())
	}
	return &Goodbooks{Odd: make(map[string]int), copies: copies, file: file, size: info.Size()}, nil
}

// findBooks returns the path of the table.
func findBooks(from string) (path string, err error) {
	err = filepath.WalkDir(from, func(at string, entry fs.DirEntry, err error) error {
		name := strings.TrimSuffix(filepath.Base(at), ".gz")
		switch {
		case err != nil:
			return err
		case !entry.IsDir() && (name == "books.csv" || at == from):
			path = at
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && path == "" {
		err = fmt.Errorf("there is no books.csv, plain or .gz, in %s or below it", from)
	}
	return path, err
}

// Close closes the catalogue.
func (g *Goodbooks) Close() error { return g.file.Close() }

// Progress returns how many bytes of the file were read, and how many there are.
func (g *Goodbooks) Progress() (read, size int64) { return g.read.Load(), g.size }

// Read implements [io.Reader] for the file, and counts.
func (g *Goodbooks) Read(p []byte) (int, error) {
	n, err := g.file.Read(p)
	g.read.Add(int64(n))
	return n, err
}

// Books yields every book that has a number, once. What has none is left out and counted
// as odd. It ends with the one error that stopped it, which names the line.
func (g *Goodbooks) Books() iter.Seq2[BookAdded, error] {
	return func(yield func(BookAdded, error) bool) {
		if err := g.books(func(b BookAdded) bool { return yield(b, nil) }); err != nil {
			yield(BookAdded{}, fmt.Errorf("%s: %w", g.file.Name(), err))
		}
	}
}

func (g *Goodbooks) books(yield func(BookAdded) bool) error {
	var from io.Reader = g
	if strings.HasSuffix(g.file.Name(), ".gz") {
		plain, err := gzip.NewReader(g)
		if err != nil {
			return err
		}
		from = plain
	}
	table := csv.NewReader(from)
	table.ReuseRecord = true
	head, err := table.Read()
	if err != nil {
		return fmt.Errorf("read its first line: %w", err)
	}
	columns := make(map[string]int)
	for i, name := range head {
		columns[strings.TrimPrefix(name, "\ufeff")] = i
	}
	for _, name := range []string{"isbn", "isbn13", "authors", "title"} {
		if _, there := columns[name]; !there {
			return fmt.Errorf("it has no column %q", name)
		}
	}
	seen := make(map[ISBN]bool)
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		isbn, odd := mended(row[columns["isbn"]], row[columns["isbn13"]])
		if odd != "" {
			g.Odd[odd]++
		}
		switch {
		case isbn == "":
			continue
		case seen[isbn]:
			g.Odd["books left out because another has their ISBN"]++
			continue
		}
		seen[isbn] = true
		book := BookAdded{ISBN: isbn, Title: strings.TrimSpace(row[columns["title"]]), Author: strings.TrimSpace(row[columns["authors"]]), Copies: g.copies}
		if !yield(book) {
			return nil
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
