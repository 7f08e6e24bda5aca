package webhook_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/publish/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// message is what these tests send.
func message() publish.Message {
	id := uuid.MustParse("01930000-0000-7000-8000-000000000001")
	return publish.Message{ID: id, Key: "order-42", Attempt: 3, Recorded: daybook.Recorded{
		Event:    daybook.Event{ID: id, Stream: "order-42", Type: "OrderPaid", Tags: []string{"a:ö"}, Data: []byte(`{"cents": 4200, "cents": 1}`)},
		Position: 7, Version: 2, RecordedAt: time.Date(2026, 11, 21, 12, 0, 0, 1, time.UTC),
	}}
}

// serve starts a receiver, and a sink for it.
func serve(t *testing.T, secrets []webhook.Secret, answer http.HandlerFunc) *webhook.Sink {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return sink(t, server.URL+"/events?token=hush", secrets, &webhook.Options{Allow: loopback, AllowHTTP: true})
}

func sink(t *testing.T, url string, secrets []webhook.Secret, o *webhook.Options) *webhook.Sink {
	t.Helper()
	s, err := webhook.New(url, secrets, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestAnEventIsPostedSigned(t *testing.T) {
	secret := webhook.NewSecret()
	var got *http.Request
	var body []byte
	s := serve(t, []webhook.Secret{webhook.NewSecret(), secret}, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	m := message()
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if id, err := webhook.Verify(got.Header, body, time.Now(), secret); err != nil || id != m.ID.String() {
		t.Errorf("verified as %q, %v", id, err)
	}
	if got.Method != "POST" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Daybook-Attempt") != "3" || got.Header.Get("User-Agent") != "daybook-webhook" || got.Header.Get("Accept-Encoding") != "" {
		t.Errorf("%s with %v", got.Method, got.Header)
	}
	for read, err := range jsonlines.NewReader(bytes.NewReader(body)).Recorded() {
		if err != nil || read.Digest() != m.Recorded.Digest() || read.Position != m.Recorded.Position {
			t.Errorf("the body is %s, read as %+v, %v", body, read, err)
		}
	}
	if !json.Valid(body) || bytes.HasSuffix(body, []byte("\n")) {
		t.Errorf("the body is %q; want one JSON value", body)
	}
}

func TestAnswersSayWhatComesNext(t *testing.T) {
	type meaning int
	const (
		taken meaning = iota
		again
		refused
		unavailable
	)
	for _, c := range []struct {
		code   int
		header string
		want   meaning
		after  time.Duration
	}{
		{code: 200, want: taken}, {code: 201, want: taken}, {code: 204, want: taken},
		{code: 301, want: refused}, {code: 304, want: refused}, {code: 307, want: refused},
		{code: 400, want: refused}, {code: 401, want: refused}, {code: 404, want: refused}, {code: 410, want: refused}, {code: 422, want: refused},
		{code: 404, header: "5", want: refused},
		{code: 408, want: again}, {code: 425, want: again}, {code: 500, want: again}, {code: 502, want: again}, {code: 504, want: again}, {code: 599, want: again},
		{code: 500, header: "soon", want: again}, {code: 500, header: "-3", want: again},
		{code: 429, want: unavailable}, {code: 503, want: unavailable},
		{code: 429, header: "7", want: unavailable, after: 7 * time.Second},
		{code: 500, header: "7", want: unavailable, after: 7 * time.Second},
		{code: 503, header: "Mon, 01 Jan 2001 00:00:00 GMT", want: unavailable},
		{code: 503, header: "99999999999999999999", want: unavailable},
	} {
		s := serve(t, []webhook.Secret{webhook.NewSecret()}, func(w http.ResponseWriter, r *http.Request) {
			if c.header != "" {
				w.Header().Set("Retry-After", c.header)
			}
			if c.code/100 == 3 {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(c.code)
			if c.code != 204 && c.code != 304 {
				fmt.Fprint(w, "because\x1b[31m")
			}
		})
		err := s.Send(t.Context(), message())
		got := again
		var no *publish.RefusedError
		var later *publish.UnavailableError
		switch {
		case err == nil:
			got = taken
		case errors.As(err, &no):
			got = refused
		case errors.As(err, &later):
			got = unavailable
			if later.After != c.after {
				t.Errorf("%d with Retry-After %q: after %s; want %s", c.code, c.header, later.After, c.after)
			}
		}
		if got != c.want {
			t.Errorf("%d with Retry-After %q: %v", c.code, c.header, err)
		}
		if err != nil && (!strings.Contains(err.Error(), fmt.Sprint(c.code)) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%d: the error is %q; want it to say what was answered, without the URL's secrets and signs that a terminal obeys", c.code, err)
		}
	}
}

func TestADateInRetryAfterIsHonoured(t *testing.T) {
	s := serve(t, []webhook.Secret{webhook.NewSecret()}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	var later *publish.UnavailableError
	if err := s.Send(t.Context(), message()); !errors.As(err, &later) || later.After < 59*time.Minute || later.After > time.Hour {
		t.Errorf("asked to come back in an hour: %#v", err)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var inner atomic.Int32
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) }))
	defer secret.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := serve(t, []webhook.Secret{webhook.NewSecret()}, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, secret.URL, code)
		})
		var refused *publish.RefusedError
		if err := s.Send(t.Context(), message()); !errors.As(err, &refused) {
			t.Errorf("redirected with %d: %v; want it refused", code, err)
		}
	}
	if n := inner.Load(); n > 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestAnswersAreReadOnlyInPart(t *testing.T) {
	endless := func(w http.ResponseWriter) {
		chunk := bytes.Repeat([]byte("boo "), 1<<12)
		for {
			if _, err := w.Write(chunk); err != nil {
				return // the sink has had enough
			}
		}
	}
	for what, answer := range map[string]http.HandlerFunc{
		"an endless body":    func(w http.ResponseWriter, _ *http.Request) { endless(w) },
		"an endless refusal": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); endless(w) },
		"a body that is too long": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000000000")
			endless(w)
		},
		"a body that blows up": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			for range 1 << 10 {
				if _, err := zip.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
			zip.Close()
		},
		"a header that is too long": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 1000))
			}
		},
	} {
		err := serve(t, []webhook.Secret{webhook.NewSecret()}, answer).Send(t.Context(), message())
		if what == "an endless refusal" || what == "a header that is too long" {
			if err == nil || len(err.Error()) > 1000 {
				t.Errorf("%s: %v; want a short error", what, err)
			}
		} else if err != nil {
			t.Errorf("%s: %v; want it taken, as the status says", what, err)
		}
	}
}

