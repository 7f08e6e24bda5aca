package jsonlines_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
)

var (
	id   = uuid.MustParse("01930000-0000-7000-8000-000000000001")
	noon = time.Date(2026, 11, 21, 12, 0, 0, 1, time.UTC)
)

// nasty are data that careless software changes, and whether a line can hold them as
// they are.
var nasty = []struct {
	name, data string
	asJSON     bool
}{
	{"spaces", `{ "a" :  1 ,	"b":[ ] }`, true},
	{"duplicate keys", `{"a":1,"a":2,"A":3}`, true},
	{"markup", `{"html":"<b>&amp;</b>","quoted":"\u003cb\u003e"}`, true},
	{"line separators", "{\"s\":\"a\u2028b\u2029c\",\"escaped\":\"\\u2028\"}", true},
	{"numbers beyond 2^53", `[9007199254740993,123456789012345678901234567890,1e400,-0,1.0,1E+2]`, true},
	{"order of keys", `{"z":1,"a":2,"m":3}`, true},
	{"odd escapes", `"\/\b\u0041\u00e9é\uD83D\uDE00😀\u0000"`, true},
	{"half a surrogate pair", `"\ud800"`, true},
	{"a scalar", `null`, true},
	{"an empty string", `""`, true},
	{"depth that a line can hold", strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999), true},
	{"brackets in strings", `"` + strings.Repeat("[", 20_000) + `\"]{"`, true},
	{"depth that a line cannot hold", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), false},
	{"depth that no parser holds", strings.Repeat(`{"":`, 10_001) + "1" + strings.Repeat("}", 10_001), false},
	{"a raw line feed", "{\n}", false},
	{"a raw carriage return", "[1,\r2]", false},
	{"a leading space", " {}", false},
	{"a trailing space", "{}\t", false},
	{"a line feed at the end", "{}\n", false},
	{"a byte order mark", "\ufeff{}", false},
	{"bytes that are not UTF-8", "\"\xff\"", false},
	{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", false},
	{"two values", "{}{}", false},
	{"no value", "{", false},
	{"a number that is not JSON", "01", false},
	{"a zero byte", "\x00", false},
	{"binary", "\x00\x01\xfe\xff", false},
}

func recorded(e daybook.Event) daybook.Recorded {
	if e.ContentType == "" {
		e.ContentType = daybook.JSON
	}
	e.ID, e.Stream, e.Type = id, "order-42", "OrderPaid"
	return daybook.Recorded{Event: e, Position: 1<<63 - 1, Version: 2, RecordedAt: noon}
}

func TestDataComesBackByteForByte(t *testing.T) {
	for _, n := range nasty {
		t.Run(n.name, func(t *testing.T) {
			before := recorded(daybook.Event{Data: []byte(n.data), Metadata: []byte(n.data)})
			line := encode(t, before)
			if count := bytes.Count(line, []byte("\n")); count != 1 || line[len(line)-1] != '\n' {
				t.Fatalf("the line has %d line feeds, want one at its end: %.200q", count, line)
			}
			if embedded := bytes.Contains(line, []byte(`"data":`+n.data+`,"metadata":`+n.data)); embedded != n.asJSON {
				t.Errorf("data is written as JSON: %t, want %t: %.200s", embedded, n.asJSON, line)
			}
			after, err := jsonlines.ParseRecorded(line)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := sha256.Sum256(after.Data), sha256.Sum256([]byte(n.data)); got != want {
				t.Errorf("data came back as %.200q, want %.200q", after.Data, n.data)
			}
			if before.Digest() != after.Digest() {
				t.Errorf("the event has another digest: %s", cmp.Diff(before, after))
			}
			if again := encode(t, after); !bytes.Equal(again, line) {
				t.Errorf("the event that was read is written as\n%.200s, not as\n%.200s", again, line)
			}
		})
	}
}

func TestEverythingOfAnEventComesBack(t *testing.T) {
	whole := recorded(daybook.Event{
		Tags:        []string{"book:1984", "with \"quotes\" and \\", "читатель:ада", "<&>\u2028", "book:<"},
		ContentType: "application/x-protobuf", Data: []byte("42"), Metadata: []byte(`{"actor":"ada"}`),
		HappenedAt: time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC),
	})
	noStream := whole
	noStream.Stream, noStream.Version, noStream.HappenedAt, noStream.Data = "", 0, time.Time{}, nil
	forgotten := whole
	forgotten.Forgotten = true
	earliest, latest := whole, whole
	earliest.HappenedAt = time.Unix(0, -1<<63+1).UTC()
	latest.RecordedAt = time.Unix(0, 1<<63-1).UTC()
	vendor := whole
	vendor.ContentType, vendor.Data = "application/vnd.shop+json; charset=utf-8", []byte(`{"a":1}`)
	inNone := noStream.AsStub()
	for _, before := range []daybook.Recorded{whole, noStream, forgotten, earliest, latest, vendor, whole.AsStub(), inNone} {
		line := encode(t, before)
		after, err := jsonlines.ParseRecorded(line)
		if err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the event that came back differs (-before +after):\n%s%s", diff, line)
		}
	}
}

