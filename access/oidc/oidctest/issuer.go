// Package oidctest is an issuer of tokens for tests: it publishes keys that a test changes,
// signs whatever it is told to, and can be away.
package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An Issuer is an issuer on this machine.
type Issuer struct {
	URL string

	t     testing.TB
	mu    sync.Mutex
	keys  map[string]*ecdsa.PrivateKey
	away  bool
	asked int // for its keys
}

// Start starts an issuer with one key, "one", until the test ends.
func Start(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, keys: make(map[string]*ecdsa.PrivateKey)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.answer(func() any {
		return map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token",
			"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		}
	}))
	mux.HandleFunc("GET /keys", i.answer(func() any {
		i.asked++
		var set jose.JSONWebKeySet
		for id, key := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"})
		}
		return set
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.URL = server.URL
	i.Publish("one")
	return i
}

// answer answers with JSON, unless the issuer is away.
func (i *Issuer) answer(with func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.away {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(with()); err != nil {
			i.t.Error(err)
		}
	}
}

// Publish has the issuer publish a new key under an id; any it had under that is gone.
func (i *Issuer) Publish(id string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[id] = key
}

// Withdraw has the issuer publish a key no more, and returns it.
func (i *Issuer) Withdraw(id string) *ecdsa.PrivateKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	key := i.keys[id]
	delete(i.keys, id)
	return key
}

// Key returns a key.
func (i *Issuer) Key(id string) *ecdsa.PrivateKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[id]
}

// Away has the issuer answer nothing, or answer again.
func (i *Issuer) Away(is bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = is
}

// Asked returns how often it was asked for its keys.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// Claims returns what a good token says, for the audience "shop", with changes; a nil takes a
// claim out.
func (i *Issuer) Claims(now time.Time, changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": i.URL, "sub": "ada", "aud": "shop", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "roles": []string{"admin"},
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Sign returns a token, signed with a key of the issuer.
func (i *Issuer) Sign(id string, claims map[string]any) string {
	i.t.Helper()
	return SignWith(i.t, jose.ES256, jose.JSONWebKey{Key: i.Key(id), KeyID: id}, claims, nil)
}

// SignWith returns a token that is signed with any key, with more in its header.
func SignWith(t testing.TB, algorithm jose.SignatureAlgorithm, key any, claims any, header map[jose.HeaderKey]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
