package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"sync"
)

// An index file is pages of 4096 bytes. These bytes are on people's disks; numbers are
// little-endian.
//
//	offset  size  what
//	     0  4088  content
//	  4088     4  number of the page, from zero
//	  4092     4  CRC32C of the 4092 bytes before, begun with the checksum of the
//	              segment's last frame
//
// The content of page 0, the rest of it zeros:
//
//	offset  size  what
//	     0     8  magic: "daybkidx"
//	     8     4  version of the format: 1
//	    12     4  checksum of the segment's last frame
//	    16     8  number of the segment
//	    24     8  where its frames end
//	    32     4  t: number of terms
//	    36     4  p: number of postings
//	    40     4  b: number of words of the bloom filter
//	    44     4  1 if an id is of version 7, else 0
//	    48     8  least time at which an id of version 7 was made, 48 bits
//	    56     8  greatest such time
//
// The contents of the other pages, one after the other, are: the bloom filter (b words
// of 8 bytes), the terms rising (t of 8 bytes), for each term where its postings begin
// among the postings and after the last where they end (t+1 of 4 bytes), the postings
// (p of 4 bytes), zeros.
const (
	pageBytes    = 4096
	contentBytes = 4088
	fileMagic    = "daybkidx"
	fileVersion  = 1
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// ErrDamaged says that an index file is not what was written, or not that of the
// segment. Whoever has the segment can make it anew.
var ErrDamaged = errors.New("the index file is damaged, or that of another segment")

// An Identity says of which segment a file is the index.
type Identity struct {
	Number   uint64
	End      int64
	Checksum uint32 // of the last frame
}

// A File is the index of a sealed segment. Only its bloom filter is kept in memory; the
// rest is read, and its checksums verified, when it is asked for.
type File struct {
	read func(b []byte, offset int64) error
	id   Identity

	terms, postings, words uint32
	made                   span
	bloom                  bloom
}

// Encode returns the bytes of an index file with what a table holds. Nothing may be
// added to the table any more.
func Encode(t *Table, id Identity) []byte {
	var terms, starts, postings []byte
	filter := newBloom(t.used)
	n, p := 0, uint32(0)
	for term, some := range t.all() {
		n++
		filter.add(term)
		terms = le.AppendUint64(terms, term)
		starts = le.AppendUint32(starts, p)
		for _, posting := range some {
			postings = le.AppendUint32(postings, posting)
		}
		p += uint32(len(some))
	}
	starts = le.AppendUint32(starts, p)

	header := append([]byte(nil), fileMagic...)
	header = le.AppendUint32(header, fileVersion)
	header = le.AppendUint32(header, id.Checksum)
	header = le.AppendUint64(header, id.Number)
	header = le.AppendUint64(header, uint64(id.End))
	header = le.AppendUint32(header, uint32(n))
	header = le.AppendUint32(header, p)
	header = le.AppendUint32(header, uint32(len(filter)))
	some := uint32(0)
	made := t.made()
	if made.some {
		some = 1
	}
	header = le.AppendUint32(header, some)
	header = le.AppendUint64(header, made.least)
	header = le.AppendUint64(header, made.greatest)

	w := writer{sum: id.Checksum}
	w.write(header)
	w.flush()
	for _, word := range filter {
		w.write(le.AppendUint64(nil, word))
	}
	w.write(terms)
	w.write(starts)
	w.write(postings)
	w.flush()
	return w.pages
}

// A writer makes pages of contents.
type writer struct {
	pages   []byte
	content []byte
	sum     uint32
}

func (w *writer) write(b []byte) {
	for len(b) > 0 {
		n := min(len(b), contentBytes-len(w.content))
		w.content = append(w.content, b[:n]...)
		b = b[n:]
		if len(w.content) == contentBytes {
			w.flush()
		}
	}
}

func (w *writer) flush() {
	if len(w.content) == 0 {
		return
	}
	at := len(w.pages)
	w.pages = append(w.pages, w.content...)
	w.pages = append(w.pages, make([]byte, contentBytes-len(w.content))...)
	w.pages = le.AppendUint32(w.pages, uint32(at/pageBytes))
	w.pages = le.AppendUint32(w.pages, crc32.Update(w.sum, castagnoli, w.pages[at:]))
	w.content = w.content[:0]
}

// Open returns the index in a file that read reads from. It returns ErrDamaged if the
// file is not the index of that segment, or an error of read. read must be safe for use
// by many goroutines.
func Open(read func(b []byte, offset int64) error, id Identity) (*File, error) {
	f := &File{read: read, id: id}
	header := make([]byte, pageBytes)
	if err := f.page(header, 0); err != nil {
		return nil, err
	}
	if string(header[:8]) != fileMagic || le.Uint32(header[8:]) != fileVersion ||
		le.Uint32(header[12:]) != id.Checksum || le.Uint64(header[16:]) != id.Number || int64(le.Uint64(header[24:])) != id.End {
		return nil, ErrDamaged
	}
	f.terms, f.postings, f.words = le.Uint32(header[32:]), le.Uint32(header[36:]), le.Uint32(header[40:])
	f.made = span{le.Uint64(header[48:]), le.Uint64(header[56:]), le.Uint32(header[44:]) == 1}
	if uint64(f.words) != (uint64(f.terms)*bloomBitsPerTerm+63)/64 {
		return nil, ErrDamaged
	}

	b := make([]byte, 8*int(f.words))
	if err := f.content(b, 0); err != nil {
		return nil, err
	}
	f.bloom = make(bloom, f.words)
	for i := range f.bloom {
		f.bloom[i] = le.Uint64(b[8*i:])
	}
	return f, nil
}

// page reads a page and verifies it.
func (f *File) page(b []byte, number int64) error {
	if err := f.read(b[:pageBytes], number*pageBytes); err != nil {
		return fmt.Errorf("read page %d: %w", number, err)
	}
	if le.Uint32(b[contentBytes:]) != uint32(number) || le.Uint32(b[pageBytes-4:]) != crc32.Update(f.id.Checksum, castagnoli, b[:pageBytes-4]) {
		return fmt.Errorf("page %d: %w", number, ErrDamaged)
	}
	return nil
}

var pages = sync.Pool{New: func() any { return new([pageBytes]byte) }}

// content fills b from an offset in the contents of the pages after the first.
func (f *File) content(b []byte, offset int64) error {
	page := pages.Get().(*[pageBytes]byte)
	defer pages.Put(page)
	for len(b) > 0 {
		if err := f.page(page[:], 1+offset/contentBytes); err != nil {
			return err
		}
		n := copy(b, page[offset%contentBytes:contentBytes])
		b, offset = b[n:], offset+int64(n)
	}
	return nil
}

func (f *File) termsAt() int64    { return 8 * int64(f.words) }
func (f *File) startsAt() int64   { return f.termsAt() + 8*int64(f.terms) }
func (f *File) postingsAt() int64 { return f.startsAt() + 4*int64(f.terms+1) }

// find returns where a term's postings are among the postings.
func (f *File) find(term uint64) (from, to uint32, err error) {
	if f.terms == 0 || !f.bloom.mayHave(term) {
		return 0, 0, nil
	}
	// Terms are numbers as good as random, so one can tell within some dozens where a
	// term is: most often the first page that is looked at has it.
	const perLook = 256
	least, most := uint64(0), uint64(f.terms)
	guess, _ := bits.Mul64(term, uint64(f.terms))
	var b [8 * perLook]byte
	for least < most {
		begin := min(max(guess, least+perLook/2)-perLook/2, most-1)
		n := min(perLook, most-begin)
		if err := f.content(b[:8*n], f.termsAt()+8*int64(begin)); err != nil {
			return 0, 0, err
		}
		first, last := le.Uint64(b[:]), le.Uint64(b[8*(n-1):])
		switch {
		case term < first:
			most = begin
		case term > last:
			least = begin + n
		default:
			i := search(b[:8*n], term)
			if i < 0 {
				return 0, 0, nil
			}
			var starts [8]byte
			if err := f.content(starts[:], f.startsAt()+4*int64(begin+uint64(i))); err != nil {
				return 0, 0, err
			}
			from, to = le.Uint32(starts[:]), le.Uint32(starts[4:])
			if from > to || to > f.postings {
				return 0, 0, ErrDamaged
			}
			return from, to, nil
		}
		guess = least + (most-least)/2
	}
	return 0, 0, nil
}

// search returns where a term is among rising ones, or -1.
func search(terms []byte, term uint64) int {
	least, most := 0, len(terms)/8
	for least < most {
		i := (least + most) / 2
		switch at := le.Uint64(terms[8*i:]); {
		case at == term:
			return i
		case at < term:
			least = i + 1
		default:
			most = i
		}
	}
	return -1
}

// load returns the postings from one to another.
func (f *File) load(from, to uint32) ([]uint32, error) {
	b := make([]byte, 4*(to-from))
	if err := f.content(b, f.postingsAt()+4*int64(from)); err != nil {
		return nil, err
	}
	postings := make([]uint32, to-from)
	for i := range postings {
		postings[i] = le.Uint32(b[4*i:])
	}
	return postings, nil
}

// Count implements [Index].
func (f *File) Count(term uint64) (int, error) {
	from, to, err := f.find(term)
	return int(to - from), err
}

// Postings implements [Index].
func (f *File) Postings(term uint64) ([]uint32, error) {
	from, to, err := f.find(term)
	if err != nil || from == to {
		return nil, err
	}
	return f.load(from, to)
}

// Newest implements [Index].
func (f *File) Newest(term uint64, below uint32, into []uint32) ([]uint32, error) {
	from, to, err := f.find(term)
	if err != nil || from == to {
		return into, err
	}
	all, err := f.load(from, to)
	if err != nil {
		return into, err
	}
	n, _ := slices.BinarySearch(all, below)
	for n > 0 && len(into) < cap(into) {
		n--
		into = append(into, all[n])
	}
	return into, nil
}

// MayHaveID implements [Index].
func (f *File) MayHaveID(made uint64) bool {
	return f.made.some && f.made.least <= made && made <= f.made.greatest
}
