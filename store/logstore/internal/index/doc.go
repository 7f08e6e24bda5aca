// Package index says where in a segment the events are that have a term (see package
// term): their postings. A posting is the place of an event in the segment's file, in
// units of eight bytes, so postings rise with positions.
//
// A [Table] is the index of a segment that is being written, in memory. A [File] is
// that of one that is sealed: immutable, and read a page at a time. Neither knows
// names: two terms may share a number, and whoever follows a posting looks at the event
// that lies there.
package index

// An Index is a [Table] or a [File]. It is safe for use by many goroutines.
type Index interface {
	// Count returns how many postings a term has, including some that may be past what
	// the caller sees, or another term's.
	Count(term uint64) (int, error)

	// Postings appends to into the postings of a term from one place up to another
	// (exclusive), rising.
	Postings(term uint64, from, to uint32, into []uint32) ([]uint32, error)

	// Newest appends to into the last postings of a term that are below a place, the
	// last one first, and as many as into has room for.
	Newest(term uint64, below uint32, into []uint32) ([]uint32, error)

	// MayHaveID reports whether an id that was made at a time (see term.Made) may have
	// a posting. It is quick, and false for nearly every id that is new.
	MayHaveID(made uint64) bool
}
