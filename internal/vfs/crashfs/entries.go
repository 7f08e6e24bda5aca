package crashfs

import (
	"slices"
	"strings"
)

// entries is the names in a directory, sorted. It is never changed, only replaced, so that copies may share it.
type entries []entry

type entry struct {
	name string
	node int32
}

func (es entries) search(name string) (int, bool) {
	return slices.BinarySearchFunc(es, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
}

func (es entries) get(name string) (int32, bool) {
	i, ok := es.search(name)
	if !ok {
		return 0, false
	}
	return es[i].node, true
}

// with returns the entries with a name that stands for a node, whatever it stood for before.
func (es entries) with(name string, node int32) entries {
	i, ok := es.search(name)
	if ok {
		es = slices.Clone(es)
		es[i].node = node
		return es
	}

	out := make(entries, 0, len(es)+1)
	out = append(out, es[:i]...)
	out = append(out, entry{name, node})
	return append(out, es[i:]...)
}

// without returns the entries without a name.
func (es entries) without(name string) entries {
	i, ok := es.search(name)
	if !ok {
		return es
	}

	out := make(entries, 0, len(es)-1)
	out = append(out, es[:i]...)
	return append(out, es[i+1:]...)
}
