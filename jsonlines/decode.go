package jsonlines

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// ParseEvent reads the line of an event that is to be recorded. The line feed may be
// there or not. What is wrong with a line is a [*LineError]. Whether names, tags and
// sizes are such that a store takes them, its Append tells.
//
// The event shares nothing with the line. Its content type is set.
func ParseEvent(line []byte) (daybook.Event, error) {
	var p parser
	r, err := p.parse(line, false)
	return r.Event, err
}

// ParseRecorded reads the line of a recorded event, as [ParseEvent] does.
func ParseRecorded(line []byte) (daybook.Recorded, error) {
	var p parser
	return p.parse(line, true)
}

// A LineError says what is wrong with a line.
type LineError struct {
	// Line is the number of the line, counted from one; zero if it stands for itself.
	Line int
	// Field is the field that is wrong, or empty if it is the line as a whole.
	Field string
	// Reason says what is wrong, as the end of a sentence that begins with the field, or
	// with the line.
	Reason string
}

func (e *LineError) Error() string {
	where := "line"
	if e.Line > 0 {
		where = fmt.Sprintf("line %d", e.Line)
	}
	if e.Field == "" {
		return where + " " + e.Reason
	}
	return fmt.Sprintf("%s: %s %s", where, e.Field, e.Reason)
}

// The fields of a line. Those from position on are only those of recorded events.
const (
	fieldID = iota
	fieldStream
	fieldType
	fieldTags
	fieldHappenedAt
	fieldContentType
	fieldData
	fieldDataBase64
	fieldMetadata
	fieldMetadataBase64
	fieldPosition
	fieldVersion
	fieldRecordedAt
	fieldForgotten
	fieldStub
)

var fieldNames = []string{
	"id", "stream", "type", "tags", "happened_at", "content_type", "data", "data_base64", "metadata", "metadata_base64",
	"position", "version", "recorded_at", "forgotten", "stub",
}

// A fields value is a set of fields.
type fields uint32

func (f fields) has(field int) bool { return f&(1<<field) != 0 }

// A parser reads lines. It may be used for one after the other.
type parser struct {
	buffer  bytes.Buffer
	decoder *jsontext.Decoder
}

// parse reads one line.
func (p *parser) parse(line []byte, recorded bool) (daybook.Recorded, error) {
	var r daybook.Recorded
	if len(bytes.TrimSuffix(line, []byte("\n"))) > MaxLineBytes {
		return r, &LineError{Reason: fmt.Sprintf("is longer than %d bytes", MaxLineBytes)}
	}
	if i := invalidUTF8(line); i >= 0 {
		return r, &LineError{Reason: fmt.Sprintf("is not UTF-8 at byte %d", i+1)}
	}
	p.reset(line)
	if kind := p.decoder.PeekKind(); kind != '{' && kind != 0 {
		return r, &LineError{Reason: fmt.Sprintf("is %s, and an object is expected", kinds[kind])}
	}
	if _, err := p.decoder.ReadToken(); err != nil {
		return r, notJSON(err)
	}

	var there fields
	for p.decoder.PeekKind() != '}' {
		quoted, err := p.decoder.ReadValue()
		if err != nil {
			return r, notJSON(err)
		}
		field, err := parseField(quoted)
		if err != nil {
			return r, err
		}
		name := fieldNames[field]
		if there.has(field) {
			return r, &LineError{Field: name, Reason: "is there twice"}
		}
		if !recorded && field >= fieldPosition {
			return r, &LineError{Field: name, Reason: "is of an event that is recorded already; such lines are imported, not appended"}
		}
		there |= 1 << field
		if err := set(&r, field, p.decoder); err != nil {
			if isSyntax(err) {
				return r, notJSON(err)
			}
			return r, &LineError{Field: name, Reason: err.Error()}
		}
	}
	if _, err := p.decoder.ReadToken(); err != nil {
		return r, notJSON(err)
	}
	if _, err := p.decoder.ReadToken(); err != io.EOF {
		return r, &LineError{Reason: fmt.Sprintf("has something behind its object, at byte %d", p.decoder.InputOffset())}
	}
	if err := complete(&r, there, recorded); err != nil {
		return r, err
	}
	return r, nil
}

// reset makes the decoder read a line.
func (p *parser) reset(line []byte) {
	p.buffer = *bytes.NewBuffer(line)
	if p.decoder == nil {
		p.decoder = jsontext.NewDecoder(&p.buffer, grammar...)
		return
	}
	p.decoder.Reset(&p.buffer, grammar...)
}

