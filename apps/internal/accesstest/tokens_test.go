package accesstest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/access/oidc"
	"github.com/daybook-es/daybook/access/oidc/oidctest"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/store/memstore"
)

// A minute book is a recorder that keeps what it is told.
type minutes struct {
	mu   sync.Mutex
	told []access.Entry
}

func (m *minutes) Record(context.Context, access.Entry) error { return nil }

func (m *minutes) Tell(_ context.Context, e access.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = append(m.told, e)
	return nil
}

// segments is a token of three parts that are given as text.
func segments(header, payload, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode([]byte(signature))
}

func TestEveryBadTokenIsAnsweredWith401(t *testing.T) {
	issuer, other := oidctest.Start(t), oidctest.Start(t)
	now, here := time.Now(), uuid.New()
	keys, err := apikey.Open(t.Context(), memstore.New(), &apikey.Options{Log: here, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	issue := func(key apikey.Key) (apikey.Key, string) {
		t.Helper()
		key.Name, key.Roles = "ada", []string{"admin"}
		issued, whole, err := keys.Issue(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return issued, whole
	}
	id, good := issue(apikey.Key{Log: here})
	_, elsewhere := issue(apikey.Key{Log: uuid.New()})
	_, expired := issue(apikey.Key{Until: now.Add(time.Second)})
	gone, revoked := issue(apikey.Key{})
	if err := keys.Revoke(t.Context(), gone.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	tokens, err := oidc.New(issuer.URL, []string{"shop"}, &oidc.Options{Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	book, logged := new(minutes), new(lines)
	site := httpapi.NewServer("test", httpapi.Options{
		Authenticator: access.AnyOf(keys, tokens),
		Guard: access.NewGuard(&access.Policy{Allow: []access.Rule{{Principals: []string{access.Every}, Scope: access.Scope{Ask: []string{access.Every}}}}},
			&access.GuardOptions{Log: here, Recorder: book}),
		Logger: slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	reached := 0
	site.Route([]httpapi.Route{{Method: "GET", Path: "/", Right: httpapi.ToAsk("Anything"), Handle: func(http.ResponseWriter, *http.Request) error {
		reached++
		return nil
	}}})
	server := httptest.NewServer(site)
	defer server.Close()
	ask := func(headers ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Authorization"] = headers
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	claims := func(changes map[string]any) map[string]any { return issuer.Claims(now, changes) }
	sign := func(changes map[string]any) string { return issuer.Sign("one", claims(changes)) }
	for what, token := range map[string]string{"a key": good, "a token": sign(nil)} {
		answer := ask("Bearer " + token)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s that is good is answered %s", what, answer.Status)
		}
	}
	reached = 0

	private := jose.JSONWebKey{Key: issuer.Key("one"), KeyID: "one"}
	public, err := x509.MarshalPKIXPublicKey(issuer.Key("one").Public())
	if err != nil {
		t.Fatal(err)
	}
	published := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	whole := sign(nil)
	parts := strings.Split(whole, ".")
	tampered, err := json.Marshal(claims(map[string]any{"sub": "root"}))
	if err != nil {
		t.Fatal(err)
	}
	other.Publish("one")
	bad := []struct{ what, token string }{
		{"a key with another secret", good[:len(good)-52] + strings.Repeat("a", 52)},
		{"a key under another id", strings.Replace(good, id.ID, "0123456789abcdef", 1)},
		{"a key cut short", good[:len(good)-1]},
		{"a key with more behind it", good + "a"},
		{"a key in capitals", "dbk_" + strings.ToUpper(good[4:])},
		{"a key that is revoked", revoked},
		{"a key that has expired", expired},
		{"a key for another log", elsewhere},
		{"a prefix alone", "dbk_"},
		{"a word", "secret"},
		{"two dots", ".."},
		{"three parts of nothing", "a.b.c"},
		{"no signature at all", segments(`{"alg":"none"}`, string(body), "")},
		{"no signature, in other letters", segments(`{"alg":"nOnE","kid":"one"}`, string(body), "")},
		{"the issuer's public key as a secret", oidctest.SignWith(t, jose.HS256, published, claims(nil), map[jose.HeaderKey]any{"kid": "one"})},
		{"a signature cut off", parts[0] + "." + parts[1] + "."},
		{"another payload under the signature", parts[0] + "." + base64.RawURLEncoding.EncodeToString(tampered) + "." + parts[2]},
		{"another signature", parts[0] + "." + parts[1] + "." + strings.Split(sign(map[string]any{"sub": "bob"}), ".")[2]},
		{"a stranger's key under a known id", oidctest.SignWith(t, jose.RS256, jose.JSONWebKey{Key: stranger, KeyID: "one"}, claims(nil), nil)},
		{"a stranger's key that comes with the token", oidctest.SignWith(t, jose.RS256, stranger, claims(nil), map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: stranger.Public()}})},
		{"a key that is said to be elsewhere", oidctest.SignWith(t, jose.ES256, jose.JSONWebKey{Key: other.Key("one"), KeyID: "elsewhere"}, claims(nil), map[jose.HeaderKey]any{"jku": other.URL + "/keys"})},
		{"another issuer's key", other.Sign("one", claims(nil))},
		{"another issuer", other.Sign("one", other.Claims(now, nil))},
		{"another issuer's name under our key", sign(map[string]any{"iss": other.URL})},
		{"no issuer", sign(map[string]any{"iss": nil})},
		{"another audience", sign(map[string]any{"aud": "bank"})},
		{"no audience", sign(map[string]any{"aud": nil})},
		{"an audience that is no text", sign(map[string]any{"aud": 7})},
		{"an end that is over", sign(map[string]any{"exp": now.Add(-time.Minute).Unix()})},
		{"no end", sign(map[string]any{"exp": nil})},
		{"an end that is no time", sign(map[string]any{"exp": "tomorrow"})},
		{"a beginning that is to come", sign(map[string]any{"nbf": now.Add(time.Hour).Unix()})},
		{"a beginning that is no time", sign(map[string]any{"nbf": "yesterday"})},
		{"a beginning beyond all times", sign(map[string]any{"nbf": 1e300})},
		{"a name that fills a log", sign(map[string]any{"sub": strings.Repeat("a", 600)})},
		{"issued in the future", sign(map[string]any{"iat": now.Add(time.Hour).Unix()})},
		{"nobody's", sign(map[string]any{"sub": nil})},
		{"nobody's, by an empty name", sign(map[string]any{"sub": ""})},
		{"claims that are no object", oidctest.SignWith(t, jose.ES256, private, []int{1}, nil)},
		{"what nobody understands, and must", oidctest.SignWith(t, jose.ES256, private, claims(nil), map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1})},
	}
	if len(bad) < 30 {
		t.Fatalf("there are %d bad tokens, want thirty at least", len(bad))
	}
	for _, c := range bad {
		before := len(book.told)
		answer := ask("Bearer " + c.token)
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		challenge := answer.Header.Get("WWW-Authenticate")
		if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(string(text), `/problems#unauthenticated"`) || challenge != `Bearer realm="test", error="invalid_token"` {
			t.Errorf("%s is answered %s, %q: %s", c.what, answer.Status, challenge, text)
		}
		if len(book.told) != before+1 {
			t.Errorf("%s is written down %d times", c.what, len(book.told)-before)
		}
		written, err := json.Marshal(book.told[before:])
		if err != nil {
			t.Fatal(err)
		}
		if secret := c.token[strings.LastIndexAny(c.token, "._")+1:]; len(secret) > 20 && strings.Contains(string(written)+string(text)+logged.String(), secret) {
			t.Errorf("%s: its secret is told: %s %s", c.what, written, text)
		}
	}
	for what, headers := range map[string][]string{
		"a password": {"Basic YWRhOnNlY3JldA=="}, "a scheme alone": {"Bearer"}, "a token of two words": {"Bearer a b"},
		"two headers, one of them good": {"Bearer " + good, "Bearer x"}, "nothing": nil,
	} {
		answer := ask(headers...)
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s is answered %s", what, answer.Status)
		}
	}
	if reached > 0 {
		t.Errorf("%d of them reached the handler", reached)
	}
}

// lines is a log that may be written to and read at once.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
