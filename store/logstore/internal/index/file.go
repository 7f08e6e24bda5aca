package index

import (
	"errors"
	"math/bits"
	"slices"
	"sort"
)

// The pages of an index file, one kind after the other, each beginning with a page of
// its own. These bytes are on people's disks.
//
// The content of page 0, the rest of it zeros:
//
//	offset  size  what
//	     0     8  magic: "daybkidx"
//	     8     4  version of the format: 2
//	    12     4  checksum of the segment's last frame
//	    16     8  number of the segment
//	    24     8  where its frames end
//	    32     4  t: number of terms
//	    36     4  l: bytes of the lists
//	    40     4  b: words of the bloom filter
//	    44     4  1 if an id is of version 7, else 0
//	    48     8  least time at which an id of version 7 was made, 48 bits
//	    56     8  greatest such time
//
// Then come the bloom filter (b words of 8 bytes), the first term of each page of terms
// (4 bytes), the terms rising (t times 8 bytes: the high half of a term's number, and
// its posting, or where its list begins among the lists and the highest bit), and the
// lists (l bytes, see list.go).
//
// Most terms are ids, and have one posting: they take eight bytes here and ten bits in
// the filter. Two terms with the same high half are one: whoever follows a posting looks
// at the event.
const (
	fileMagic    = "daybkidx"
	fileVersion  = 2
	termsPerPage = contentBytes / 8
	isList       = 1 << 31
)

// ErrDamaged says that an index file is not what was written, or not that of the
// segment. Whoever has the segment can make it anew.
var ErrDamaged = errors.New("the index file is damaged, of another version, or that of another segment")

// An Identity says of which segment a file is the index.
type Identity struct {
	Number   uint64
	End      int64
	Checksum uint32 // of the last frame
}

// A File is the index of a sealed segment. Only its bloom filter, and a few bytes for
// each page, are kept in memory; the rest is read, and its checksums verified, when it is
// asked for.
type File struct {
	read func(b []byte, offset int64) error
	id   Identity

	terms, listBytes, words uint32
	made                    span
	bloom                   bloom
	firsts                  []uint32 // of the pages of terms
}

// Encode returns the bytes of an index file with what a table holds. Nothing may be
// added to the table any more.
func Encode(t *Table, id Identity) []byte {
	chains := t.chains()
	filter := make(bloom, bloomWords(len(chains)))
	entries := make([]byte, 0, 8*len(chains))
	var firsts, lists []byte
	var postings []uint32
	for i := 0; i < len(chains); {
		hash := uint32(chains[i].term >> 32)
		postings = postings[:0]
		for n := i; i < len(chains) && uint32(chains[i].term>>32) == hash; i++ {
			filter.add(chains[i].term)
			postings = t.postings(chains[i].newest, 0, ^uint32(0), postings)
			if i > n {
				slices.Sort(postings)
				postings = slices.Compact(postings)
			}
		}
		if len(entries)%(8*termsPerPage) == 0 {
			firsts = le.AppendUint32(firsts, hash)
		}
		entries = le.AppendUint32(entries, hash)
		if len(postings) == 1 {
			entries = le.AppendUint32(entries, postings[0])
			continue
		}
		entries = le.AppendUint32(entries, isList|uint32(len(lists)))
		lists = appendList(lists, postings)
	}

	header := append([]byte(nil), fileMagic...)
	header = le.AppendUint32(header, fileVersion)
	header = le.AppendUint32(header, id.Checksum)
	header = le.AppendUint64(header, id.Number)
	header = le.AppendUint64(header, uint64(id.End))
	header = le.AppendUint32(header, uint32(len(entries)/8))
	header = le.AppendUint32(header, uint32(len(lists)))
	header = le.AppendUint32(header, uint32(len(filter)))
	some, made := uint32(0), t.made()
	if made.some {
		some = 1
	}
	header = le.AppendUint32(header, some)
	header = le.AppendUint64(header, made.least)
	header = le.AppendUint64(header, made.greatest)

	w := writer{sum: id.Checksum}
	w.pages = make([]byte, 0, (5+pagesFor(int64(8*len(filter)))+pagesFor(int64(len(entries)))+pagesFor(int64(len(firsts)+len(lists))))*pageBytes)
	words := make([]byte, 0, 8*len(filter))
	for _, word := range filter {
		words = le.AppendUint64(words, word)
	}
	for _, part := range [][]byte{header, words, firsts, entries, lists} {
		w.write(part)
		w.flush()
	}
	return w.pages
}