func TestALineLooksAsDocumented(t *testing.T) {
	r := recorded(daybook.Event{Tags: []string{"order:42", "customer:ada"}, Data: []byte(`{"cents":4200}`), Metadata: []byte(`{"actor":"ada"}`), HappenedAt: noon.Add(-time.Hour)})
	r.Position = 2
	want := `{"position":2,"id":"01930000-0000-7000-8000-000000000001","stream":"order-42","version":2,"type":"OrderPaid","tags":["order:42","customer:ada"],` +
		`"happened_at":"2026-11-21T11:00:00.000000001Z","recorded_at":"2026-11-21T12:00:00.000000001Z","data":{"cents":4200},"metadata":{"actor":"ada"}}` + "\n"
	if got := string(encode(t, r)); got != want {
		t.Errorf("the line is\n%swant\n%s", got, want)
	}
	want = `{"position":2,"id":"01930000-0000-7000-8000-000000000001","stream":"order-42","version":2,"recorded_at":"2026-11-21T12:00:00.000000001Z","forgotten":true,` +
		`"stub":{"type_hash":"` + hash(daybook.TypeName, "OrderPaid") + `","tag_hashes":["` + hash(daybook.TagName, "order:42") + `","` + hash(daybook.TagName, "customer:ada") + `"],` +
		fmt.Sprintf(`"digest":"%x"}}`, r.Digest()) + "\n"
	if got := string(encode(t, r.AsStub())); got != want {
		t.Errorf("the line of a stub is\n%swant\n%s", got, want)
	}
	line, err := jsonlines.AppendEvent([]byte("before "), daybook.Event{Type: "Noted", Data: []byte("x"), ContentType: "text/plain"})
	if want := "before " + `{"type":"Noted","content_type":"text/plain","data_base64":"eA=="}` + "\n"; err != nil || string(line) != want {
		t.Errorf("the line of an event is %s, %v, want %s", line, err, want)
	}
}

func hash(kind daybook.NameKind, name string) string {
	return fmt.Sprintf("%016x", daybook.HashName(kind, name))
}

