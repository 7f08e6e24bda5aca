package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybook-es/daybook"
)

// MaxCommand is the greatest size of a command's body, in bytes, where nobody says
// otherwise: ten times what a command of a thousand parts takes.
const MaxCommand = 1 << 20

// Ask returns the query of the request's address, in which only these names may
// stand, each once: a filter that is misspelt must not silently select everything.
// An empty value is as good as none, since that is how forms send it.
func Ask(r *http.Request, names ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, Malformed.Problem("the address has a query that cannot be read: %v", err)
	}
	for name, given := range values {
		switch {
		case !slices.Contains(names, name):
			return nil, Malformed.Problem("there is no query parameter %q here; there is %s", name, strings.Join(names, ", "))
		case len(given) > 1:
			return nil, Malformed.Problem("the query parameter %q stands there %d times", name, len(given))
		}
	}
	return values, nil
}

// MediaType returns the media type of the request's body, in lower case and without
// parameters, or a problem if it is none of those taken.
func MediaType(r *http.Request, taken ...string) (string, error) {
	given := r.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(given)
	if err != nil || !slices.Contains(taken, media) {
		return "", WrongMediaType.Problem("its Content-Type is %q; what is taken is %s", given, strings.Join(taken, ", "))
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return "", WrongMediaType.Problem("its charset is %q; what is taken is UTF-8", charset)
	}
	return media, nil
}

// Decode reads one JSON object, and nothing behind it, into a struct. An unknown
// member, a member that stands there twice, invalid UTF-8 and trailing bytes are
// malformed. So is null: JavaScript writes it for an amount that it could not compute,
// and a refund without an amount gives back everything. An empty body is an empty
// object: some commands need no words.
func Decode(body io.Reader, into any) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return CutShort(err)
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		data = []byte("{}")
	}
	if err := json.Unmarshal(data, into, json.RejectUnknownMembers(true)); err != nil {
		return Malformed.Problem("%s", WhereJSON(err))
	}
	tokens := jsontext.NewDecoder(bytes.NewReader(data))
	for token, err := tokens.ReadToken(); err == nil; token, err = tokens.ReadToken() {
		if token.Kind() == 'n' {
			return Malformed.Problem("%s is null; leave out what there is not", pointer(tokens.StackPointer()))
		}
	}
	return nil
}

// CutShort says what came in the way of reading a body: it was too large, or the client
// went away or took too long, which is nothing that is wrong here.
func CutShort(err error) error {
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return err
	}
	problem := Malformed.Problem("the body ended early: %v", err)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		problem = TooSlow.Problem("not all of the body has come in time")
	}
	problem.Err = err
	return problem
}

// WhereJSON says what is wrong with a JSON text, and where.
func WhereJSON(err error) string {
	syntax, semantic := (*jsontext.SyntacticError)(nil), (*json.SemanticError)(nil)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		if errors.As(err, &syntax) {
			return fmt.Sprintf("a member stands there twice, at %s", pointer(syntax.JSONPointer))
		}
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is not JSON from byte %d on: %v", syntax.ByteOffset, syntax.Err)
	case errors.Is(err, json.ErrUnknownName):
		if errors.As(err, &semantic) {
			return fmt.Sprintf("there is no member %s here", pointer(semantic.JSONPointer))
		}
	case errors.As(err, &semantic):
		where, number := pointer(semantic.JSONPointer), semantic.JSONKind == '0'
		switch {
		case semantic.Err == nil:
			return fmt.Sprintf("%s is %s, which it cannot be", where, kindsOfJSON[semantic.JSONKind])
		case number && errors.Is(semantic.Err, strconv.ErrSyntax):
			return fmt.Sprintf("%s: %.40s is not a whole number", where, semantic.JSONValue)
		case number && errors.Is(semantic.Err, strconv.ErrRange):
			return fmt.Sprintf("%s: %.40s is beyond all numbers that are taken", where, semantic.JSONValue)
		}
		return fmt.Sprintf("%s: %v", where, semantic.Err)
	}
	return err.Error()
}

// kindsOfJSON names the Kinds of JSON value.
var kindsOfJSON = map[jsontext.Kind]string{
	'n': "null", 't': "true", 'f': "false", '"': "text", '0': "a number", '[': "an array", '{': "an object",
}

func pointer(p jsontext.Pointer) string {
	if p == "" {
		return "the whole"
	}
	return string(p)
}

// KeyOf returns the request's Idempotency-Key; empty if it has none.
func KeyOf(r *http.Request) (string, error) {
	given := r.Header.Values("Idempotency-Key")
	switch {
	case len(given) == 0:
		return "", nil
	case len(given) > 1:
		return "", Malformed.Problem("there are %d Idempotency-Keys; there can be one", len(given))
	}
	return CheckKey(given[0])
}

// CheckKey returns the key if it may be an Idempotency-Key.
func CheckKey(key string) (string, error) {
	if key == "" || len(key) > 255 {
		return "", Malformed.Problem("an Idempotency-Key has 1 to 255 characters, and this one has %d", len(key))
	}
	for _, c := range []byte(key) {
		if c < 0x20 || c > 0x7e {
			return "", Malformed.Problem("an Idempotency-Key is printable ASCII")
		}
	}
	return key, nil
}

// timeLayouts are the ways in which a moment may be written. Without a zone it is in
// UTC, and a date is its first moment.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly}

// firstYear and lastYear are those that lie whole within what 64 bits of nanoseconds
// reach.
const (
	firstYear = 1678
	lastYear  = 2261
)

// Time reads the time that stands under a name in a query; the zero time if none
// does.
func Time(asked url.Values, name string) (time.Time, error) {
	given := asked.Get(name)
	if given == "" {
		return time.Time{}, nil
	}
	for _, layout := range timeLayouts {
		t, err := time.Parse(layout, given)
		if err != nil {
			continue
		}
		if t.Year() < firstYear || t.Year() > lastYear {
			return time.Time{}, Malformed.Problem("%s is %q, and should be from %d to %d", name, given, firstYear, lastYear)
		}
		return t.UTC(), nil
	}
	return time.Time{}, Malformed.Problem("%s is %q, and should be a time such as 2017-11-24T23:59:00Z", name, given)
}

// Number reads the whole number, from least to most, that stands under a name in a
// query; otherwise without one.
func Number(asked url.Values, name string, least, most, otherwise uint64) (uint64, error) {
	given := asked.Get(name)
	if given == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(given, 10, 63)
	if err != nil || n < least || n > most {
		return 0, Malformed.Problem("%s is %q, and should be a whole number from %d to %d", name, given, least, most)
	}
	return n, nil
}

// Sentence returns an error's words as they are shown to people: without the name of
// the package, and beginning with a capital.
func Sentence(words string) string {
	for _, prefix := range []string{"daybook: ", "command: ", "invalid: ", "conflict: "} {
		words = strings.TrimPrefix(words, prefix)
	}
	return Capital(words)
}

// TokenHeader carries a consistency token: in the answer to a command, the point at
// which it stands; in a query, the point that its answer must show at least.
const TokenHeader = "Daybook-Token"

// TokenOf returns the token that the request sends, in the header or, for pages, in
// a cookie; the zero Point if it sends none.
func TokenOf(r *http.Request) (daybook.Point, error) {
	given := r.Header.Get(TokenHeader)
	if given == "" {
		return daybook.Point{}, nil
	}
	point, err := daybook.ParsePoint(given)
	if err != nil {
		return daybook.Point{}, Malformed.Problem("%s: %v", TokenHeader, err)
	}
	return point, nil
}
