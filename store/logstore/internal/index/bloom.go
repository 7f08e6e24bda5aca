package index

import (
	"math/bits"

	"github.com/daybook-es/daybook/store/logstore/internal/mutant"
)

// A bloom filter says of most terms that are not in an index that they are not. With
// ten bits for each term and seven looks it is wrong about one in fifty. All looks for
// a term fall into one block of 64 bytes, as much as the processor fetches at once: a
// new name is looked up in the filters of all segments.
type bloom []uint64

const (
	bloomBitsPerTerm = 10
	bloomLooks       = 7
	blockWords       = 8
)

// bloomWords returns the length of a filter for so many terms.
func bloomWords(terms int) int {
	const bitsPerBlock = 64 * blockWords
	return (terms*bloomBitsPerTerm + bitsPerBlock - 1) / bitsPerBlock * blockWords
}

// block returns the words in which a term is looked for, and a number of which each nine
// bits are where one look falls.
func (b bloom) block(term uint64) (words bloom, looks uint64) {
	at, _ := bits.Mul64(term, uint64(len(b)/blockWords))
	return b[at*blockWords:][:blockWords], term * 0x9e3779b97f4a7c15
}

func (b bloom) add(term uint64) {
	words, looks := b.block(term)
	for i := range bloomLooks {
		if i == bloomLooks-1 && mutant.Planted("bloom-bit-missing") {
			break
		}
		words[looks>>6&7] |= 1 << (looks & 63)
		looks >>= 9
	}
}

func (b bloom) mayHave(term uint64) bool {
	words, looks := b.block(term)
	for range bloomLooks {
		if words[looks>>6&7]&(1<<(looks&63)) == 0 {
			return false
		}
		looks >>= 9
	}
	return true
}
