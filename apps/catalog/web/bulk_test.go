package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
)

// bulk sends many products.
func (s *shop) bulk(media, body string, header ...string) sitetest.Answer {
	s.t.Helper()
	return sitetest.Ask(s.t, "POST", s.url+"/products/bulk", body, append([]string{"Content-Type", media}, header...)...)
}

// lines returns what became of each line, and of all.
func lines(t *testing.T, a sitetest.Answer) (each []lineResult, all bulkResult) {
	t.Helper()
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != linesBody {
		t.Fatalf("it is answered %d as %s: %s", a.StatusCode, a.Header.Get("Content-Type"), a.Body)
	}
	lines := json.NewDecoder(strings.NewReader(a.Body))
	lines.DisallowUnknownFields()
	for {
		var either struct {
			lineResult
			Done    *bool            `json:"done"`
			Lines   int              `json:"lines"`
			Created int              `json:"created"`
			Failed  int              `json:"failed"`
			Problem *httpapi.Problem `json:"problem"`
			Token   daybook.Point    `json:"token"`
		}
		switch err := lines.Decode(&either); {
		case err == io.EOF:
			t.Fatal("there is no last line")
		case err != nil:
			t.Fatal(err)
		case either.Done != nil:
			if lines.More() {
				t.Error("something follows the last line")
			}
			return each, bulkResult{Done: *either.Done, Lines: either.Lines, Created: either.Created, Failed: either.Failed, Problem: either.Problem}
		}
		either.lineResult.Problem = either.Problem
		each = append(each, either.lineResult)
	}
}

// recorded returns how many events the log has.
func (s *shop) recorded() daybook.Position {
	s.t.Helper()
	info, err := s.store.Info(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return info.Head.Position
}

func TestManyProductsAreCreatedLineByLine(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	s.send("/products", `{"name": "Taken", "price": 1, "sku": "T"}`)
	for media, body := range map[string]string{
		linesBody: `{"name": "Lamp", "price": 35.9, "sku": "j"}` + "\n" + `{"name": "Rope", "price":}` + "\n" + `{"name": "Nail"}` + "\n\n" +
			`{"name": "Other", "price": 1, "sku": "t"}` + "\n" + `{"name": "Debt", "price": -1}` + "\n" + `{"name": "Same", "price": 1, "sku": "J"}` + "\n" + `{"name": "Last", "price": 1}`,
		tableBody: "name,price,sku\nLamp,35.9,c\nRope,a,\nNail\nOther,1,t\nDebt,-1,\nSame,1,C\nLast,1,\n",
	} {
		each, all := lines(t, s.bulk(media, body))
		var got []string
		for _, l := range each {
			said := fmt.Sprint(l.Line, " ", l.Status, " ", l.Column)
			if l.Problem != nil {
				said += " " + l.Problem.Type + " " + l.Problem.Rule
			} else if l.Location != "/products/"+l.ID {
				t.Errorf("line %d is at %q", l.Line, l.Location)
			}
			got = append(got, strings.TrimSpace(said))
		}
		want := []string{"1 201 0", "2 400 26 /problems#malformed", "3 422 0 /problems#invalid", "5 422 0 /problems#refused one-product-per-sku",
			"6 422 0 /problems#refused never-negative", "7 422 0 /problems#refused one-product-per-sku", "8 201 0"}
		if media == tableBody {
			want = []string{"2 201 0", "3 400 6 /problems#malformed", "4 400 1 /problems#malformed", "5 422 0 /problems#refused one-product-per-sku",
				"6 422 0 /problems#refused never-negative", "7 422 0 /problems#refused one-product-per-sku", "8 201 0"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", media, diff)
		}
		if want := (bulkResult{Done: true, Lines: 7, Created: 2, Failed: 5}); all != want {
			t.Errorf("%s: in all %+v; want %+v", media, all, want)
		}
	}
}

// Whatever was cut off where, the same request sent again creates what is missing and is
// answered as if it had not been sent before; and one with more lines creates those.
func TestABulkThatIsSentAgainGoesOn(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	var body bytes.Buffer
	const products = 1_500
	for i := range products {
		fmt.Fprintf(&body, `{"name": "Product %d", "price": %d.50, "sku": "S-%d", "stock": %d}`+"\n", i, i, i, i%2)
		if i%100 == 50 {
			fmt.Fprintln(&body, `{"name": "broken"`)
		}
	}
	key := []string{"Idempotency-Key", "many"}
	// The first 700 lines arrive, and half of another.
	part := body.Bytes()[:bytes.Index(body.Bytes(), []byte(`"Product 693"`))]
	arrives, send := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/products/bulk", arrives)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", linesBody)
	r.Header.Set(key[0], key[1])
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if cut, err := http.DefaultClient.Do(r); err == nil {
			cut.Body.Close()
		}
	}()
	if _, err := send.Write(part); err != nil {
		t.Fatal(err)
	}
	until(t, "something of it is recorded", func() bool { return s.recorded() > 0 })
	send.CloseWithError(io.ErrClosedPipe)
	<-ended

	first := s.bulk(linesBody, body.String(), key...)
	_, all := lines(t, first)
	if want := (bulkResult{Done: true, Lines: products + 15, Created: products, Failed: 15}); all != want {
		t.Errorf("in all it is %+v; want %+v", all, want)
	}
	recorded := s.recorded()
	if want := daybook.Position(products + products/2); recorded != want {
		t.Errorf("%d events are recorded; want %d", recorded, want)
	}
	if again := s.bulk(linesBody, body.String(), key...); again.Body != first.Body {
		t.Errorf("again it is answered otherwise: %s", again.Body)
	}
	if s.recorded() != recorded {
		t.Errorf("again %d events are recorded; there were %d", s.recorded(), recorded)
	}
	_, longer := lines(t, s.bulk(linesBody, body.String()+`{"name": "One more", "price": 1}`, key...))
	if longer.Created != products+1 || s.recorded() != recorded+1 {
		t.Errorf("with a line more it is %+v, and %d events", longer, s.recorded())
	}
	other, _ := lines(t, s.bulk(linesBody, strings.Replace(body.String(), "Product 7\"", "Product seven\"", 1), key...))
	if p := other[7].Problem; p == nil || p.Type != "/problems#key-reused" || other[8].Status != http.StatusCreated {
		t.Errorf("a line that says something else is answered %+v", other[7])
	}

	stocked, _ := lines(t, s.bulk(linesBody, strings.Replace(body.String(), `"S-7", "stock": 1`, `"S-7", "stock": 5`, 1), key...))
	if p := stocked[7].Problem; p == nil || p.Type != "/problems#key-reused" || stocked[8].Status != http.StatusCreated {
		t.Errorf("a line that says another stock is answered %+v", stocked[7])
	}

	// Without a key it is another request, and all of these SKUs are taken.
	if _, all := lines(t, s.bulk(linesBody, body.String())); all.Created != 0 {
		t.Errorf("without its key it is %+v", all)
	}
	if page := s.get("/products?limit=1", httpapi.TokenHeader, s.now()); page.Header.Get(MatchingHeader) != fmt.Sprint(products+1) {
		t.Errorf("%s products are shown", page.Header.Get(MatchingHeader))
	}
}

