package index

import (
	"bytes"
	"hash/crc32"
	"testing"
)

// Goal: nothing that is looked for in an index file reads past its end or takes more memory than the segment can
// account for, whoever wrote it. Method: the pages' numbers and checksums are made right for any bytes, and the header's
// identity.
func FuzzFile(f *testing.F) {
	for _, events := range []int{0, 3, 300} {
		table, _ := random(uint64(events), events)
		f.Add(Encode(table, identity), uint64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, term uint64) {
		if len(b) < pageBytes {
			return
		}
		b = bytes.Clone(b[:len(b)/pageBytes*pageBytes])
		copy(b, fileMagic)
		le.PutUint32(b[8:], fileVersion)
		le.PutUint32(b[12:], identity.Checksum)
		le.PutUint64(b[16:], identity.Number)
		le.PutUint64(b[24:], uint64(identity.End))
		for at := 0; at < len(b); at += pageBytes {
			p := b[at:][:pageBytes]
			le.PutUint32(p[contentBytes:], uint32(at/pageBytes))
			le.PutUint32(p[pageBytes-4:], crc32.Update(identity.Checksum, castagnoli, p[:pageBytes-4]))
		}
		Check(readerOf(b), int64(len(b)), identity)
		file, err := Open(readerOf(b), identity)
		if err != nil {
			return
		}
		terms := []uint64{term, 1, ^uint64(0), term << 32}
		for at := pageBytes; at+8 <= len(b) && len(terms) < 40; at += 64 {
			terms = append(terms, uint64(le.Uint32(b[at:]))<<32)
		}
		for _, term := range terms {
			if _, err := file.Count(term); err != nil {
				continue
			}
			file.Postings(term, 0, ^uint32(0), nil)
			if newest, _ := file.Newest(term, ^uint32(0), make([]uint32, 0, 4)); len(newest) > 4 {
				t.Errorf("of %x, %d postings are the newest 4", term, len(newest))
			}
		}
	})
}
