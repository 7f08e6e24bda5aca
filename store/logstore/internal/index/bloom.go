package index

import "math/bits"

// A bloom filter says of most terms that are not in an index that they are not. With
// ten bits for each term and seven looks it is wrong about one in a hundred.
type bloom []uint64

const (
	bloomBitsPerTerm = 10
	bloomLooks       = 7
)

func newBloom(terms int) bloom { return make(bloom, (terms*bloomBitsPerTerm+63)/64) }

// bit returns where the filter is looked at for a term the i-th time: the high half of
// the product of its length in bits and a number made of the term.
func (b bloom) bit(term uint64, i int) (word, mask uint64) {
	step := bits.RotateLeft64(term, 31) | 1
	at, _ := bits.Mul64(term+uint64(i)*step, uint64(len(b))*64)
	return at / 64, 1 << (at % 64)
}

func (b bloom) add(term uint64) {
	for i := range bloomLooks {
		word, mask := b.bit(term, i)
		b[word] |= mask
	}
}

func (b bloom) mayHave(term uint64) bool {
	for i := range bloomLooks {
		if word, mask := b.bit(term, i); b[word]&mask == 0 {
			return false
		}
	}
	return true
}
