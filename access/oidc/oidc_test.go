package oidc_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/oidc"
	"github.com/daybook-es/daybook/access/oidc/oidctest"
)

// A gate takes tokens at a time that a test sets.
type gate struct {
	t      *testing.T
	now    time.Time
	tokens *oidc.Tokens
}

func open(t *testing.T, issuer *oidctest.Issuer, o oidc.Options) *gate {
	t.Helper()
	g := &gate{t: t, now: time.Now().Truncate(time.Second)}
	o.Now, o.Logger = func() time.Time { return g.now }, slog.New(slog.DiscardHandler)
	tokens, err := oidc.New(issuer.URL, []string{"shop", "till"}, &o)
	if err != nil {
		t.Fatal(err)
	}
	g.tokens = tokens
	return g
}

// ask shows a token.
func (g *gate) ask(token string) (access.Principal, error) {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return g.tokens.Authenticate(r)
}

// takes checks that a token is taken.
func (g *gate) takes(token, when string) {
	g.t.Helper()
	if _, err := g.ask(token); err != nil {
		g.t.Errorf("%s it is not taken: %v", when, err)
	}
}

// refuses checks that a token is refused, for a reason if that is given.
func (g *gate) refuses(token, when, reason string) {
	g.t.Helper()
	who, err := g.ask(token)
	wrong := (*access.CredentialError)(nil)
	if !errors.As(err, &wrong) || reason != "" && wrong.Reason != reason {
		g.t.Errorf("%s: %+v, %v, want that it %s", when, who, err, reason)
	}
}

// cannotTell checks that it cannot be told whether a token is good.
func (g *gate) cannotTell(token, when string) {
	g.t.Helper()
	who, err := g.ask(token)
	if err == nil || errors.Is(err, access.ErrNoCredential) || errors.As(err, new(*access.CredentialError)) {
		g.t.Errorf("%s: %+v, %v, want that it cannot be told", when, who, err)
	}
}

func TestATokenNamesThePrincipalItsRolesAndItsLog(t *testing.T) {
	issuer, log := oidctest.Start(t), uuid.New()
	g := open(t, issuer, oidc.Options{NameClaim: "email", RolesClaim: "realm_access.roles", LogClaim: "https://shop.example/log"})
	claims := func(changes map[string]any) map[string]any {
		all := map[string]any{
			"email": "ada@shop.example", "email_verified": true, "realm_access": map[string]any{"roles": []any{"clerk", 7, "reader"}},
			"https://shop.example/log": log.String(), "aud": []string{"other", "till"},
		}
		for name, value := range changes {
			all[name] = value
		}
		return issuer.Claims(g.now, all)
	}
	who, err := g.ask(issuer.Sign("one", claims(nil)))
	want := access.Principal{Name: "oidc:ada@shop.example", Roles: []string{"clerk", "reader"}, Log: log, By: "token of " + issuer.URL, Until: g.now.Add(time.Hour)}
	if diff := cmp.Diff(want, who); err != nil || diff != "" {
		t.Errorf("it is, %v (-want, +got):\n%s", err, diff)
	}
	g.refuses(issuer.Sign("one", claims(map[string]any{"email_verified": false})), "an address that nobody verified", "has an address that nobody has verified")
	g.refuses(issuer.Sign("one", claims(map[string]any{"email": nil})), "no address", "names nobody")
	g.refuses(issuer.Sign("one", claims(map[string]any{"https://shop.example/log": nil})), "no log", "names no log")
	plain := open(t, issuer, oidc.Options{})
	if who, err := plain.ask(issuer.Sign("one", issuer.Claims(g.now, map[string]any{"roles": "clerk reader"}))); err != nil || who.Name != "oidc:ada" || len(who.Roles) != 2 || who.Log != uuid.Nil {
		t.Errorf("by the usual claims it is %+v, %v", who, err)
	}
	if _, err := plain.ask(""); !errors.Is(err, access.ErrNoCredential) {
		t.Errorf("without a token: %v", err)
	}
}

func TestAnIssuerMayChangeItsKeys(t *testing.T) {
	issuer := oidctest.Start(t)
	g := open(t, issuer, oidc.Options{})
	old := issuer.Sign("one", issuer.Claims(g.now, nil))
	g.takes(old, "with the first key")
	issuer.Publish("two")
	next := issuer.Sign("two", issuer.Claims(g.now, nil))
	// The issuer was asked just now, and is left alone for a while.
	g.refuses(next, "with a key that is not known yet", "")
	g.now = g.now.Add(11 * time.Second)
	g.takes(next, "with a new key")
	g.takes(old, "with the old key, which is still there")
	stolen := issuer.Withdraw("one")
	g.takes(old, "with a key that was taken back just now")
	g.now = g.now.Add(5 * time.Minute)
	g.refuses(old, "five minutes after the key was taken back", "is not one that the issuer has signed")
	forged := oidctest.SignWith(t, jose.ES256, jose.JSONWebKey{Key: stolen, KeyID: "two"}, issuer.Claims(g.now, nil), nil)
	g.refuses(forged, "with the old key under the name of the new one", "is not one that the issuer has signed")
	g.takes(issuer.Sign("two", issuer.Claims(g.now, nil)), "with the new key")
}

