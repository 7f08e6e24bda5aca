package index

import (
	"cmp"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/daybook-es/daybook/store/logstore/internal/mutant"
)

const chunkEntries = 4096

// A Table is the index of a segment that is being written. The zero Table is empty and
// ready. One goroutine adds to it while any number look things up, without a lock: a
// reader that waits for one, among many, holds up everybody who appends. Whoever looks
// finds what had been added when it was told of it, and perhaps some of what came later.
type Table struct {
	slots  atomic.Pointer[[]slot]                 // open addressing, as many as a power of two; nil before the first
	chunks atomic.Pointer[[]*[chunkEntries]entry] // entries never change once a slot leads to them
	used   int                                    // terms; only the goroutine that adds looks at it, as at n
	n      uint32                                 // entries

	// The least and the greatest time at which ids were made, complemented, so that zero
	// stands for none.
	madeLeast, madeGreatest atomic.Uint64
}

// A slot is a term. Its entries are a chain that begins with the newest.
type slot struct {
	term  atomic.Uint64 // zero is an empty slot; set after chain
	chain atomic.Uint64 // how many entries there are, and in the low half the newest, counted from 1
}

type entry struct {
	posting uint32
	before  uint32 // the entry of the same term before this one, counted from 1; zero is none
}

// NewTable returns an empty table with room for so many terms.
func NewTable(terms int) *Table {
	t := new(Table)
	size := 64
	for size*3 < terms*4 {
		size *= 2
	}
	slots := make([]slot, size)
	t.slots.Store(&slots)
	return t
}

// Terms returns how many terms the table has. It is called by the goroutine that adds.
func (t *Table) Terms() int { return t.used }

// A span is the least and the greatest time at which ids were made.
type span struct {
	least, greatest uint64
	some            bool
}

// Add adds a posting to each of the terms. It must not be before any that was added. A
// term that stands there twice, because two names have one number, gets it once.
func (t *Table) Add(posting uint32, terms []uint64) {
	for _, term := range terms {
		slots := t.slots.Load()
		if slots == nil || (t.used+1)*4 > len(*slots)*3 {
			slots = t.grow()
		}
		s := find(*slots, term)
		chain := s.chain.Load()
		if s.term.Load() == 0 {
			t.used++
		} else if t.entry(uint32(chain)).posting == posting {
			continue
		}
		t.push(entry{posting, uint32(chain)})
		s.chain.Store((chain>>32+1)<<32 | uint64(t.n))
		s.term.Store(term)
	}
}

// push puts an entry behind the others. Nobody sees it before a slot leads to it.
func (t *Table) push(e entry) {
	var chunks []*[chunkEntries]entry
	if p := t.chunks.Load(); p != nil {
		chunks = *p
	}
	if t.n%chunkEntries == 0 {
		chunks = append(chunks, new([chunkEntries]entry))
		grown := chunks // its own variable, so that chunks need not be on the heap
		t.chunks.Store(&grown)
	}
	chunks[t.n/chunkEntries][t.n%chunkEntries] = e
	t.n++
}

func (t *Table) entry(at uint32) entry {
	chunks := *t.chunks.Load()
	return chunks[(at-1)/chunkEntries][(at-1)%chunkEntries]
}

// AddMade widens what MayHaveID answers true for.
func (t *Table) AddMade(made uint64) {
	if least := t.madeLeast.Load(); least == 0 || made < ^least {
		t.madeLeast.Store(^made)
	}
	if greatest := t.madeGreatest.Load(); greatest == 0 || made > ^greatest && !mutant.Planted("ids-made-later-not-found") {
		t.madeGreatest.Store(^made)
	}
}

func (t *Table) made() span {
	least, greatest := t.madeLeast.Load(), t.madeGreatest.Load()
	return span{^least, ^greatest, least != 0 && greatest != 0}
}

// find returns the slot of a term, or the empty one that is its to take.
func find(slots []slot, term uint64) *slot {
	mask := uint64(len(slots) - 1)
	for i := term & mask; ; i = (i + 1) & mask {
		s := &slots[i]
		if at := s.term.Load(); at == term || at == 0 {
			return s
		}
	}
}