// Open returns the index in a file that read reads from. It returns ErrDamaged if the
// file is not the index of that segment, or an error of read. read must be safe for use
// by many goroutines.
func Open(read func(b []byte, offset int64) error, id Identity) (*File, error) {
	f := &File{read: read, id: id}
	header := new(page)
	if err := f.page(header, 0); err != nil {
		return nil, err
	}
	if string(header[:8]) != fileMagic || le.Uint32(header[8:]) != fileVersion ||
		le.Uint32(header[12:]) != id.Checksum || le.Uint64(header[16:]) != id.Number || int64(le.Uint64(header[24:])) != id.End {
		return nil, ErrDamaged
	}
	f.terms, f.listBytes, f.words = le.Uint32(header[32:]), le.Uint32(header[36:]), le.Uint32(header[40:])
	f.made = span{le.Uint64(header[48:]), le.Uint64(header[56:]), le.Uint32(header[44:]) == 1}
	if f.words%blockWords != 0 || f.terms > 0 && f.words == 0 {
		return nil, ErrDamaged
	}
	// A term takes three bytes of its segment at least, so that many are not to be
	// believed, nor room to be made for them.
	if int64(f.terms) > id.End || 8*int64(f.words) > id.End+8*blockWords {
		return nil, ErrDamaged
	}

	b := make([]byte, 8*int(f.words))
	if err := f.content(b, 1, 0); err != nil {
		return nil, err
	}
	f.bloom = make(bloom, f.words)
	for i := range f.bloom {
		f.bloom[i] = le.Uint64(b[8*i:])
	}
	b = make([]byte, 4*f.termPages())
	if err := f.content(b, f.firstsAt(), 0); err != nil {
		return nil, err
	}
	f.firsts = make([]uint32, f.termPages())
	for i := range f.firsts {
		f.firsts[i] = le.Uint32(b[4*i:])
	}
	return f, nil
}

func (f *File) termPages() int64 { return pagesFor(8 * int64(f.terms)) }
func (f *File) firstsAt() int64  { return 1 + pagesFor(8*int64(f.words)) }
func (f *File) termsAt() int64   { return f.firstsAt() + pagesFor(4*f.termPages()) }
func (f *File) listsAt() int64   { return f.termsAt() + f.termPages() }

// size returns how many bytes the file has.
func (f *File) size() int64 { return (f.listsAt() + pagesFor(int64(f.listBytes))) * pageBytes }

// find returns what the pages say of a term: its only posting or its list.
func (f *File) find(term uint64) (value uint32, found bool, err error) {
	if f.terms == 0 || !f.bloom.mayHave(term) {
		return 0, false, nil
	}
	hash := uint32(term >> 32)
	// A term is on the last page that begins with it or before it. Terms are numbers as
	// good as random, so one can tell within a few which page that is.
	guess, _ := bits.Mul64(term, uint64(len(f.firsts)))
	at := f.pageOf(hash, int(guess))
	if at < 0 {
		return 0, false, nil
	}
	p := pages.Get().(*page)
	defer pages.Put(p)
	if err := f.page(p, f.termsAt()+int64(at)); err != nil {
		return 0, false, err
	}
	n := min(termsPerPage, int(f.terms)-at*termsPerPage)
	i := sort.Search(n, func(i int) bool { return le.Uint32(p[8*i:]) >= hash })
	if i == n || le.Uint32(p[8*i:]) != hash {
		return 0, false, nil
	}
	return le.Uint32(p[8*i+4:]), true, nil
}

// pageOf returns the last page of terms that does not begin behind a term, -1 if all do.
func (f *File) pageOf(hash uint32, guess int) int {
	const near = 16
	least, most := max(guess-near, 0), min(guess+near, len(f.firsts))
	if f.firsts[least] > hash {
		least = 0
	}
	if most < len(f.firsts) && f.firsts[most] <= hash {
		most = len(f.firsts)
	}
	some := f.firsts[least:most]
	return least + sort.Search(len(some), func(i int) bool { return some[i] > hash }) - 1
}

// Count implements [Index].
func (f *File) Count(term uint64) (int, error) {
	value, found, err := f.find(term)
	if err != nil || !found {
		return 0, err
	}
	if value&isList == 0 {
		return 1, nil
	}
	var l list
	err = l.open(f, value&^isList)
	return l.n, err
}

// Postings implements [Index].
func (f *File) Postings(term uint64, from, to uint32, into []uint32) ([]uint32, error) {
	value, found, err := f.find(term)
	if err != nil || !found {
		return into, err
	}
	if value&isList == 0 {
		if value >= from && value < to {
			into = append(into, value)
		}
		return into, nil
	}
	var l list
	if err := l.open(f, value&^isList); err != nil {
		return into, err
	}
	i, err := l.blockOf(from)
	if err != nil {
		return into, err
	}
	var b [blockPostings]uint32
	for ; i < blocksOf(l.n); i++ {
		some, err := l.block(i, b[:0])
		if err != nil {
			return into, err
		}
		for _, p := range some {
			if p >= to {
				return into, nil
			}
			if p >= from {
				into = append(into, p)
			}
		}
	}
	return into, nil
}

// Newest implements [Index].
func (f *File) Newest(term uint64, below uint32, into []uint32) ([]uint32, error) {
	value, found, err := f.find(term)
	if err != nil || !found {
		return into, err
	}
	if value&isList == 0 {
		if value < below {
			into = append(into, value)
		}
		return into, nil
	}
	var l list
	if err := l.open(f, value&^isList); err != nil || below == 0 {
		return into, err
	}
	i, err := l.blockOf(below - 1)
	if err != nil {
		return into, err
	}
	var b [blockPostings]uint32
	for ; i >= 0 && len(into) < cap(into); i-- {
		some, err := l.block(i, b[:0])
		if err != nil {
			return into, err
		}
		n, _ := slices.BinarySearch(some, below)
		for n > 0 && len(into) < cap(into) {
			n--
			into = append(into, some[n])
		}
	}
	return into, nil
}

// MayHaveID implements [Index].
func (f *File) MayHaveID(made uint64) bool {
	return f.made.some && f.made.least <= made && made <= f.made.greatest
}
