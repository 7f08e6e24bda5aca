package index

import (
	"cmp"
	"iter"
	"slices"
	"sync"
)

const chunkEntries = 4096

// A Table is the index of a segment that is being written. The zero Table is empty and
// ready. One goroutine adds to it while any number look things up.
type Table struct {
	mu     sync.RWMutex // guards slots, used, chunks and made; entries never change once a slot leads to them
	slots  []slot       // open addressing, as many as a power of two
	used   int
	chunks []*[chunkEntries]entry
	n      uint32 // entries; only the goroutine that adds looks at it without the lock
	made   span
}

// A slot is a term. Its entries are a chain that begins with the newest.
type slot struct {
	term  uint64 // zero is an empty slot
	last  uint32 // the newest entry, counted from 1
	count uint32
}

type entry struct {
	posting uint32
	before  uint32 // the entry of the same term before this one, counted from 1; zero is none
}

// A span is the least and the greatest time at which ids were made.
type span struct {
	least, greatest uint64
	some            bool
}

func (s *span) add(made uint64) {
	if !s.some {
		*s = span{made, made, true}
		return
	}
	s.least, s.greatest = min(s.least, made), max(s.greatest, made)
}

// Add adds a posting to each of the terms. It must not be before any that was added. A
// term that stands there twice, because two names have one number, gets it once.
func (t *Table) Add(posting uint32, terms []uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, term := range terms {
		if (t.used+1)*4 > len(t.slots)*3 {
			t.grow()
		}
		s := t.find(term)
		if s.term == 0 {
			s.term = term
			t.used++
		} else if last := s.last - 1; t.chunks[last/chunkEntries][last%chunkEntries].posting == posting {
			continue
		}
		if t.n%chunkEntries == 0 {
			t.chunks = append(t.chunks, new([chunkEntries]entry))
		}
		t.chunks[t.n/chunkEntries][t.n%chunkEntries] = entry{posting, s.last}
		t.n++
		s.last = t.n
		s.count++
	}
}

// AddMade widens what MayHaveID answers true for.
func (t *Table) AddMade(made uint64) {
	t.mu.Lock()
	t.made.add(made)
	t.mu.Unlock()
}

// find returns the slot of a term, or the empty one that is its to take.
func (t *Table) find(term uint64) *slot {
	mask := uint64(len(t.slots) - 1)
	for i := term & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.term == term || s.term == 0 {
			return s
		}
	}
}

func (t *Table) grow() {
	before := t.slots
	t.slots = make([]slot, max(64, 2*len(before)))
	for _, s := range before {
		if s.term != 0 {
			*t.find(s.term) = s
		}
	}
}

// chain returns a term's slot and the entries that its chain is made of.
func (t *Table) chain(term uint64) (slot, []*[chunkEntries]entry) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.slots) == 0 {
		return slot{}, nil
	}
	return *t.find(term), t.chunks
}

// Count implements [Index].
func (t *Table) Count(term uint64) (int, error) {
	s, _ := t.chain(term)
	return int(s.count), nil
}

// Postings implements [Index].
func (t *Table) Postings(term uint64) ([]uint32, error) {
	s, chunks := t.chain(term)
	if s.count == 0 {
		return nil, nil
	}
	postings := make([]uint32, s.count)
	for at, i := s.last, len(postings)-1; at > 0; i-- {
		e := &chunks[(at-1)/chunkEntries][(at-1)%chunkEntries]
		postings[i] = e.posting
		at = e.before
	}
	return postings, nil
}

// Descend implements [Index].
func (t *Table) Descend(term uint64, yield func(posting uint32) bool) error {
	s, chunks := t.chain(term)
	for at := s.last; at > 0; {
		e := &chunks[(at-1)/chunkEntries][(at-1)%chunkEntries]
		if !yield(e.posting) {
			return nil
		}
		at = e.before
	}
	return nil
}

// MayHaveID implements [Index].
func (t *Table) MayHaveID(made uint64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.made.some && t.made.least <= made && made <= t.made.greatest
}

// Before returns a table with the postings of this one that are below a place. It is
// called by the goroutine that adds.
func (t *Table) Before(place uint32) *Table {
	kept := &Table{made: t.made}
	type addition struct {
		posting uint32
		term    uint64
	}
	var additions []addition
	for term, postings := range t.all() {
		for _, p := range postings {
			if p < place {
				additions = append(additions, addition{p, term})
			}
		}
	}
	slices.SortFunc(additions, func(a, b addition) int { return cmp.Compare(a.posting, b.posting) })
	for _, a := range additions {
		kept.Add(a.posting, []uint64{a.term})
	}
	return kept
}

// all yields every term, in rising order, with its postings.
func (t *Table) all() iter.Seq2[uint64, []uint32] {
	t.mu.RLock()
	terms := make([]uint64, 0, t.used)
	for _, s := range t.slots {
		if s.term != 0 {
			terms = append(terms, s.term)
		}
	}
	t.mu.RUnlock()
	slices.Sort(terms)
	return func(yield func(uint64, []uint32) bool) {
		for _, term := range terms {
			postings, _ := t.Postings(term) // a table in memory does not fail
			if !yield(term, postings) {
				return
			}
		}
	}
}