// grow makes room for more terms. Whoever looks into the slots that there were finds
// what was there until now.
func (t *Table) grow() *[]slot {
	var before []slot
	if p := t.slots.Load(); p != nil {
		before = *p
	}
	slots := make([]slot, max(64, 2*len(before)))
	for i := range before {
		if term := before[i].term.Load(); term != 0 {
			s := find(slots, term)
			s.chain.Store(before[i].chain.Load())
			s.term.Store(term)
		}
	}
	t.slots.Store(&slots)
	return &slots
}

// chain returns the newest of a term's entries and how many there are; zeros if there
// are none.
func (t *Table) chain(term uint64) (last uint32, count int) {
	slots := t.slots.Load()
	if slots == nil {
		return 0, 0
	}
	s := find(*slots, term)
	if s.term.Load() == 0 {
		return 0, 0
	}
	chain := s.chain.Load()
	return uint32(chain), int(chain >> 32)
}

// Count implements [Index].
func (t *Table) Count(term uint64) (int, error) {
	_, count := t.chain(term)
	return count, nil
}

// Postings implements [Index].
func (t *Table) Postings(term uint64, from, to uint32, into []uint32) ([]uint32, error) {
	at, _ := t.chain(term)
	return t.postings(at, from, to, into), nil
}

// postings appends to into the postings of a chain that begins with an entry.
func (t *Table) postings(at, from, to uint32, into []uint32) []uint32 {
	begin := len(into)
	for at > 0 {
		e := t.entry(at)
		if e.posting < from {
			break
		}
		if e.posting < to {
			into = append(into, e.posting)
		}
		at = e.before
	}
	slices.Reverse(into[begin:])
	return into
}

// Newest implements [Index].
func (t *Table) Newest(term uint64, below uint32, into []uint32) ([]uint32, error) {
	at, _ := t.chain(term)
	for at > 0 && len(into) < cap(into) {
		e := t.entry(at)
		if e.posting < below {
			into = append(into, e.posting)
		}
		at = e.before
	}
	return into, nil
}

// MayHaveID implements [Index].
func (t *Table) MayHaveID(made uint64) bool {
	s := t.made()
	return s.some && s.least <= made && made <= s.greatest
}

// Before returns a table with the postings of this one that are below a place. It is
// called by the goroutine that adds.
func (t *Table) Before(place uint32) *Table {
	kept := NewTable(t.used)
	if made := t.made(); made.some {
		kept.AddMade(made.least)
		kept.AddMade(made.greatest)
	}
	type addition struct {
		posting uint32
		term    uint64
	}
	var additions []addition
	for _, c := range t.chains() {
		for _, p := range t.postings(c.newest, 0, place, nil) {
			additions = append(additions, addition{p, c.term})
		}
	}
	slices.SortFunc(additions, func(a, b addition) int { return cmp.Compare(a.posting, b.posting) })
	for _, a := range additions {
		kept.Add(a.posting, []uint64{a.term})
	}
	return kept
}

// A chain is a term and its newest entry.
type chain struct {
	term   uint64
	newest uint32
}

// chains returns the chain of every term, by rising term. It is called by the goroutine
// that adds, or when nobody does any more.
func (t *Table) chains() []chain {
	p := t.slots.Load()
	if p == nil {
		return nil
	}
	// Terms are numbers as good as random, so dealt out by their first bits, about eight
	// together, they are sorted nearly: in a quarter of the time that sorting them at once
	// takes.
	undealt := 64 - max(0, bits.Len(uint(t.used))-3)
	ends := make([]int, 1<<(64-undealt))
	for i := range *p {
		if term := (*p)[i].term.Load(); term != 0 {
			ends[term>>undealt]++
		}
	}
	n := 0
	for i, count := range ends {
		ends[i] = n
		n += count
	}
	chains := make([]chain, n)
	for i := range *p {
		s := &(*p)[i]
		if term := s.term.Load(); term != 0 {
			end := &ends[term>>undealt]
			chains[*end] = chain{term, uint32(s.chain.Load())}
			*end++
		}
	}
	begin := 0
	for _, end := range ends {
		slices.SortFunc(chains[begin:end], func(a, b chain) int { return cmp.Compare(a.term, b.term) })
		begin = end
	}
	return chains
}