// parseField returns the field that a name in quotation marks names.
func parseField(quoted jsontext.Value) (int, error) {
	for field, name := range fieldNames {
		if string(quoted[1:len(quoted)-1]) == name {
			return field, nil
		}
	}
	name, err := parseText(quoted) // which may have escapes
	if err != nil {
		return 0, &LineError{Field: "the name of a field", Reason: err.Error()}
	}
	field := slices.Index(fieldNames, name)
	if field < 0 {
		return 0, &LineError{Field: fmt.Sprintf("%.80q", name), Reason: "is a field that there is not"}
	}
	return field, nil
}

// set sets what the value of a field says, which is the next in d. The error is of d, or
// the end of a sentence that begins with the field.
func set(r *daybook.Recorded, field int, d *jsontext.Decoder) (err error) {
	switch field {
	case fieldTags:
		r.Tags, err = parseTexts(d)
		return err
	case fieldStub:
		r.Stub, err = parseStub(d)
		return err
	}
	value, err := d.ReadValue() // which is the decoder's
	if err != nil {
		return err
	}
	switch field {
	case fieldID:
		r.ID, err = parseID(value)
	case fieldStream:
		r.Stream, err = parseText(value)
	case fieldType:
		r.Type, err = parseText(value)
	case fieldHappenedAt:
		r.HappenedAt, err = parseTime(value)
	case fieldContentType:
		r.ContentType, err = parseText(value)
	case fieldData:
		r.Data = bytes.Clone(value)
	case fieldDataBase64:
		r.Data, err = parseBase64(value)
	case fieldMetadata:
		r.Metadata = bytes.Clone(value)
	case fieldMetadataBase64:
		r.Metadata, err = parseBase64(value)
	case fieldPosition:
		var n uint64
		n, err = parseNumber(value)
		r.Position = daybook.Position(n)
	case fieldVersion:
		var n uint64
		n, err = parseNumber(value)
		r.Version = daybook.Version(n)
	case fieldRecordedAt:
		r.RecordedAt, err = parseTime(value)
	case fieldForgotten:
		if string(value) != "true" {
			return errors.New("is not true, which is all it can be")
		}
		r.Forgotten = true
	}
	return err
}

// complete checks what fields there are, and sets what follows from them.
func complete(r *daybook.Recorded, there fields, recorded bool) error {
	missing := func(field int) error { return &LineError{Field: fieldNames[field], Reason: "is missing"} }
	excess := func(field int, reason string) error {
		return &LineError{Field: fieldNames[field], Reason: reason}
	}
	switch {
	case there.has(fieldData) && there.has(fieldDataBase64):
		return excess(fieldDataBase64, "is there besides data")
	case there.has(fieldMetadata) && there.has(fieldMetadataBase64):
		return excess(fieldMetadataBase64, "is there besides metadata")
	case there.has(fieldStream) && r.Stream == "":
		return excess(fieldStream, "is empty; an event in no stream has none")
	case there.has(fieldContentType) && r.ContentType == "":
		return excess(fieldContentType, "is empty")
	}
	if recorded {
		switch {
		case !there.has(fieldID):
			return missing(fieldID)
		case !there.has(fieldPosition):
			return missing(fieldPosition)
		case !there.has(fieldRecordedAt):
			return missing(fieldRecordedAt)
		case r.Stream != "" && !there.has(fieldVersion):
			return missing(fieldVersion)
		case r.Stream == "" && there.has(fieldVersion):
			return excess(fieldVersion, "is there, and no stream")
		}
	}
	if r.Stub != nil {
		for field := fieldType; field <= fieldMetadataBase64; field++ {
			if there.has(field) {
				return excess(field, "is there, and a stub has none")
			}
		}
		if !r.Forgotten {
			return missing(fieldForgotten)
		}
		return nil
	}
	if r.Type == "" {
		return missing(fieldType)
	}
	if r.ContentType == "" {
		r.ContentType = daybook.JSON
	}
	return nil
}

func parseText(value jsontext.Value) (string, error) {
	if err := expect(value, '"', "a string"); err != nil {
		return "", err
	}
	if inside := value[1 : len(value)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return string(inside), nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", errors.New("has half of a surrogate pair, which no name can hold")
	}
	return string(text), nil
}

func parseTexts(d *jsontext.Decoder) ([]string, error) {
	var texts []string
	err := each(d, '[', "a list of strings", func() error {
		quoted, err := d.ReadValue()
		if err != nil {
			return err
		}
		text, err := parseText(quoted)
		if err != nil {
			return fmt.Errorf("has an element, number %d, that %w", len(texts)+1, err)
		}
		texts = append(texts, text)
		return nil
	})
	return texts, err
}

