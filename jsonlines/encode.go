package jsonlines

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// AppendEvent appends the line of an event that is to be recorded, with its line feed,
// to b. The error is a [*daybook.InvalidError], and b is returned as it was, if a line
// cannot say what the event is: it has no type, a name is not UTF-8, a time is outside
// 1678 to 2261, or the line would be longer than [MaxLineBytes].
func AppendEvent(b []byte, e daybook.Event) ([]byte, error) {
	w := writer{line: b, start: len(b)}
	w.event(&e, nil)
	return w.end()
}

// AppendRecorded appends the line of a recorded event, with its line feed, to b. It
// returns errors as [AppendEvent] does, which no event of a store leads to unless it is
// larger than any store of this module takes.
func AppendRecorded(b []byte, r daybook.Recorded) ([]byte, error) {
	w := writer{line: b, start: len(b)}
	w.event(&r.Event, &r)
	return w.end()
}

// A writer appends one line. The first thing that a line cannot say stays in err.
type writer struct {
	line  []byte
	start int
	err   *daybook.InvalidError
}

// end ends the line and returns it behind what was there.
func (w *writer) end() ([]byte, error) {
	w.line = append(w.line, '}', '\n')
	if n := len(w.line) - w.start; n > MaxLineBytes+1 {
		w.fail("line", fmt.Sprintf("is of %d bytes, and %d are allowed", n-1, MaxLineBytes))
	}
	if w.err != nil {
		return w.line[:w.start], w.err
	}
	return w.line, nil
}

func (w *writer) fail(what, reason string) {
	if w.err == nil {
		w.err = &daybook.InvalidError{What: what, Reason: reason}
	}
}

// event writes the fields of an event, and those that it has because it is recorded.
func (w *writer) event(e *daybook.Event, r *daybook.Recorded) {
	if r != nil {
		w.number("position", uint64(r.Position))
	}
	if e.ID != uuid.Nil {
		w.text("id", e.ID.String())
	}
	if e.Stream != "" {
		w.text("stream", e.Stream)
	}
	if r != nil && r.Version > 0 {
		w.number("version", uint64(r.Version))
	}
	if e.Type != "" {
		w.text("type", e.Type)
	} else if r == nil || r.Stub == nil {
		w.fail("type", "is missing")
	}
	if len(e.Tags) > 0 {
		w.texts("tags", e.Tags)
	}
	w.time("happened_at", e.HappenedAt)
	if r != nil {
		w.time("recorded_at", r.RecordedAt)
		if r.Forgotten {
			w.name("forgotten")
			w.line = append(w.line, "true"...)
		}
		if r.Stub != nil {
			w.stub(r.Stub)
		}
	}
	if e.ContentType != "" && e.ContentType != daybook.JSON {
		w.text("content_type", e.ContentType)
	}
	w.bytes("data", "data_base64", e.Data, isJSON(e.ContentType))
	w.bytes("metadata", "metadata_base64", e.Metadata, true)
}

// name begins a field.
func (w *writer) name(field string) {
	if len(w.line) == w.start {
		w.line = append(w.line, '{')
	} else {
		w.line = append(w.line, ',')
	}
	w.line = append(w.line, '"')
	w.line = append(w.line, field...)
	w.line = append(w.line, '"', ':')
}

func (w *writer) number(field string, n uint64) {
	w.name(field)
	w.line = strconv.AppendUint(w.line, n, 10)
}

func (w *writer) text(field, s string) {
	w.name(field)
	w.quote(field, s)
}

func (w *writer) texts(field string, all []string) {
	w.name(field)
	for i, s := range all {
		if i == 0 {
			w.line = append(w.line, '[')
		} else {
			w.line = append(w.line, ',')
		}
		w.quote(field, s)
	}
	w.line = append(w.line, ']')
}

func (w *writer) quote(field, s string) {
	line, err := jsontext.AppendQuote(w.line, s)
	if err != nil {
		w.fail(field, "is not valid UTF-8")
		return
	}
	w.line = line
}

func (w *writer) time(field string, t time.Time) {
	if t.IsZero() {
		return
	}
	if outside(t) {
		w.fail(field, "is outside 1678 to 2261")
		return
	}
	w.name(field)
	w.line = append(w.line, '"')
	w.line = t.UTC().AppendFormat(w.line, time.RFC3339Nano)
	w.line = append(w.line, '"')
}

// bytes writes data or metadata: as JSON if it may be and can be, else in base64.
func (w *writer) bytes(field, base64Field string, b []byte, asJSON bool) {
	switch {
	case len(b) == 0:
	case asJSON && embeddable(b):
		w.name(field)
		w.line = append(w.line, b...)
	default:
		w.name(base64Field)
		w.line = append(w.line, '"')
		w.line = base64.StdEncoding.AppendEncode(w.line, b)
		w.line = append(w.line, '"')
	}
}

func (w *writer) stub(s *daybook.Stub) {
	w.name("stub")
	w.line = fmt.Appendf(w.line, `{"type_hash":"%016x"`, s.TypeHash)
	for i, hash := range s.TagHashes {
		before := `","`
		if i == 0 {
			before = `,"tag_hashes":["`
		}
		w.line = fmt.Appendf(w.line, `%s%016x`, before, hash)
	}
	if len(s.TagHashes) > 0 {
		w.line = append(w.line, '"', ']')
	}
	w.line = append(w.line, `,"digest":"`...)
	w.line = hex.AppendEncode(w.line, s.Digest[:])
	w.line = append(w.line, '"', '}')
}

// grammar is how JSON is read: as RFC 8259 says. Keys of data may be there twice, and
// escapes may be halves of a surrogate pair; that the bytes are UTF-8 is checked beside.
var grammar = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// embeddable reports whether a line can hold b as it is, and it will be read back so.
func embeddable(b []byte) bool {
	if space(b[0]) || space(b[len(b)-1]) || bytes.IndexByte(b, '\n') >= 0 || bytes.IndexByte(b, '\r') >= 0 {
		return false
	}
	return utf8.Valid(b) && jsontext.Value(b).IsValid(grammar...) && depth(b) <= maxDepth
}

// space reports whether c is white space to JSON.
func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// depth returns how many objects and arrays are within each other at the deepest place
// of valid JSON.
func depth(value []byte) int {
	deepest, now, inside := 0, 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			inside = !inside
		case inside && c == '\\':
			i++ // the escaped character
		case inside:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// isJSON reports whether a content type says that the data is JSON.
func isJSON(contentType string) bool {
	if contentType == "" || contentType == daybook.JSON {
		return true
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == daybook.JSON || strings.HasSuffix(media, "+json")
}

// The times that 64 bits of nanoseconds since 1970 can name; the lowest value stands for
// none.
var (
	firstTime = time.Unix(0, -1<<63+1)
	lastTime  = time.Unix(0, 1<<63-1)
)

func outside(t time.Time) bool { return t.Before(firstTime) || t.After(lastTime) }
