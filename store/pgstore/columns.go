package pgstore

import (
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
)

// A tagging is the rows of the table of tags.
type tagging struct{ hashes, positions []int64 }

// add adds the tags of an event. Two may have one hash.
func (t *tagging) add(e *daybook.Recorded) {
	if e.Stub != nil {
		for _, hash := range e.Stub.TagHashes {
			t.hashes, t.positions = append(t.hashes, int64(hash)), append(t.positions, int64(e.Position))
		}
		return
	}
	for _, tag := range e.Tags {
		t.hashes, t.positions = append(t.hashes, tagHash(tag)), append(t.positions, int64(e.Position))
	}
}

// columnsOf returns whole events as the columns that record.sql takes, and their tags.
func columnsOf(events []daybook.Recorded) ([]any, tagging) {
	n := len(events)
	var (
		positions, stamps     = make([]int64, n), make([]int64, n)
		versions, happened    = make([]*int64, n), make([]*int64, n)
		ids                   = make([][16]byte, n)
		types, tags           = make([]string, n), make([]string, n)
		streams, contentTypes = make([]*string, n), make([]*string, n)
		metadata, data        = make([][]byte, n), make([][]byte, n)
		tagged                tagging
	)
	for i := range events {
		e := &events[i]
		positions[i], stamps[i], ids[i], types[i] = int64(e.Position), e.RecordedAt.UnixNano(), e.ID, e.Type
		if e.Stream != "" {
			version := int64(e.Version)
			versions[i], streams[i] = &version, &e.Stream
		}
		happened[i] = happenedAt(e)
		tags[i] = arrayOf(e.Tags)
		if e.ContentType != daybook.JSON {
			contentTypes[i] = &e.ContentType
		}
		if len(e.Metadata) > 0 {
			metadata[i] = e.Metadata
		}
		if data[i] = e.Data; e.Data == nil {
			data[i] = []byte{}
		}
		tagged.add(e)
	}
	return []any{positions, stamps, versions, happened, ids, types, streams, tags, contentTypes, metadata, data}, tagged
}

// restoredColumns returns events, and what is left of some, as the columns that restore.sql
// takes, and their tags.
func restoredColumns(events []daybook.Recorded) ([]any, tagging) {
	events = slices.Clone(events)
	stubs, digests := make([]*int16, len(events)), make([][]byte, len(events))
	for i := range events {
		e := &events[i]
		if e.Stub != nil {
			e.Type, e.Tags, e.ContentType = hashed(e.Stub.TypeHash), hashes(e.Stub), daybook.JSON
			stubs[i], digests[i] = new(int16), e.Stub.Digest[:]
		}
	}
	columns, tags := columnsOf(events)
	return append(columns, stubs, digests), tags
}

// happenedAt returns the time of an event as it is kept, nil where nobody said.
func happenedAt(e *daybook.Recorded) *int64 {
	if e.HappenedAt.IsZero() {
		return nil
	}
	at := e.HappenedAt.UnixNano()
	return &at
}

// quoted are the bytes that mean something in an element of an array.
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// arrayOf returns texts as PostgreSQL writes an array of them.
func arrayOf(texts []string) string {
	if len(texts) == 0 {
		return "{}"
	}
	var b strings.Builder
	for i, text := range texts {
		b.WriteString(map[bool]string{true: `{"`, false: `","`}[i == 0])
		_, _ = quoted.WriteString(&b, text) // which takes everything
	}
	b.WriteString(`"}`)
	return b.String()
}