func TestAnIssuerThatIsAwayIsDoneWithoutForAWhile(t *testing.T) {
	issuer := oidctest.Start(t)
	issuer.Away(true)
	g := open(t, issuer, oidc.Options{})
	token := issuer.Sign("one", issuer.Claims(g.now, map[string]any{"exp": g.now.Add(24 * time.Hour).Unix()}))
	g.cannotTell(token, "before the issuer was ever there")
	g.cannotTell(token, "while it is left alone")
	issuer.Away(false)
	g.now = g.now.Add(11 * time.Second)
	g.takes(token, "when it is there")
	issuer.Away(true)
	g.now = g.now.Add(30 * time.Minute)
	g.takes(token, "half an hour after it has gone")
	g.refuses(oidctest.SignWith(t, jose.ES256, jose.JSONWebKey{Key: issuer.Key("one"), KeyID: "unknown"}, issuer.Claims(g.now, nil), nil), "with a key that nobody knows meanwhile", "")
	g.now = g.now.Add(31 * time.Minute)
	g.cannotTell(token, "more than an hour after it has gone")
	issuer.Away(false)
	g.now = g.now.Add(11 * time.Second)
	g.takes(token, "when it is back")
}

func TestStrangersCannotHaveTheIssuerAskedAllTheTime(t *testing.T) {
	issuer := oidctest.Start(t)
	g := open(t, issuer, oidc.Options{})
	g.takes(issuer.Sign("one", issuer.Claims(g.now, nil)), "at first")
	key := issuer.Key("one")
	for range 100 {
		g.refuses(oidctest.SignWith(t, jose.ES256, jose.JSONWebKey{Key: key, KeyID: uuid.NewString()}, issuer.Claims(g.now, nil), nil), "with a key of its own making", "")
		g.now = g.now.Add(100 * time.Millisecond)
	}
	if n := issuer.Asked(); n > 3 {
		t.Errorf("in ten seconds the issuer was asked %d times for its keys", n)
	}
}

// Goal: the list of algorithms itself keeps out what anybody could have signed, and not only
// the kinds of key below it. Method: such a token is refused without a look at the keys.
func TestATokenThatAnybodyCouldHaveSignedIsRefusedWhateverTheKeys(t *testing.T) {
	issuer := oidctest.Start(t)
	g := open(t, issuer, oidc.Options{})
	claims := issuer.Claims(g.now, nil)
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	g.refuses(part([]byte(`{"alg":"none","kid":"one"}`))+"."+part(payload)+".", "signed by nobody", "is not one that the issuer has signed")
	everybodys := bytes.Repeat([]byte("k"), 64)
	for _, algorithm := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
		token := oidctest.SignWith(t, algorithm, jose.JSONWebKey{Key: everybodys, KeyID: "one"}, claims, nil)
		g.refuses(token, "signed with "+string(algorithm), "is not one that the issuer has signed")
	}
	if n := issuer.Asked(); n > 0 {
		t.Errorf("for such tokens the issuer was asked %d times for its keys", n)
	}
	g.takes(issuer.Sign("one", claims), "with a key of the issuer")
}

func TestClocksMayBeALittleApart(t *testing.T) {
	issuer := oidctest.Start(t)
	g := open(t, issuer, oidc.Options{})
	with := func(name string, after time.Duration) string {
		return issuer.Sign("one", issuer.Claims(g.now, map[string]any{name: g.now.Add(after).Unix()}))
	}
	g.takes(with("exp", -29*time.Second), "ended a little ago")
	g.refuses(with("exp", -31*time.Second), "ended a while ago", "has expired")
	g.takes(with("nbf", 29*time.Second), "begins in a little while")
	g.refuses(with("nbf", 31*time.Second), "begins later", "is not valid yet")
	g.takes(with("iat", 29*time.Second), "issued by a clock that is ahead a little")
	g.refuses(with("iat", 31*time.Second), "issued by a clock that is ahead", "is not valid yet")
}

func TestAnIssuerIsAskedWhereNobodyCanAnswerInItsPlace(t *testing.T) {
	for issuer, good := range map[string]bool{
		"https://issuer.example": true, "http://127.0.0.1:1": true, "http://localhost/realm": true,
		"http://issuer.example": false, "issuer.example": false, "": false, "ftp://127.0.0.1": false, "http://127.0.0.1.evil.example": false,
	} {
		if _, err := oidc.New(issuer, []string{"shop"}, nil); (err == nil) != good {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	for _, audiences := range [][]string{nil, {""}} {
		if _, err := oidc.New("https://issuer.example", audiences, nil); err == nil {
			t.Errorf("for %q it is made", audiences)
		}
	}
}