func TestWhoeverCannotBeReachedIsUnavailable(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	encrypted := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of each handshake
	defer encrypted.Close()
	var asked atomic.Int32
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer plain.Close()

	secrets := []webhook.Secret{webhook.NewSecret()}
	for what, c := range map[string]struct {
		url     string
		options *webhook.Options
		because error
	}{
		"nobody listens":                 {url: down.URL, options: &webhook.Options{Allow: loopback, AllowHTTP: true}},
		"a certificate of nobody's":      {url: encrypted.URL, options: &webhook.Options{Allow: loopback}},
		"no TLS where it is expected":    {url: strings.Replace(plain.URL, "http", "https", 1), options: &webhook.Options{Allow: loopback}},
		"an address that is not public":  {url: plain.URL, options: &webhook.Options{AllowHTTP: true}, because: webhook.ErrForbidden},
		"a name for such an address":     {url: strings.Replace(plain.URL, "127.0.0.1", "localhost", 1), options: &webhook.Options{AllowHTTP: true}, because: webhook.ErrForbidden},
		"such an address, in other form": {url: strings.Replace(plain.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), options: &webhook.Options{AllowHTTP: true}, because: webhook.ErrForbidden},
		"another one was allowed":        {url: plain.URL, options: &webhook.Options{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}, because: webhook.ErrForbidden},
	} {
		var unavailable *publish.UnavailableError
		err := sink(t, c.url+"/?token=hush", secrets, c.options).Send(t.Context(), message())
		if !errors.As(err, &unavailable) || c.because != nil && !errors.Is(err, c.because) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v; want it unavailable, without the URL's secrets", what, err)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests came to what is not public", n)
	}

	roots := x509.NewCertPool()
	roots.AddCert(encrypted.Certificate())
	if err := sink(t, encrypted.URL, secrets, &webhook.Options{Allow: loopback, RootCAs: roots}).Send(t.Context(), message()); err != nil {
		t.Errorf("with a certificate that is known: %v", err)
	}
}

func TestASlowAnswerIsTriedAgain(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	s := sink(t, server.URL, []webhook.Secret{webhook.NewSecret()}, &webhook.Options{Allow: loopback, AllowHTTP: true, Timeout: time.Millisecond})
	err := s.Send(t.Context(), message())
	var refused *publish.RefusedError
	if err == nil || errors.As(err, &refused) {
		t.Errorf("no answer in time: %v; want it tried again", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, message()); !errors.Is(err, context.Canceled) {
		t.Errorf("the context has ended: %v", err)
	}
}

func TestAURLThatIsNotToBeSentToIsRefused(t *testing.T) {
	secrets := []webhook.Secret{webhook.NewSecret()}
	for _, url := range []string{
		"", "/events", "https:///events", "http://example.com/", "ftp://example.com/", "https://ada:hush@example.com/", "https://hush@example.com/",
		"file:///etc/passwd", "https:example.com", "https://exa mple.com/?hush", "://hush",
	} {
		if _, err := webhook.New(url, secrets, nil); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v; want an error that shows no secret", url, err)
		}
	}
	if _, err := webhook.New("https://example.com/", nil, nil); err == nil {
		t.Error("without a secret nothing is wrong")
	}
	if _, err := webhook.New("https://example.com/", []webhook.Secret{{}}, nil); err == nil {
		t.Error("with an empty secret nothing is wrong")
	}
}

// A receiver checks the signature, and remembers the ids that it has dealt with.
func ExampleVerify() {
	secret := webhook.NewSecret()
	seen := make(map[string]bool) // a table of the receiver's
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		id, err := webhook.Verify(r.Header, body, time.Now(), secret)
		if err != nil {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if !seen[id] {
			fmt.Printf("%s\n", body)
			seen[id] = true
		}
	}))
	defer receiver.Close()

	sink, err := webhook.New(receiver.URL, []webhook.Secret{secret}, &webhook.Options{
		AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, // for the example only
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	for range 2 {
		fmt.Println("sent:", sink.Send(context.Background(), message()))
	}
	// Output:
	// {"position":7,"id":"01930000-0000-7000-8000-000000000001","stream":"order-42","version":2,"type":"OrderPaid","tags":["a:ö"],"recorded_at":"2026-11-21T12:00:00.000000001Z","data":{"cents": 4200, "cents": 1}}
	// sent: <nil>
	// sent: <nil>
}
