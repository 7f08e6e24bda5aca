package logstore

import (
	"slices"

	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// A counted group is alternatives, one of which an event must have, and how many postings
// they have.
type counted struct {
	terms []uint64
	n     int
}

// byRarity returns groups with the one first that has the fewest postings. If that has
// none, the others are missing.
func byRarity(ix index.Index, groups [][]uint64) ([]counted, error) {
	all := make([]counted, 0, len(groups))
	for _, terms := range groups {
		n := 0
		for _, term := range terms {
			count, err := ix.Count(term)
			if err != nil {
				return nil, err
			}
			n += count
		}
		if n == 0 {
			return []counted{{terms, 0}}, nil
		}
		all = append(all, counted{terms, n})
	}
	slices.SortStableFunc(all, func(a, b counted) int { return a.n - b.n })
	return all, nil
}

// An event that is looked at costs about as much as this many postings.
const postingsPerEvent = 100

// postings returns, rising, where in the i-th segment events lie that an item may
// select, from one posting up to another (exclusive).
func (v *view) postings(i int, item *planned, from, to uint32) ([]uint32, error) {
	ix, err := v.segments[i].terms()
	if err != nil {
		return nil, err
	}
	if len(item.groups) == 1 {
		return postingsOf(ix, item.groups[0], from, to)
	}
	groups, err := byRarity(ix, item.groups)
	if err != nil || groups[0].n == 0 {
		return nil, err
	}
	return common(ix, groups, from, to)
}

// common returns the postings that all groups have. Groups that have so many that it
// would cost more to go through them than to look at the events are left out.
func common(ix index.Index, groups []counted, from, to uint32) ([]uint32, error) {
	postings, err := postingsOf(ix, groups[0].terms, from, to)
	for _, g := range groups[1:] {
		if err != nil || len(postings) == 0 {
			return nil, err
		}
		if g.n > len(postings)*postingsPerEvent {
			break
		}
		var others []uint32
		others, err = postingsOf(ix, g.terms, postings[0], postings[len(postings)-1]+1)
		postings = both(postings, others)
	}
	return postings, err
}

// postingsOf returns the postings that any of some terms has, rising.
func postingsOf(ix index.Index, terms []uint64, from, to uint32) ([]uint32, error) {
	var postings []uint32
	for _, t := range terms {
		var err error
		if postings, err = ix.Postings(t, from, to, postings); err != nil {
			return nil, err
		}
	}
	if len(terms) > 1 {
		slices.Sort(postings)
		postings = slices.Compact(postings)
	}
	return postings, nil
}

// both keeps of some postings those that are among others; both rise.
func both(postings, others []uint32) []uint32 {
	kept := postings[:0]
	for _, p := range postings {
		for len(others) > 0 && others[0] < p {
			others = others[1:]
		}
		if len(others) > 0 && others[0] == p {
			kept = append(kept, p)
		}
	}
	return kept
}
