package logstore

import (
	"sort"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// atVersion returns the position of the first event of a stream at a version or a later
// one; zero if there is none. It looks at one event of each segment that has some of the
// stream, and then at a few by halving: a stream may have a million.
func (v *view) atVersion(stream string, version daybook.Version) (daybook.Position, error) {
	in := &fetcher{unsynced: v.unsynced}
	for i := range v.segments {
		p, err := v.atVersionIn(i, in, stream, version)
		if err != nil || p > 0 {
			return p, err
		}
	}
	return 0, nil
}

// atVersionIn does that in the i-th segment.
func (v *view) atVersionIn(i int, in *fetcher, stream string, version daybook.Version) (daybook.Position, error) {
	seg, end := v.segments[i], v.endOf(i)
	ix, err := seg.terms()
	if err != nil {
		return 0, err
	}
	hash := term.Hash(term.Stream, stream)
	last, err := ix.Newest(hash, posting(end), make([]uint32, 0, 1))
	if err != nil || len(last) == 0 {
		return 0, err
	}
	if _, e, err := in.event(seg, last[0], end); err != nil {
		return 0, err
	} else if string(e.Stream()) == stream && e.Version() < version {
		return 0, nil // and so are those before it
	}
	postings, err := ix.Postings(hash, 0, posting(end), nil)
	if err != nil {
		return 0, err
	}

	// Versions rise with postings. Those of another stream with the same number are
	// passed over.
	var found daybook.Position
	var failed error
	n := sort.Search(len(postings), func(n int) bool {
		for ; n < len(postings) && failed == nil; n++ {
			f, e, err := in.event(seg, postings[n], end)
			if err != nil {
				failed = err
			} else if string(e.Stream()) == stream {
				if e.Version() >= version {
					found = positionOf(f, e)
				}
				return e.Version() >= version
			}
		}
		return true
	})
	if failed != nil || n == len(postings) {
		return 0, failed
	}
	return found, nil
}
