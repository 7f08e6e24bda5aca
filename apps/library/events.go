package library

// What can happen to a book. Each of these is recorded in the book's own stream, under its
// own name, for ever, and is tagged with the book and, if it is about one, the reader.
// When it happened is in the event.

// BookAdded: the library got a book that it did not have, or no longer had, in so many
// copies.
type BookAdded struct {
	ISBN   ISBN   `json:"isbn"`
	Title  string `json:"title"`
	Author string `json:"author"`
	Copies int64  `json:"copies"`
}

// CopiesAdded: the library got so many more copies of a book.
type CopiesAdded struct {
	ISBN   ISBN  `json:"isbn"`
	Copies int64 `json:"copies"`
}

// BookBorrowed: a reader took a copy home, and is to bring it back by the end of a day.
type BookBorrowed struct {
	ISBN   ISBN `json:"isbn"`
	Reader Card `json:"reader"`
	Due    Day  `json:"due"`
}

// BookReturned: a reader brought a copy back.
type BookReturned struct {
	ISBN   ISBN `json:"isbn"`
	Reader Card `json:"reader"`
}

// BookRemoved: the library has this book no more. What happened to it stays.
type BookRemoved struct {
	ISBN   ISBN   `json:"isbn"`
	Reason string `json:"reason,omitempty"`
}