// now returns the token of all that is recorded.
func (s *shop) now() string {
	info, err := s.store.Info(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return info.Head.String()
}

func TestABulkThatCannotBeReadIsAProblem(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	s.bulk("application/json", `[]`).IsProblem(t, httpapi.WrongMediaType)
	s.bulk(tableBody, "name,colour\nLamp,red\n").IsProblem(t, httpapi.Malformed)
	s.bulk(linesBody, `{}`, "Idempotency-Key", strings.Repeat("x", 256)).IsProblem(t, httpapi.Malformed)
	if each, all := lines(t, s.bulk(linesBody, "")); len(each) != 0 || !all.Done {
		t.Errorf("nothing at all is answered %v, %+v", each, all)
	}
	if _, all := lines(t, s.bulk(tableBody, "name,price\n")); !all.Done || all.Lines != 0 {
		t.Errorf("a table of nothing is answered %+v", all)
	}
}

// Every store takes what a bulk records at once, whatever its lines are full of.
func TestABulkIsRecordedInAppendsThatEveryStoreTakes(t *testing.T) {
	for _, sign := range []string{"x", `\`, `""`, "<", "\u2028", "\t"} {
		s := open(t, readmodel.Place{Dir: t.TempDir()})
		var body bytes.Buffer
		fmt.Fprintln(&body, "name,price,sku,stock,description")
		for range 600 {
			fmt.Fprintf(&body, "%s,1,,1,\"%s\"\n", strings.Repeat("n", 100), strings.Repeat(sign, 660/len(sign)))
		}
		if _, all := lines(t, s.bulk(tableBody, body.String())); !all.Done || all.Created != 600 {
			t.Fatalf("a bulk of %q is %+v", sign, all)
		}
		reading, err := s.store.Read(t.Context(), daybook.All(), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		together := map[int64]int{} // by when they were recorded
		largest := 0
		for e, err := range reading.Events() {
			if err != nil {
				t.Fatal(err)
			}
			at := e.RecordedAt.UnixNano()
			together[at] += e.Size()
			largest = max(largest, together[at])
		}
		if largest > daybook.LeastAppendBytes {
			t.Errorf("lines of %q are recorded in %d bytes at once; every store takes %d", sign, largest, daybook.LeastAppendBytes)
		}
	}
}
