package natsstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What one node asks of another, and what it is answered: JSON, and behind that the
// events in their canonical encoding. FORMAT.md specifies both.

// A question is what is asked.
type question struct {
	// Epoch is the one that the node holds which is asked, as far as the other one knows.
	Epoch uint64 `json:"epoch"`

	// Known asks that nothing more be recorded at or before a time, in nanoseconds since
	// 1970; otherwise events are to be appended.
	Known *int64 `json:"known,omitempty"`

	Seen    daybook.Position `json:"seen,omitempty"`
	Clauses []wireClause     `json:"clauses,omitempty"`

	events []daybook.Event
}

type wireClause struct {
	Kind    daybook.ClauseKind `json:"kind"`
	Stream  string             `json:"stream,omitempty"`
	Version daybook.Version    `json:"version,omitempty"`
	Query   []wireItem         `json:"query,omitempty"`
	After   *wirePoint         `json:"after,omitempty"`
}

type wireItem struct {
	All        bool        `json:"all,omitempty"`
	IDs        []uuid.UUID `json:"ids,omitempty"`
	Streams    []string    `json:"streams,omitempty"`
	Categories []string    `json:"categories,omitempty"`
	Types      []string    `json:"types,omitempty"`
	Tags       []string    `json:"tags,omitempty"`
}

type wirePoint struct {
	Log         uuid.UUID        `json:"log"`
	Incarnation uuid.UUID        `json:"incarnation"`
	Position    daybook.Position `json:"position"`
}

func wireOf(p daybook.Point) wirePoint {
	return wirePoint{p.Log, p.Incarnation, p.Position}
}

func (p wirePoint) point() daybook.Point {
	return daybook.Point{Log: p.Log, Incarnation: p.Incarnation, Position: p.Position}
}

func wireClauses(cond daybook.Condition) []wireClause {
	clauses := make([]wireClause, len(cond))
	for i, c := range cond {
		clauses[i] = wireClause{Kind: c.Kind, Stream: c.Stream, Version: c.Version}
		for _, it := range c.Query {
			clauses[i].Query = append(clauses[i].Query, wireItem{it.IsAll(), it.IDs, it.Streams, it.Categories, it.Types, it.Tags})
		}
		if c.After != (daybook.Point{}) {
			after := wireOf(c.After)
			clauses[i].After = &after
		}
	}
	return clauses
}

func condition(clauses []wireClause) daybook.Condition {
	if len(clauses) == 0 {
		return nil
	}
	cond := make(daybook.Condition, len(clauses))
	for i, c := range clauses {
		cond[i] = daybook.Clause{Kind: c.Kind, Stream: c.Stream, Version: c.Version}
		for _, it := range c.Query {
			if it.All {
				cond[i].Query = append(cond[i].Query, daybook.All()...)
				continue
			}
			cond[i].Query = append(cond[i].Query, daybook.Item{IDs: it.IDs, Streams: it.Streams, Categories: it.Categories, Types: it.Types, Tags: it.Tags})
		}
		if c.After != nil {
			cond[i].After = c.After.point()
		}
	}
	return cond
}

// encode returns the bytes of a question: the length of the JSON in four bytes, the JSON,
// and each event behind its length in four bytes. Numbers are little-endian.
func (q question) encode() []byte {
	head := encodeJSON(q)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(head)))
	b = append(b, head...)
	for _, e := range q.events {
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		b, _ = daybook.Recorded{Event: e}.AppendBinary(b) // the error is always nil
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return b
}

var errShort = errors.New("it is shorter than its lengths say")

// cutLength returns what stands behind a length, and the rest.
func cutLength(b []byte) (part, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errShort
	}
	n := int(binary.LittleEndian.Uint32(b))
	if n > len(b)-4 {
		return nil, nil, errShort
	}
	return b[4 : 4+n], b[4+n:], nil
}

func decodeQuestion(b []byte) (q question, err error) {
	head, rest, err := cutLength(b)
	if err == nil {
		err = decodeStrict(head, &q)
	}
	for err == nil && len(rest) > 0 {
		var one []byte
		if one, rest, err = cutLength(rest); err != nil {
			break
		}
		var r daybook.Recorded
		if err = r.UnmarshalBinary(one); err != nil {
			break
		}
		if r.Position != 0 || r.Version != 0 || r.Stub != nil {
			return q, errors.New("an event that is to be appended has a place already")
		}
		q.events = append(q.events, r.Event)
	}
	if err != nil {
		return q, fmt.Errorf("a question of another node cannot be read: %w", err)
	}
	return q, nil
}

// An answer is a receipt, a position, or an error.
type answer struct {
	Receipt *wireReceipt      `json:"receipt,omitempty"`
	Known   *daybook.Position `json:"known,omitempty"`
	Error   *wireError        `json:"error,omitempty"`
}

type wireReceipt struct {
	Point wirePoint `json:"point"`
	// Versions are those of the streams of the events, in the order in which they first
	// appear.
	Versions   []daybook.Version  `json:"versions,omitempty"`
	RecordedAt int64              `json:"recorded_at,omitempty"`
	Durability daybook.Durability `json:"durability"`
	Repeated   bool               `json:"repeated,omitempty"`
}

