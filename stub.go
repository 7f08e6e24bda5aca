package daybook

import (
	"crypto/sha256"
	"slices"
	"time"
)

// A Stub is what is left of an event that was forgotten and then scavenged. Its
// [Recorded] keeps the id, stream, version, position and time of recording, so that an
// old append is still a repeat and an old condition gets the answer that it would have
// got; type, tags, data and everything else are gone, and hashes stand for them.
type Stub struct {
	// TypeHash is the [HashName] of the type.
	TypeHash uint64
	// TagHashes are those of the tags, in their order.
	TagHashes []uint64
	// Digest is that of the event as it was.
	Digest [sha256.Size]byte
}

// AsStub returns what scavenging leaves of an event; a stub is returned as it is.
func (r Recorded) AsStub() Recorded {
	if r.Stub != nil {
		return r
	}
	stub := &Stub{TypeHash: HashName(TypeName, r.Type), Digest: r.Digest()}
	for _, tag := range r.Tags {
		stub.TagHashes = append(stub.TagHashes, HashName(TagName, tag))
	}
	r.Event = Event{ID: r.ID, Stream: r.Stream}
	r.HappenedAt = time.Time{}
	r.Forgotten, r.Stub = true, stub
	return r
}

// Repeats reports whether r is what an append of e recorded: whether id, stream and
// type are the same. It is for those who implement stores.
func (r Recorded) Repeats(e Event) bool {
	if r.ID != e.ID || r.Stream != e.Stream {
		return false
	}
	if r.Stub != nil {
		return r.Stub.TypeHash == HashName(TypeName, e.Type)
	}
	return r.Type == e.Type
}

// hasType reports whether the event is of one of these types.
func (r *Recorded) hasType(types []string) bool {
	if r.Stub == nil {
		return slices.Contains(types, r.Type)
	}
	return slices.ContainsFunc(types, func(t string) bool { return HashName(TypeName, t) == r.Stub.TypeHash })
}

// hasTag reports whether the event carries a tag.
func (r *Recorded) hasTag(tag string) bool {
	if r.Stub == nil {
		return slices.Contains(r.Tags, tag)
	}
	return slices.Contains(r.Stub.TagHashes, HashName(TagName, tag))
}
