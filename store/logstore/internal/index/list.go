package index

import (
	"encoding/binary"
	"sort"
)

// The postings of a term that has several are a list. These bytes are on people's disks.
//
//	size  what
//	   4  n: number of postings, at least 2
//	   8  for each 128 of them and the rest, a block: its first posting and, 4 bytes
//	      each, where its other postings begin behind these numbers
//	      the other postings of the blocks, each as what it is more than the one before,
//	      seven bits in a byte, the lowest first, and the eighth set if more follow
//
// So a posting that lies in the middle of a long list is found by looking at a few of
// its blocks, and events that lie close together cost a byte for each term they share.
const blockPostings = 128

// appendList appends the list of some postings, which rise.
func appendList(b []byte, postings []uint32) []byte {
	b = le.AppendUint32(b, uint32(len(postings)))
	table := len(b)
	b = append(b, make([]byte, 8*blocksOf(len(postings)))...)
	data := len(b)
	for i, p := range postings {
		if i%blockPostings == 0 {
			entry := b[table+8*(i/blockPostings):]
			le.PutUint32(entry, p)
			le.PutUint32(entry[4:], uint32(len(b)-data))
			continue
		}
		b = binary.AppendUvarint(b, uint64(p-postings[i-1]))
	}
	return b
}

func blocksOf(postings int) int { return (postings + blockPostings - 1) / blockPostings }

// A list is one in a file.
type list struct {
	file *File
	at   int64 // in the contents of the lists
	n    int   // postings
}

// open reads how many postings the list has.
func (l *list) open(f *File, at uint32) error {
	var b [4]byte
	l.file, l.at = f, int64(at)
	if err := f.content(b[:], f.listsAt(), l.at); err != nil {
		return err
	}
	l.n = int(le.Uint32(b[:]))
	if int64(l.n) < 2 || l.at+4+int64(l.n)+7*int64(blocksOf(l.n)) > int64(f.listBytes) {
		return ErrDamaged
	}
	return nil
}

// block appends the postings of the i-th block to some.
func (l *list) block(i int, into []uint32) ([]uint32, error) {
	first, begins, err := l.entry(i)
	if err != nil {
		return into, err
	}
	n := min(blockPostings, l.n-i*blockPostings)
	into = append(into, first)
	// Five bytes are the most that one takes, and two what most take.
	var b [5 * blockPostings]byte
	data := l.at + 4 + 8*int64(blocksOf(l.n)) + int64(begins)
	have, used := 0, 0
	for k := 1; k < n; k++ {
		if have-used < 5 {
			copy(b[:], b[used:have])
			have, used = have-used, 0
			more := min(max(2*(n-k), 10), len(b)-have)
			more = int(min(int64(more), int64(l.file.listBytes)-data))
			if more < 0 {
				return into, ErrDamaged
			}
			if err := l.file.content(b[have:have+more], l.file.listsAt(), data); err != nil {
				return into, err
			}
			have, data = have+more, data+int64(more)
		}
		delta, size := binary.Uvarint(b[used:have])
		if size <= 0 {
			return into, ErrDamaged
		}
		used += size
		first += uint32(delta)
		into = append(into, first)
	}
	return into, nil
}

// entry returns what the table of blocks says of the i-th one.
func (l *list) entry(i int) (first, begins uint32, err error) {
	var b [8]byte
	if err := l.file.content(b[:], l.file.listsAt(), l.at+4+8*int64(i)); err != nil {
		return 0, 0, err
	}
	return le.Uint32(b[:]), le.Uint32(b[4:]), nil
}

// blockOf returns the block in which a posting would be: the last one that begins before
// it or with it, or the first.
func (l *list) blockOf(posting uint32) (int, error) {
	var failed error
	n := sort.Search(blocksOf(l.n), func(i int) bool {
		first, _, err := l.entry(i)
		if err != nil {
			failed = err
		}
		return first > posting
	})
	return max(n-1, 0), failed
}
