package natsstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/internal/shared"
)

// A stream has three kinds of message, each on a subject of its own. FORMAT.md specifies
// them.
type subjects struct {
	stream                  string
	identity, epoch, commit string
	nodes, alive            string // prefixes of what is asked of a node
	frames                  string // what is asked of any node
}

func subjectsOf(log string) subjects {
	at := "daybook." + log + "."
	return subjects{
		stream:   "DAYBOOK_" + log,
		identity: at + "identity",
		epoch:    at + "epoch",
		commit:   at + "commit",
		nodes:    at + "node.",
		alive:    at + "alive.",
		frames:   at + "frames",
	}
}

// The headers of messages.
const (
	// headerID has an id of the message's own: who lost the answer finds by it whether the
	// message is stored.
	headerID = "Daybook-Id"
	// headerPositions has, of a commit, the position behind which its events lie, and the
	// last of them.
	headerPositions = "Daybook-Positions"
	// headerEpoch has the epoch in which a commit was made.
	headerEpoch = "Daybook-Epoch"

	// headerBytes is more than all headers of a message together.
	headerBytes = 1024
)

// An identityRecord is the first message of a stream.
type identityRecord struct {
	Format      int       `json:"format"`
	Log         uuid.UUID `json:"log"`
	Incarnation uuid.UUID `json:"incarnation"`
	Salt        uint32    `json:"salt"`
}

// format is the version of what is in a stream.
const format = 1

// An epochRecord says whose turn it is from there on.
type epochRecord struct {
	Epoch uint64 `json:"epoch"`
	// Session is the node's, since it was opened; empty if it is nobody's turn.
	Session string `json:"session"`
	// Node is its name, for people.
	Node string `json:"node"`
	// From is the last position that was committed before.
	From daybook.Position `json:"from"`
	// Stamp is a time, in nanoseconds since 1970, at or before which nothing is recorded
	// any more.
	Stamp int64 `json:"stamp"`

	seq uint64 // in the stream
}

func (e epochRecord) holder() string {
	if e.Session == "" {
		return "nobody"
	}
	return e.Node
}

// decodeStrict reads JSON that was written by this package, and nothing else.
func decodeStrict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the value")
	}
	return nil
}

func encodeJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("natsstore: encode %T: %v", v, err)) // values of these types always can be
	}
	return b
}

func decodeIdentity(b []byte) (shared.Identity, error) {
	var r identityRecord
	if err := decodeStrict(b, &r); err != nil {
		return shared.Identity{}, fmt.Errorf("the identity of the log cannot be read: %w", err)
	}
	if r.Format != format {
		return shared.Identity{}, fmt.Errorf("the log is of format %d, and this program reads %d", r.Format, format)
	}
	return shared.Identity{Log: r.Log, Incarnation: r.Incarnation, Salt: r.Salt}, nil
}

func decodeEpoch(seq uint64, b []byte) (epochRecord, error) {
	var r epochRecord
	if err := decodeStrict(b, &r); err != nil {
		return r, &daybook.CorruptError{Where: fmt.Sprintf("message %d of the stream", seq), Err: fmt.Errorf("it is no epoch: %w", err)}
	}
	r.seq = seq
	return r, nil
}

// A commit is a message with frames: all positions that there are in (after, last].
type commit struct {
	seq         uint64
	after, last daybook.Position
	frames      []byte
}

func positionsHeader(after, last daybook.Position) string {
	return fmt.Sprintf("%d-%d", after, last)
}

func decodeCommit(seq uint64, header nats.Header, frames []byte) (commit, error) {
	c := commit{seq: seq, frames: frames}
	after, last, _ := strings.Cut(header.Get(headerPositions), "-")
	a, err := strconv.ParseUint(after, 10, 64)
	l, other := strconv.ParseUint(last, 10, 64)
	if err := errors.Join(err, other); err != nil || l <= a {
		return c, &daybook.CorruptError{Where: fmt.Sprintf("message %d of the stream", seq), Err: fmt.Errorf("it has positions %q, which cannot be", header.Get(headerPositions))}
	}
	c.after, c.last = daybook.Position(a), daybook.Position(l)
	return c, nil
}
