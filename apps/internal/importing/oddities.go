package importing

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/dustin/go-humanize"
)

// Oddities count what is odd about data that is imported. The zero Oddities count, for one
// goroutine at a time.
type Oddities struct {
	counts map[string]int
}

// An Oddity is something that the data should not have, and how often it has it.
type Oddity struct {
	What  string
	Count int
}

// Count counts one case of something, if it is one.
func (o *Oddities) Count(odd bool, what string) {
	if !odd {
		return
	}
	if o.counts == nil {
		o.counts = make(map[string]int)
	}
	o.counts[what]++
}

// List returns what there was, the most frequent first.
func (o *Oddities) List() []Oddity {
	var all []Oddity
	for what, n := range o.counts {
		all = append(all, Oddity{what, n})
	}
	slices.SortFunc(all, func(a, b Oddity) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	return all
}

// WriteOdd writes what was odd, under a heading, a line each; nothing if nothing was.
func WriteOdd(w io.Writer, heading string, odd []Oddity) {
	if len(odd) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", heading)
	for _, o := range odd {
		fmt.Fprintf(w, "%9s  %s\n", humanize.Comma(int64(o.Count)), o.What)
	}
}