// A wireError is an error of one of the contract's kinds with its fields.
type wireError struct {
	Kind string `json:"kind"`

	Failures []wireFailure `json:"failures,omitempty"` // of a conflict
	At       *wirePoint    `json:"at,omitempty"`

	ID       *uuid.UUID       `json:"id,omitempty"` // of one that is reused
	Position daybook.Position `json:"position,omitempty"`

	What   string `json:"what,omitempty"` // of one that is invalid; unavailable: doing; corrupt: where
	Value  string `json:"value,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// A wireFailure is a failure of the condition's clause with that number.
type wireFailure struct {
	Clause   int              `json:"clause"`
	Position daybook.Position `json:"position,omitempty"`
}

// The kinds of error. A turn is that of a node that has none, and did nothing.
const (
	kindConflict    = "conflict"
	kindReused      = "reused"
	kindInvalid     = "invalid"
	kindUnavailable = "unavailable"
	kindUnknown     = "unknown"
	kindCorrupt     = "corrupt"
	kindTurn        = "turn"
)

// streamsOf returns the streams of some events in the order in which they first appear.
func streamsOf(events []daybook.Event) []string {
	var streams []string
	seen := make(map[string]bool, len(events))
	for _, e := range events {
		if e.Stream != "" && !seen[e.Stream] {
			seen[e.Stream] = true
			streams = append(streams, e.Stream)
		}
	}
	return streams
}

func receiptAnswer(r daybook.Receipt, events []daybook.Event) answer {
	w := &wireReceipt{Point: wireOf(r.Point), Durability: r.Durability, Repeated: r.Repeated}
	if !r.RecordedAt.IsZero() {
		w.RecordedAt = r.RecordedAt.UnixNano()
	}
	for _, stream := range streamsOf(events) {
		w.Versions = append(w.Versions, r.Versions[stream])
	}
	return answer{Receipt: w}
}

// receipt returns the receipt that was answered to an append of events.
func (w *wireReceipt) receipt(events []daybook.Event) (daybook.Receipt, error) {
	r := daybook.Receipt{Point: w.Point.point(), Durability: w.Durability, Repeated: w.Repeated}
	if len(events) == 0 {
		return r, nil
	}
	r.RecordedAt = time.Unix(0, w.RecordedAt).UTC()
	streams := streamsOf(events)
	if len(streams) != len(w.Versions) {
		return r, fmt.Errorf("an answer has the versions of %d streams, and %d were written", len(w.Versions), len(streams))
	}
	r.Versions = make(map[string]daybook.Version, len(streams))
	for i, stream := range streams {
		r.Versions[stream] = w.Versions[i]
	}
	return r, nil
}

// errorAnswer returns the answer to a question that ended with an error.
func errorAnswer(err error, cond daybook.Condition) answer {
	var conflict *daybook.ConflictError
	var reused *daybook.ReusedError
	var invalid *daybook.InvalidError
	var unknown *daybook.UnknownError
	var corrupt *daybook.CorruptError
	var unavailable *daybook.UnavailableError
	w := &wireError{Kind: kindUnavailable, Reason: err.Error()}
	switch {
	case errors.As(err, &unknown): // whatever the reason is
		w = &wireError{Kind: kindUnknown, Reason: unknown.Err.Error()}
	case errors.Is(err, errTurn), errors.Is(err, daybook.ErrClosed):
		w.Kind = kindTurn
	case errors.As(err, &conflict):
		at := wireOf(conflict.At)
		w = &wireError{Kind: kindConflict, At: &at}
		next := 0
		for _, f := range conflict.Failures {
			next += slices.IndexFunc(cond[next:], func(c daybook.Clause) bool { return sameClause(c, f.Clause) })
			w.Failures = append(w.Failures, wireFailure{next, f.Position})
			next++
		}
	case errors.As(err, &reused):
		w = &wireError{Kind: kindReused, ID: &reused.ID, Position: reused.Position}
	case errors.As(err, &invalid):
		w = &wireError{Kind: kindInvalid, What: invalid.What, Value: invalid.Value, Reason: invalid.Reason}
	case errors.As(err, &corrupt):
		w = &wireError{Kind: kindCorrupt, What: corrupt.Where, Position: corrupt.Position, Reason: corrupt.Err.Error()}
	case errors.As(err, &unavailable):
		w.What, w.Reason = unavailable.Doing, unavailable.Err.Error()
	}
	return answer{Error: w}
}

func sameClause(a, b daybook.Clause) bool {
	if a.Kind != b.Kind || a.Stream != b.Stream || a.Version != b.Version || a.After != b.After {
		return false
	}
	one, _ := json.Marshal(wireClauses(daybook.Condition{a}))
	other, _ := json.Marshal(wireClauses(daybook.Condition{b}))
	return string(one) == string(other)
}

// err returns the error that was answered to an append under a condition.
func (w *wireError) err(events []daybook.Event, cond daybook.Condition) error {
	switch w.Kind {
	case kindTurn:
		return fmt.Errorf("%w: %s", errTurn, w.Reason)
	case kindConflict:
		if w.At == nil {
			return errors.New("a conflict was answered without the point at which it was found")
		}
		conflict := &daybook.ConflictError{At: w.At.point()}
		for _, f := range w.Failures {
			if f.Clause < 0 || f.Clause >= len(cond) {
				return fmt.Errorf("a conflict was answered with clause %d of %d", f.Clause, len(cond))
			}
			conflict.Failures = append(conflict.Failures, daybook.Failure{Clause: cond[f.Clause], Position: f.Position})
		}
		return conflict
	case kindReused:
		if w.ID == nil {
			return errors.New("an id was answered to be reused, and not which")
		}
		return &daybook.ReusedError{ID: *w.ID, Position: w.Position}
	case kindInvalid:
		return &daybook.InvalidError{What: w.What, Value: w.Value, Reason: w.Reason}
	case kindUnavailable:
		return &daybook.UnavailableError{Doing: w.What, Err: errors.New(w.Reason)}
	case kindUnknown:
		return daybook.Unknown(events, errors.New(w.Reason))
	case kindCorrupt:
		return &daybook.CorruptError{Where: w.What, Position: w.Position, Err: errors.New(w.Reason)}
	}
	return fmt.Errorf("an error of kind %q was answered: %s", w.Kind, w.Reason)
}
