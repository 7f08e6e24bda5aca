package library

import "github.com/daybook-es/daybook"

// What commands and questions are about, for those who decide who may ask for them: a book's
// stream, and where a reader is concerned the tags of both.

// AboutBook returns what is about a book.
func AboutBook(isbn ISBN) daybook.Query { return daybook.Stream(StreamOf(isbn)) }

// AboutReader returns what is about a reader.
func AboutReader(reader Card) daybook.Query {
	return daybook.Query{{Tags: []string{readerTag(reader)}}}
}

// aboutLoan returns what is about a book in a reader's hands.
func aboutLoan(isbn ISBN, reader Card) daybook.Query {
	return daybook.Query{{Streams: []string{StreamOf(isbn)}, Tags: []string{bookTag(isbn), readerTag(reader)}}}
}

// About returns what the command is about.
func (c AddBook) About() daybook.Query { return AboutBook(c.ISBN) }

// About returns what the command is about.
func (c AddCopies) About() daybook.Query { return AboutBook(c.ISBN) }

// About returns what the command is about.
func (c BorrowBook) About() daybook.Query { return aboutLoan(c.ISBN, c.Reader) }

// About returns what the command is about.
func (c ReturnBook) About() daybook.Query { return aboutLoan(c.ISBN, c.Reader) }

// About returns what the command is about.
func (c RemoveBook) About() daybook.Query { return AboutBook(c.ISBN) }
