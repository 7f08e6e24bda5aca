package projection

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/daybook-es/daybook"
)

// ByStream returns the key of most views: an event's stream, so that the events of one
// stream are applied in order. An event in no stream is a key of its own, its id.
func ByStream(e daybook.Recorded) []string {
	if e.Stream == "" {
		return []string{e.ID.String()}
	}
	return []string{e.Stream}
}

// ByTag returns a function for the Keys of a view: the key of an event is its first tag
// that begins with this prefix, such as "book:". An event without such a tag has the
// key that [ByStream] gives it.
func ByTag(prefix string) func(daybook.Recorded) []string {
	return func(e daybook.Recorded) []string {
		for _, tag := range e.Tags {
			if strings.HasPrefix(tag, prefix) {
				return []string{tag}
			}
		}
		return ByStream(e)
	}
}

// partOf returns the part of a view that an event with these keys belongs to. The part
// of a key is its 64-bit FNV-1a hash, modulo the number of parts.
func partOf(keys []string, parts int) (int, error) {
	if len(keys) == 0 {
		return 0, errors.New("it has no key")
	}
	if parts == 1 {
		return 0, nil
	}
	part := -1
	for _, key := range keys {
		h := fnv.New64a()
		_, _ = h.Write([]byte(key)) // never fails
		switch of := int(h.Sum64() % uint64(parts)); {
		case part < 0:
			part = of
		case part != of:
			return 0, fmt.Errorf("its keys %q belong to several of %d parts; make it one part, in another version", keys, parts)
		}
	}
	return part, nil
}