func TestALineSaysWhatIsWrongWithIt(t *testing.T) {
	const event = `{"id":"01930000-0000-7000-8000-000000000001","type":"A","position":1,"recorded_at":"2026-11-21T12:00:00Z"`
	for _, c := range []struct{ line, want string }{
		{`[]`, `line is a list, and an object is expected`},
		{`null`, `line is null, and an object is expected`},
		{`x`, `line is not JSON at byte 1`},
		{event, `line ends in the middle of its object`},
		{event + `} {}`, `line has something behind its object`},
		{event + `},`, `line has something behind its object`},
		{event + `,}`, `line is not JSON at byte`},
		{event + ",\"tags\":[\"\xff\"]}", `line is not UTF-8 at byte 116`},
		{event + `,"Stream":"a"}`, `line: "Stream" is a field that there is not`},
		{event + `,"type":"B"}`, `line: type is there twice`},
		{event + `,"\u0074ype":"B"}`, `line: type is there twice`},
		{event + `,"stream":7}`, `line: stream is a number, and a string is expected`},
		{event + `,"stream":""}`, `line: stream is empty`},
		{event + `,"stream":"a"}`, `line: version is missing`},
		{event + `,"version":1}`, `line: version is there, and no stream`},
		{event + `,"stream":"\ud800","version":1}`, `line: stream has half of a surrogate pair`},
		{event + `,"tags":"a"}`, `line: tags is a string, and a list of strings is expected`},
		{event + `,"tags":["a",null]}`, `line: tags has an element, number 2, that is null, and a string is expected`},
		{event + `,"data":1,"data_base64":"MQ=="}`, `line: data_base64 is there besides data`},
		{event + `,"metadata":1,"metadata_base64":"MQ=="}`, `line: metadata_base64 is there besides metadata`},
		{event + `,"data_base64":"MQ"}`, `line: data_base64 is not base64`},
		{event + `,"data_base64":"MR=="}`, `line: data_base64 is not base64`},
		{event + `,"data_base64":"MQ==\n"}`, `line: data_base64 has line breaks`},
		{event + `,"data":}`, `line is not JSON at byte`},
		{event + `,"content_type":""}`, `line: content_type is empty`},
		{event + `,"happened_at":"2026-11-21"}`, `line: happened_at "2026-11-21" is not a time`},
		{event + `,"happened_at":"2026-11-21T12:00:00,5Z"}`, `is not a time`},
		{event + `,"happened_at":"2026-11-21T12:00:00.0000000001Z"}`, `is finer than nanoseconds`},
		{event + `,"happened_at":"0001-01-01T00:00:00Z"}`, `is outside 1678 to 2261`},
		{event + `,"forgotten":false}`, `line: forgotten is not true`},
		{event + `,"stub":{}}`, `line: stub has no type_hash`},
		{event + `,"stub":{"type_hash":"0"}}`, `line: stub has a field type_hash that is not 16 hexadecimal digits`},
		{event + `,"stub":{"type_hash":"00000000000000aA"}}`, `is not 16 hexadecimal digits in lower case`},
		{event + `,"stub":{"type_hash":"00000000000000aa","type_hash":"00000000000000aa"}}`, `line: stub has type_hash twice`},
		{event + `,"stub":{"type":"A"}}`, `line: stub has a field "type" that there is not`},
		{event + `,"forgotten":true,"stub":{"type_hash":"00000000000000aa","digest":"` + strings.Repeat("0", 64) + `"}}`, `line: type is there, and a stub has none`},
		{strings.Replace(event, `"position":1`, `"position":0`, 1) + `}`, `line: position 0 is not a whole number above zero`},
		{strings.Replace(event, `"position":1`, `"position":1.0`, 1) + `}`, `line: position 1.0 is not a whole number`},
		{strings.Replace(event, `"position":1`, `"position":9223372036854775808`, 1) + `}`, `and below 2^63`},
		{strings.Replace(event, `"position":1`, `"position":"1"`, 1) + `}`, `line: position is a string, and a number is expected`},
		{strings.Replace(event, `"id":"0193`, `"id":"{0193`, 1) + `}`, `is not a UUID as they are written here`},
		{`{"id":"01930000-0000-7000-8000-000000000001","type":"A","position":1}`, `line: recorded_at is missing`},
		{`{"type":"A","position":1,"recorded_at":"2026-11-21T12:00:00Z"}`, `line: id is missing`},
		{`{"id":"01930000-0000-7000-8000-000000000001","type":"A","recorded_at":"2026-11-21T12:00:00Z"}`, `line: position is missing`},
		{strings.Replace(event, `"type":"A",`, ``, 1) + `}`, `line: type is missing`},
	} {
		r, err := jsonlines.ParseRecorded([]byte(c.line))
		if wrong := (*jsonlines.LineError)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n\tgives %v, %v, want %q", c.line, r, err, c.want)
		}
	}
	if _, err := jsonlines.ParseRecorded([]byte(event + "} \t\r\n")); err != nil {
		t.Errorf("white space behind the object: %v", err)
	}
	for line, want := range map[string]string{
		event + `}`: `line: position is of an event that is recorded already`,
		`{}`:        `line: type is missing`,
	} {
		if _, err := jsonlines.ParseEvent([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s to be recorded gives %v, want %q", line, err, want)
		}
	}
}

func TestAnEventThatALineCannotSayIsRefused(t *testing.T) {
	for want, e := range map[string]daybook.Event{
		"type is missing":                         {},
		"stream is not valid UTF-8":               {Type: "A", Stream: "\xff"},
		"tags is not valid UTF-8":                 {Type: "A", Tags: []string{"a", "\xff"}},
		"happened_at is outside 1678 to 2261":     {Type: "A", HappenedAt: time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC)},
		"line is of 67108884 bytes, and 67108864": {Type: "A", Data: bytes.Repeat([]byte("7"), jsonlines.MaxLineBytes)},
	} {
		line, err := jsonlines.AppendEvent([]byte("kept"), e)
		if invalid := (*daybook.InvalidError)(nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) || string(line) != "kept" {
			t.Errorf("%.20q, %v, want %q and what was there before", line, err, want)
		}
	}
}

