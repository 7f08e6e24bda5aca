package httpapi

import (
	"bufio"
	"context"
	"errors"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
)

// asking is a request as a server has it from the network: from an address, at one of its own.
func asking(from, at, host string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/who", nil)
	r.RemoteAddr, r.Host = from, host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if at != "" {
		address, err := net.ResolveTCPAddr("tcp", at)
		if err != nil {
			panic(err)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(address)))
	}
	return r
}

// telling returns a server that says at /who who asks, and at /rebuild that it is done.
func telling(o Options) *Server {
	o.Logger = slog.New(slog.DiscardHandler)
	s := NewServer("test", o)
	tell := func(w http.ResponseWriter, r *http.Request) error {
		_, err := w.Write([]byte(access.Of(r.Context()).Name + " " + daybook.TraceOf(r.Context()).Actor))
		return err
	}
	s.Route([]Route{
		{Method: "GET", Path: "/who", Right: ToAsk("Who"), Handle: tell},
		{Method: "POST", Path: "/rebuild", Right: ToAdminister("Rebuild"), Handle: tell},
		{Method: "GET", Path: "/healthz", Right: Open, Handle: Healthz},
	})
	return s
}

func TestOnlyThisMachineItselfIsServedWithoutBeingAsked(t *testing.T) {
	s := telling(Options{})
	const here, there, port = "127.0.0.1:1024", "192.0.2.7:1024", "127.0.0.1:8080"
	for what, c := range map[string]struct {
		r    *http.Request
		want int
	}{
		"from here":            {asking(here, port, "localhost:8080"), http.StatusOK},
		"from here, over IPv6": {asking("[::1]:1024", "[::1]:8080", "[::1]:8080"), http.StatusOK},
		"from here, under this machine's address": {asking(here, port, port), http.StatusOK},
		"from there":                             {asking(there, "192.0.2.1:8080", "192.0.2.1:8080"), http.StatusUnauthorized},
		"from there, to here":                    {asking(there, port, port), http.StatusUnauthorized},
		"from here, by the way of there":         {asking(here, "192.0.2.1:8080", port), http.StatusUnauthorized},
		"from nowhere that is known":             {asking(here, "", port), http.StatusUnauthorized},
		"from no address":                        {asking("", port, port), http.StatusUnauthorized},
		"under another name":                     {asking(here, port, "shop.example"), http.StatusUnauthorized},
		"under another address":                  {asking(here, port, "192.0.2.1"), http.StatusUnauthorized},
		"under a name that looks like it":        {asking(here, port, "localhost.evil.example"), http.StatusUnauthorized},
		"handed on for somebody":                 {asking(here, port, port, "X-Forwarded-For", "127.0.0.1"), http.StatusUnauthorized},
		"handed on for somebody, as is standard": {asking(here, port, port, "Forwarded", "for=127.0.0.1"), http.StatusUnauthorized},
		"handed on for a name":                   {asking(here, port, port, "X-Forwarded-Host", "localhost"), http.StatusUnauthorized},
		"handed on by a proxy that says so":      {asking(here, port, port, "Via", "1.1 proxy"), http.StatusUnauthorized},
		"handed on with a real address":          {asking(here, port, port, "X-Real-IP", "127.0.0.1"), http.StatusUnauthorized},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, c.r)
		if w.Code != c.want || w.Code == http.StatusOK && w.Body.String() != "local local" {
			t.Errorf("%s it answers %d: %s", what, w.Code, w.Body)
		}
	}
	// With an authenticator, this machine is asked like everybody.
	nobody := access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) { return access.Principal{}, access.ErrNoCredential })
	w := httptest.NewRecorder()
	telling(Options{Authenticator: nobody}).ServeHTTP(w, asking(here, port, port))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("with an authenticator, from here, it answers %d", w.Code)
	}
}

func TestWhoCannotBeToldIsNotLetIn(t *testing.T) {
	away := access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) { return access.Principal{}, errors.New("nobody there") })
	nameless := access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) { return access.Principal{Roles: []string{"admin"}}, nil })
	for what, c := range map[string]struct {
		a    access.Authenticator
		path string
		want int
	}{
		"while nobody can tell":                   {away, "/who", http.StatusServiceUnavailable},
		"asked for its health, while nobody can":  {away, "/healthz", http.StatusOK},
		"an address that is none, while nobody":   {away, "/nowhere", http.StatusNotFound},
		"a principal without a name, is nobody's": {nameless, "/who", http.StatusUnauthorized},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		w := httptest.NewRecorder()
		telling(Options{Authenticator: c.a}).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s it answers %d: %s", what, w.Code, w.Body)
		}
	}
}

// full is a recorder that can write nothing down.
type full struct{}

func (full) Record(context.Context, access.Entry) error { return errors.New("the disk is full") }
func (full) Tell(context.Context, access.Entry) error   { return errors.New("the disk is full") }

func TestNothingIsAdministeredWhileTheAuditLogIsFull(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	named := access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) { return access.Principal{Name: "ada"}, nil })
	for path, want := range map[string]int{"POST /rebuild": http.StatusServiceUnavailable, "GET /who": http.StatusOK} {
		method, path, _ := strings.Cut(path, " ")
		w := httptest.NewRecorder()
		s := telling(Options{Authenticator: named, Guard: access.NewGuard(everything, &access.GuardOptions{Recorder: full{}, Logger: quiet})})
		s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != want || w.Code != http.StatusOK && strings.Contains(w.Body.String(), "ada ada") {
			t.Errorf("%s is answered %d: %s", path, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	denying := access.NewGuard(new(access.Policy), &access.GuardOptions{Recorder: full{}, Logger: quiet})
	telling(Options{Authenticator: named, Guard: denying}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/rebuild", nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("what is denied is answered %d", w.Code)
	}
}

func TestARouteWithoutAnActIsAMistake(t *testing.T) {
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "GET /new does not say which act it is") {
			t.Errorf("it says %q", said)
		}
	}()
	NewServer("test", Options{}).Route([]Route{{Method: "GET", Path: "/new", Handle: Healthz}})
}

func TestSigningInLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/orders?status=paid": "/orders?status=paid", "": "/", "orders": "/", "//evil.example": "/", "https://evil.example": "/",
		`/\evil.example`: "/", "/\t/evil.example": "/", "javascript:alert(1)": "/",
	} {
		if got := localPath(next); got != want {
			t.Errorf("after %q it leads to %q", next, got)
		}
	}
	named := access.AuthenticatorFunc(func(r *http.Request) (access.Principal, error) {
		token, err := access.Bearer(r)
		return access.Principal{Name: token}, err
	})
	s := NewServer("test", Options{Authenticator: named, Logger: slog.New(slog.DiscardHandler)})
	s.Route(s.SessionRoutes(nil))
	for secure, name := range map[bool]string{false: "test-key", true: "__Host-test-key"} {
		r := httptest.NewRequest(http.MethodPost, "http://site.example/session", strings.NewReader(url.Values{"key": {"ada"}, "next": {"//evil.example"}}.Encode()))
		r.Header.Set("Content-Type", FormBody)
		if secure {
			r = httptest.NewRequest(http.MethodPost, "https://site.example/session", strings.NewReader(url.Values{"key": {"ada"}}.Encode()))
			r.Header.Set("Content-Type", FormBody)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		cookies := w.Result().Cookies()
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" || len(cookies) != 1 {
			t.Fatalf("it answers %d, leads to %q, with %v", w.Code, w.Header().Get("Location"), cookies)
		}
		if c := cookies[0]; c.Name != name || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != secure || c.MaxAge != 0 || c.Path != "/" {
			t.Errorf("the cookie is %+v", c)
		}
	}
	// Over TLS a cookie counts for nothing that could have been set otherwise.
	for name, want := range map[string]string{"test-key": `"principal": ""`, "__Host-test-key": `"principal": "ada"`} {
		r := httptest.NewRequest(http.MethodGet, "https://site.example/session", nil)
		r.AddCookie(&http.Cookie{Name: name, Value: "ada"})
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); !strings.Contains(w.Body.String(), want) {
			t.Errorf("with the cookie %s it says %s", name, w.Body)
		}
	}
	// A form of another site signs nobody in.
	r := httptest.NewRequest(http.MethodPost, "http://site.example/session", strings.NewReader("key=eve"))
	r.Header.Set("Content-Type", FormBody)
	r.Header.Set("Origin", "http://evil.example")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || len(w.Result().Cookies()) != 0 {
		t.Errorf("another site's form is answered %d, with %v", w.Code, w.Result().Cookies())
	}
}

// A stream that has begun ends when the key that it was begun with is revoked. It is looked
// whether it is when something is told, and not with each change of a burst.
func TestALiveStreamEndsWhenItsKeyIsRevoked(t *testing.T) {
	const burst = 100
	log := uuid.New()
	at := func(n int) daybook.Point {
		return daybook.Point{Log: log, Incarnation: log, Position: daybook.Position(n)}
	}
	for each, want := range map[string]string{"event": "id: " + at(burst).String(), "change": "event: changed"} {
		t.Run(each, func(t *testing.T) {
			var revoked atomic.Bool
			var looked atomic.Int64
			key := access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) {
				looked.Add(1)
				if revoked.Load() {
					return access.Principal{}, &access.CredentialError{Kind: "key", Reason: "is revoked"}
				}
				return access.Principal{Name: "ada"}, nil
			})
			s := NewServer("test", Options{Authenticator: key, Logger: slog.New(slog.DiscardHandler), Heartbeat: time.Hour})
			changes := make(chan int)
			live := Live[int]{
				Now: func(context.Context) (daybook.Point, error) { return at(1), nil },
				Changes: func(ctx context.Context, _ daybook.Point) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						for {
							select {
							case n := <-changes:
								if !yield(n, nil) {
									return
								}
							case <-ctx.Done():
								return
							}
						}
					}
				},
				At: at,
			}
			s.Route([]Route{{Method: "GET", Path: "/live", Right: ToAsk("LiveEvents"), Long: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
				return live.Stream(s, w, r, each, "", func(int) bool { return true })
			}}})
			server := httptest.NewServer(s)
			defer server.Close()
			answer, err := http.Get(server.URL + "/live")
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			for n := range burst {
				changes <- n + 1
			}
			lines := bufio.NewScanner(answer.Body)
			for lines.Scan() && lines.Text() != want {
				// until the changes have arrived
			}
			if lines.Text() != want {
				t.Fatalf("the stream ended with %q before the key was revoked", lines.Text())
			}
			if n := looked.Load(); each == "change" && n > burst/2 {
				t.Errorf("for %d changes that are told at once it looked %d times who asks", burst, n)
			}
			revoked.Store(true)
			changes <- burst + 1
			for lines.Scan() {
				if line := lines.Text(); line == "id: "+at(burst+1).String() {
					t.Errorf("after the key was revoked it says %q", line)
				}
			}
			if lines.Err() != nil {
				t.Error(lines.Err())
			}
		})
	}
}
