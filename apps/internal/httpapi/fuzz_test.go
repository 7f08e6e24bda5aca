package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	json "github.com/go-json-experiment/json"

	"github.com/daybook-es/daybook"
)

// A bought is a command with something of every kind that commands have.
type bought struct {
	Total    int64               `json:"total,omitempty"`
	Method   string              `json:"method,omitempty"`
	Gift     bool                `json:"gift,omitempty"`
	Customer struct{ ID string } `json:"customer,omitzero"`
	Lines    []struct {
		Product  string `json:"product"`
		Quantity int64  `json:"quantity"`
	} `json:"lines,omitempty"`
}

// What is taken for a command is one: it is valid JSON without anything that nobody reads,
// and says the same when it is written again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"total": 100}`, `{"total": 1e2}`, `{"total": 1.5}`, `{"total": "1"}`, `{"total": 1, "total": 2}`, `{"Total": 1}`, `{"gift": null}`,
		`{"method": "\ud83d\ude00\u0000"}`, `{"method": "\ud800"}`, "{\"method\": \"\xff\"}", `{"customer": {"ID": "ada"}}`,
		`{"lines": [{"product": "lamp", "quantity": 9223372036854775808}]}`, `{"lines": [[[[]]]]}`, `null`, `[]`, `{} {}`, "\xef\xbb\xbf{}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c, again bought
		if err := Decode(strings.NewReader(text), &c); err != nil {
			if ProblemOf(err).Status >= 500 {
				t.Fatalf("%q is our mistake: %v", text, err)
			}
			return
		}
		if strings.TrimSpace(text) != "" && !utf8.ValidString(text) {
			t.Fatalf("%q is taken, and is no UTF-8", text)
		}
		written, err := json.Marshal(c)
		if err != nil {
			t.Fatalf("%q is taken for %+v, which cannot be written: %v", text, c, err)
		}
		if err := Decode(strings.NewReader(string(written)), &again); err != nil {
			t.Fatalf("%q is written as %s, which is not taken: %v", text, written, err)
		}
		if twice, _ := json.Marshal(again); string(twice) != string(written) {
			t.Fatalf("%q is written as %s, and that as %s", text, written, twice)
		}
	})
}

// A form is read or refused, and what is shown again of it is what was in it.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "total=1.00", "key=k&quantity=2", "a=1;b=2", "a=%zz", "quantity=%39%39%39%39%39%39%39%39%39%39%39%39%39%39%39%39%39%39%39%39", "key=%00", "key=%ff&key=b", "&&&=&=", "gift=on&gift="} {
		f.Add(seed)
	}
	s := NewServer("test", Options{})
	f.Fuzz(func(t *testing.T, form string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
		r.Header.Set("Content-Type", FormBody)
		var quantity int64
		var name string
		sent, err := s.Receive(httptest.NewRecorder(), r, new(bought), func(f *Fields) { quantity, name = f.Number("quantity"), f.Text("name") })
		values, wrong := url.ParseQuery(form)
		switch {
		case err != nil && ProblemOf(err).Status >= 500:
			t.Fatalf("%q is our mistake: %v", form, err)
		case err == nil && wrong != nil:
			t.Fatalf("%q is taken, and is no form: %v", form, wrong)
		case err != nil:
			return
		}
		if name != strings.TrimSpace(values.Get("name")) || sent.Envelope.Key != values.Get("key") || quantity != 0 && values.Get("quantity") == "" {
			t.Fatalf("%q is read as name %q, key %q, quantity %d", form, name, sent.Envelope.Key, quantity)
		}
		if again := (&RefusedForm{Values: sent.Form}).Was("name", "?"); values.Has("name") && again != values.Get("name") {
			t.Fatalf("of %q is shown again %q", form, again)
		}
	})
}

// The headers and the query of a request are read or refused, whatever is in them.
func FuzzHeaders(f *testing.F) {
	f.Add(`"1.x"`, "k", "text/html", "application/json; charset=utf-8", "after=1&limit=2&as_of=2017-11-24", "")
	f.Add(`W/"1"`, "\x00", "*/*;q=0", "application/json;;", "limit=-1", "x")
	f.Add(`*`, strings.Repeat("k", 256), "a/b;q=2", "multipart/form-data", "as_of=0000-01-01T00:00:00Z", daybook.Point{Position: 7}.String())
	f.Add(`"`, "ä", ";q", "", "%zz", strings.Repeat("A", 100))
	f.Fuzz(func(t *testing.T, tag, key, accept, media, query, token string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		for name, value := range map[string]string{"If-Match": tag, "If-None-Match": tag, "Idempotency-Key": key, "Accept": accept, "Content-Type": media, TokenHeader: token, CorrelationHeader: key} {
			r.Header.Set(name, value)
		}
		mistake := func(what string, err error) {
			if err != nil && ProblemOf(err).Status >= 500 {
				t.Errorf("%s is our mistake: %v", what, err)
			}
		}
		if is, good := Unquoted(tag); good && Quoted(is) != tag {
			t.Errorf("the tag %q is read as %q", tag, is)
		}
		asked := daybook.Version(0)
		_, err := IfMatch(tag, "thing", "thing-1", func(v daybook.Version) (string, error) { asked = v; return "", nil })
		mistake("If-Match", err)
		if err == nil && strings.TrimSpace(tag) != "*" {
			t.Errorf("If-Match %q holds of version %d, which has no tag", tag, asked)
		}
		Unchanged(httptest.NewRecorder(), r, "1.x")
		if got, err := KeyOf(r); err == nil && got != key {
			t.Errorf("the key %q is read as %q", key, got)
		} else {
			mistake("the key", err)
		}
		if correlation := correlationOf(r); len(correlation) > 64 || strings.ContainsAny(correlation, "\r\n\x00") {
			t.Errorf("the correlation is %q", correlation)
		}
		Wanted(r)
		_, err = MediaType(r, JSONBody, FormBody)
		mistake("the media type", err)
		point, err := TokenOf(r)
		mistake("the token", err)
		if err == nil && !point.IsZero() {
			if again, err := daybook.ParsePoint(point.String()); err != nil || again != point {
				t.Errorf("the token %q is %v, and that %v, %v", token, point, again, err)
			}
		}
		values, err := Ask(r, "after", "limit", "as_of")
		mistake("the query", err)
		if err != nil {
			return
		}
		n, err := Number(values, "limit", 1, 100, 20)
		mistake("a number", err)
		if err == nil && (n < 1 || n > 100) {
			t.Errorf("limit %q is %d", values.Get("limit"), n)
		}
		at, err := Time(values, "as_of")
		mistake("a time", err)
		if err == nil && !at.IsZero() && !time.Unix(0, at.UnixNano()).Equal(at) {
			t.Errorf("as_of %q is %v, which 64 bits do not hold", values.Get("as_of"), at)
		}
	})
}
