package pgstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A row is an event as it is kept.
type row struct {
	daybook.Recorded
	elsewhere bool // a stub that was restored as one
	bytes     int  // that it takes, about
}

// names keeps names that come again and again, such as types, so that not each event has
// copies of its own.
type names map[string]string

func (n names) of(b []byte) string {
	if s, known := n[string(b)]; known {
		return s
	}
	s := string(b)
	if len(n) < 1000 {
		n[s] = s
	}
	return s
}

// eventOf reads the columns of an event in PostgreSQL's binary format. What it returns
// shares no memory with them.
func eventOf(v [][]byte, known names) (r row, err error) {
	if len(v) != 13 || len(v[0]) != 8 || len(v[1]) != 8 || len(v[4]) != 16 {
		return row{}, errors.New("a row of daybook_event has other columns than this version knows")
	}
	r.Position = daybook.Position(int8Of(v[0]))
	r.RecordedAt = timeOf(int8Of(v[1]))
	if len(v[2]) == 8 {
		r.Version = daybook.Version(int8Of(v[2]))
	}
	if len(v[3]) == 8 {
		r.HappenedAt = timeOf(int8Of(v[3]))
	}
	r.ID = uuid.UUID(v[4])
	r.Stream = string(v[7])
	tags, err := textsOf(v[8], known)
	if err != nil {
		return row{}, fmt.Errorf("the tags of position %d: %w", r.Position, err)
	}
	r.bytes = 200 + len(v[8]) + len(v[10]) + len(v[11])
	if len(v[5]) == 2 {
		return r, r.stub(string(v[6]), tags, v[12], binary.BigEndian.Uint16(v[5]) == 0)
	}
	r.Type, r.Tags, r.ContentType = known.of(v[6]), tags, daybook.JSON
	if v[9] != nil {
		r.ContentType = known.of(v[9])
	}
	if len(v[10])+len(v[11]) > 0 {
		both := make([]byte, len(v[10])+len(v[11]))
		r.Metadata = both[:copy(both, v[10]):len(v[10])]
		r.Data = both[len(v[10]):]
		copy(r.Data, v[11])
	}
	return r, nil
}

// stub makes the row that of a stub.
func (r *row) stub(typ string, tags []string, digest []byte, elsewhere bool) (err error) {
	stub := new(daybook.Stub)
	if stub.TypeHash, err = hashOf(typ); err == nil && len(digest) != len(stub.Digest) {
		err = fmt.Errorf("its digest has %d bytes", len(digest))
	}
	for _, tag := range tags {
		hash, wrong := hashOf(tag)
		err = errors.Join(err, wrong)
		stub.TagHashes = append(stub.TagHashes, hash)
	}
	if err != nil {
		return fmt.Errorf("the stub of position %d: %w", r.Position, err)
	}
	copy(stub.Digest[:], digest)
	r.Recorded.Stub, r.elsewhere = stub, elsewhere
	return nil
}

func int8Of(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

// textsOf reads an array of texts: dimensions, whether there are nulls, the type of the
// elements, for the one dimension its length and where it begins, and then each element
// behind its length.
func textsOf(b []byte, known names) ([]string, error) {
	if len(b) == 12 && binary.BigEndian.Uint32(b) == 0 {
		return nil, nil
	}
	if len(b) < 20 || binary.BigEndian.Uint32(b) != 1 {
		return nil, errors.New("they are no array of one dimension")
	}
	texts := make([]string, binary.BigEndian.Uint32(b[12:]))
	b = b[20:]
	for i := range texts {
		if len(b) < 4 || len(b)-4 < int(binary.BigEndian.Uint32(b)) {
			return nil, errors.New("the array ends early")
		}
		n := int(binary.BigEndian.Uint32(b))
		texts[i] = known.of(b[4 : 4+n])
		b = b[4+n:]
	}
	return texts, nil
}