func TestAReaderNamesTheLine(t *testing.T) {
	const sound = `{"type":"A"}`
	long := `{"type":"A","data":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, c := range []struct {
		text   string
		events int
		want   string
	}{
		{"", 0, ""},
		{"\n\n", 0, ""},
		{sound, 1, ""},
		{"\r\n \n" + sound + "\r\n\n" + sound + "\n", 2, ""},
		{long + "\n" + long, 2, ""},
		{sound + "\n\n" + sound + "\n{\n", 2, "line 4 ends in the middle of its object"},
		{sound + "\n" + `{"type":"A","data":7`, 1, "line 2 ends in the middle of its object"},
		{sound + "\n" + `{"typ":"A"}`, 1, `line 2: "typ" is a field that there is not`},
		{sound + "\n" + strings.Repeat(" ", jsonlines.MaxLineBytes+1), 1, "line 2 is longer than 67108864 bytes"},
	} {
		events, err := collect(jsonlines.NewReader(iotest.HalfReader(strings.NewReader(c.text))))
		if got := fmt.Sprint(err); events != c.events || (c.want == "") != (err == nil) || err != nil && got != c.want {
			t.Errorf("%.60q gives %d events, %v; want %d, %q", c.text, events, err, c.events, c.want)
		}
	}
	broken := errors.New("the pipe broke")
	reader := jsonlines.NewReader(iotest.DataErrReader(iotest.ErrReader(broken)))
	if _, err := collect(reader); !errors.Is(err, broken) || !strings.Contains(err.Error(), "read line 1") {
		t.Errorf("a reader that fails gives %v, want what it said and the line", err)
	}
}

func collect(r *jsonlines.Reader) (n int, err error) {
	for _, err := range r.Events() {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func encode(t testing.TB, r daybook.Recorded) []byte {
	t.Helper()
	line, err := jsonlines.AppendRecorded(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// Whatever an event is, it comes back from its line; whatever a line is, the event that
// is read from it is written as a line that stays the same from then on.
func FuzzLines(f *testing.F) {
	for _, n := range nasty {
		if len(n.data) > 1000 {
			continue // the fuzzer would spend its time on making it smaller
		}
		f.Add([]byte(n.data), []byte(nil), "order-42", "OrderPaid", "a tag", "", int64(0))
	}
	f.Add([]byte(`{"type":"A","id":"01930000-0000-7000-8000-000000000001","position":1,"recorded_at":"2026-11-21T12:00:00+01:00","tags":["\u0041"],"data_base64":"e30="}`), []byte("{}"), "", "$", "\"", "a/b+json", int64(-1))
	f.Add([]byte(`{"id":"01930000-0000-7000-8000-000000000001","position":1,"recorded_at":"2026-11-21T12:00:00Z","forgotten":true,"stub":{"type_hash":"00000000000000aa","tag_hashes":[],"digest":"`+strings.Repeat("0", 64)+`"}}`), []byte("x"), "s", "t", "", "text/plain", int64(-1<<63+1))
	f.Fuzz(func(t *testing.T, data, metadata []byte, stream, eventType, tag, contentType string, happened int64) {
		before := daybook.Event{ID: id, Stream: stream, Type: eventType, Data: data, Metadata: metadata, ContentType: contentType}
		if tag != "" {
			before.Tags = []string{tag, tag + "x"}
		}
		if happened != 0 {
			before.HappenedAt = time.Unix(0, happened).UTC()
		}
		limits := daybook.Limits{AppendEvents: 1, AppendBytes: 16 << 20}
		if prepared, err := daybook.Prepare([]daybook.Event{before}, nil, limits); err == nil {
			before = prepared[0]
			line, err := jsonlines.AppendEvent(nil, before)
			if err != nil {
				t.Fatalf("an event that a store takes: %v", err)
			}
			after, err := jsonlines.ParseEvent(line)
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			whole := daybook.Recorded{Event: before, Position: 1, Version: 1, RecordedAt: noon}
			back := whole
			back.Event = after
			if whole.Digest() != back.Digest() {
				t.Fatalf("the event came back changed (-before +after):\n%s%s", cmp.Diff(before, after), line)
			}
		}

		r, err := jsonlines.ParseRecorded(data)
		if err != nil {
			return
		}
		line := encode(t, r)
		again, err := jsonlines.ParseRecorded(line)
		if err != nil || r.Digest() != again.Digest() {
			t.Fatalf("%v: %s\nwas written as %s", err, data, line)
		}
		if second := encode(t, again); !bytes.Equal(line, second) {
			t.Fatalf("%s\nwas written as %sand then as %s", data, line, second)
		}
	})
}
