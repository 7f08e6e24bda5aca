package crashfs

import (
	"math"
	"slices"
)

// Survivors says what a power cut leaves of that which was not synced.
type Survivors int

const (
	// None: nothing is left.
	None Survivors = iota

	// All: everything is, as if the system had written all of it just before.
	All

	// Names: what was created, renamed, linked or removed stays so; what was written is lost, and so is every change
	// of size. A renamed file may be empty.
	Names

	// Data: what was written is there, in files that may have no name or an old one.
	Data

	// Prefix: the changes up to one of them, which is the last and torn.
	Prefix

	// Torn: any sectors, sizes and names, as the package comment says.
	Torn
)

var (
	everySurvivors = []Survivors{None, All, Names, Data, Prefix, Torn}
	names          = [...]string{"none", "all", "names", "data", "prefix", "torn"}
)

// String returns the name in lower case.
func (s Survivors) String() string { return names[s] }

// byChance reports whether a seed has a say.
func (s Survivors) byChance() bool { return s == Prefix || s == Torn }

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// A selection decides what survives one cut. Everything is a function of the seed and of the thing asked for, so
// nothing is remembered and the order of asking does not matter.
type selection struct {
	survivors Survivors
	seed      uint64

	// The call after which nothing survives, of Prefix.
	last int

	// For Torn: the calls among which to choose, how many in 256 sectors are kept whole and how many lost whole, how
	// many in 256 names are kept, and by how many bits a sector's number is cut so that neighbours share a
	// fate (file systems write pages).
	from, to         int
	kept, lost, name uint64
	coarse           uint
}

// choose draws a selection for a cut after k calls, given the calls that no sync made durable.
func choose(s Survivors, seed uint64, k int, pending []int) selection {
	sel := selection{survivors: s, seed: mix(seed, uint64(k), uint64(s))}
	switch {
	case len(pending) == 0:

	case s == Prefix:
		slices.Sort(pending)
		sel.last = pending[sel.hash(1)%uint64(len(pending))]

	case s == Torn:
		sel.from, sel.to = slices.Min(pending), k
		sel.kept = sel.hash(1) % 257
		sel.lost = (256 - sel.kept) * 3 / 4
		sel.name = sel.hash(2) % 5 * 64
		if sel.hash(3)%4 == 0 {
			sel.coarse = 3
		}
	}
	return sel
}

func (s *selection) hash(what uint64) uint64 { return mix(s.seed, what, 0) }

// keepName decides about a change of a name.
func (s *selection) keepName(call int) bool {
	switch s.survivors {
	case All, Names:
		return true
	case Prefix:
		return call <= s.last
	case Torn:
		return mix(s.seed, 4, uint64(call))&0xff < s.name
	default:
		return false
	}
}

// sizesBefore returns the call before which a file's changes of size are kept.
func (s *selection) sizesBefore(node int32) int {
	switch s.survivors {
	case All, Data:
		return math.MaxInt
	case Prefix:
		return s.last + 1
	case Torn:
		h := mix(s.seed, 5, uint64(node))
		switch h % 3 {
		case 0:
			return 0
		case 1:
			return math.MaxInt
		}
		return s.between(h >> 8)
	default:
		return 0
	}
}

// sectorBefore returns the call before which writes to a sector of a file are kept.
func (s *selection) sectorBefore(node int32, sector int64) int {
	switch s.survivors {
	case All, Data:
		return math.MaxInt
	case Prefix:
		// The last write is torn: its first sectors are kept or its last ones, as if it had gone out in either
		// direction. All writes are cut at the same sector number, so that a sector stays in order.
		h := s.hash(6)
		if in := sector%16 < int64(h>>8%17); in == (h&1 == 0) {
			return s.last + 1
		}
		return s.last
	case Torn:
		h := mix(s.seed, uint64(node)<<8|7, uint64(sector>>s.coarse))
		switch r := h & 0xff; {
		case r < s.kept:
			return math.MaxInt
		case r < s.kept+s.lost:
			return 0
		}
		return s.between(h >> 8)
	default:
		return 0
	}
}

// between returns a call after the first one that is pending and not after the cut.
func (s *selection) between(h uint64) int {
	return s.from + 1 + int(h%uint64(s.to-s.from))
}

// mix is a hash of three numbers, by the finisher of splitmix64.
func mix(a, b, c uint64) uint64 {
	h := a
	for _, x := range [...]uint64{b, c} {
		h += x*0x9e3779b97f4a7c15 + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}
