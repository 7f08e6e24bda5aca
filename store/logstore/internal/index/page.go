package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/daybook-es/daybook/store/logstore/internal/mutant"
)

// An index file is pages of 1024 bytes. These bytes are on people's disks; numbers are
// little-endian.
//
//	offset  size  what
//	     0  1016  content
//	  1016     4  number of the page, from zero
//	  1020     4  CRC32C of the 1020 bytes before, begun with the checksum of the
//	              segment's last frame
//
// A page is verified each time it is read: 0.1 µs, and four times that if it were as
// large as those of the system.
const (
	pageBytes    = 1024
	contentBytes = 1016
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

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

// flush ends a page, if there is something in it; zeros are behind its content.
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

// pagesFor returns how many pages contents of so many bytes have.
func pagesFor(bytes int64) int64 { return (bytes + contentBytes - 1) / contentBytes }

type page [pageBytes]byte

var pages = sync.Pool{New: func() any { return new(page) }}

// page reads a page and verifies it.
func (f *File) page(b *page, number int64) error {
	if err := f.read(b[:], number*pageBytes); err != nil {
		return fmt.Errorf("read page %d: %w", number, err)
	}
	if mutant.Planted("index-checksum-not-verified") {
		return nil
	}
	if le.Uint32(b[contentBytes:]) != uint32(number) || le.Uint32(b[pageBytes-4:]) != crc32.Update(f.id.Checksum, castagnoli, b[:pageBytes-4]) {
		return fmt.Errorf("page %d: %w", number, ErrDamaged)
	}
	return nil
}

// content fills b from an offset in the contents of the pages from one on.
func (f *File) content(b []byte, first, offset int64) error {
	p := pages.Get().(*page)
	defer pages.Put(p)
	for len(b) > 0 {
		if err := f.page(p, first+offset/contentBytes); err != nil {
			return err
		}
		n := copy(b, p[offset%contentBytes:contentBytes])
		b, offset = b[n:], offset+int64(n)
	}
	return nil
}