// each calls next at each part of the list or object that is the next in d.
func each(d *jsontext.Decoder, kind jsontext.Kind, what string, next func() error) error {
	if d.PeekKind() != kind {
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		return expect(value, kind, what)
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for kind := d.PeekKind(); kind != ']' && kind != '}'; kind = d.PeekKind() {
		if err := next(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func parseID(value jsontext.Value) (uuid.UUID, error) {
	text, err := parseText(value)
	if err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text || id == uuid.Nil {
		return uuid.Nil, fmt.Errorf("%.80q is not a UUID as they are written here: 32 hexadecimal digits in lower case, with dashes, not all zero", text)
	}
	return id, nil
}

func parseTime(value jsontext.Value) (time.Time, error) {
	text, err := parseText(value)
	if err != nil {
		return time.Time{}, err
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil || strings.Contains(text, ",") { // which it takes for a point
		return time.Time{}, fmt.Errorf("%.80q is not a time such as 2006-01-02T15:04:05Z", text)
	}
	if decimals(text) > 9 {
		return time.Time{}, fmt.Errorf("%.80q is finer than nanoseconds", text)
	}
	if outside(t) {
		return time.Time{}, fmt.Errorf("%.80q is outside 1678 to 2261", text)
	}
	return t.UTC(), nil
}

// decimals returns the number of digits behind the point of a time.
func decimals(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	return len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
}

func parseNumber(value jsontext.Value) (uint64, error) {
	if err := expect(value, '0', "a number"); err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%.80s is not a whole number above zero and below 2^63", value)
	}
	return n, nil
}

func parseBase64(value jsontext.Value) ([]byte, error) {
	text, err := parseText(value)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(text, "\r\n") { // which the decoder would pass over
		return nil, errors.New("has line breaks, which base64 has not here")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("is not base64: %w", err)
	}
	return b, nil
}

func parseStub(d *jsontext.Decoder) (*daybook.Stub, error) {
	stub := new(daybook.Stub)
	there := make(map[string]bool)
	err := each(d, '{', "an object", func() error {
		quoted, err := d.ReadValue()
		if err != nil {
			return err
		}
		name, err := parseText(quoted)
		if err != nil {
			return err
		}
		if there[name] {
			return fmt.Errorf("has %s twice", name)
		}
		there[name] = true
		return setStub(stub, name, d)
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"type_hash", "digest"} {
		if !there[name] {
			return nil, fmt.Errorf("has no %s", name)
		}
	}
	return stub, nil
}

func setStub(stub *daybook.Stub, name string, d *jsontext.Decoder) error {
	digits := make([]string, 1)
	var err error
	if name == "tag_hashes" {
		digits, err = parseTexts(d)
	} else {
		var value jsontext.Value
		if value, err = d.ReadValue(); err == nil {
			digits[0], err = parseText(value)
		}
	}
	if err != nil {
		return fmt.Errorf("has a field %s that %w", name, err)
	}
	switch name {
	case "type_hash":
		stub.TypeHash, err = parseHash(digits[0])
	case "tag_hashes":
		for _, d := range digits {
			var hash uint64
			if hash, err = parseHash(d); err != nil {
				break
			}
			stub.TagHashes = append(stub.TagHashes, hash)
		}
	case "digest":
		var digest []byte
		if digest, err = parseHex(digits[0], len(stub.Digest)); err == nil {
			copy(stub.Digest[:], digest)
		}
	default:
		return fmt.Errorf("has a field %.80q that there is not", name)
	}
	if err != nil {
		return fmt.Errorf("has a field %s that %w", name, err)
	}
	return nil
}

func parseHash(digits string) (uint64, error) {
	if _, err := parseHex(digits, 8); err != nil {
		return 0, err
	}
	return strconv.ParseUint(digits, 16, 64)
}

func parseHex(digits string, size int) ([]byte, error) {
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != size || strings.ToLower(digits) != digits {
		return nil, fmt.Errorf("is not %d hexadecimal digits in lower case", 2*size)
	}
	return b, nil
}

// kinds are the kinds of JSON value in plain words.
var kinds = map[jsontext.Kind]string{'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number", '{': "an object", '[': "a list"}

// expect returns an error if a value is not of a kind.
func expect(value jsontext.Value, kind jsontext.Kind, what string) error {
	if value.Kind() != kind {
		return fmt.Errorf("is %s, and %s is expected", kinds[value.Kind()], what)
	}
	return nil
}

// isSyntax reports whether an error is the decoder's.
func isSyntax(err error) bool {
	syntax := (*jsontext.SyntacticError)(nil)
	return errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// notJSON says where and why a line is not JSON.
func notJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &LineError{Reason: "ends in the middle of its object"}
	}
	if syntax := (*jsontext.SyntacticError)(nil); errors.As(err, &syntax) {
		return &LineError{Reason: fmt.Sprintf("is not JSON at byte %d: %v", syntax.ByteOffset+1, syntax.Err)}
	}
	return &LineError{Reason: fmt.Sprintf("is not JSON: %v", err)}
}

// invalidUTF8 returns where b is not UTF-8, or -1.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
