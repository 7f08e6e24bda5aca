package oidc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	// freshKeys is how long the issuer's keys are taken as they were fetched. A key that it
	// has taken back is not taken any more after so long.
	freshKeys = 5 * time.Minute
	// staleKeys is how long they are taken while the issuer cannot be reached.
	staleKeys = time.Hour
	// pauseKeys is how long the issuer is left alone between two attempts, whatever tokens
	// strangers send.
	pauseKeys = 10 * time.Second
	// mostKeys is how many bytes its keys have at most.
	mostKeys = 1 << 20
)

// A keySet has the keys that an issuer publishes: fetched when they are first needed, again
// when they are no longer fresh, and when a token names a key that is not among them.
type keySet struct {
	issuer string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	fetching chan struct{} // holds a token while somebody fetches

	mu      sync.Mutex
	at      string // where the keys are; empty until the issuer has said
	keys    []jose.JSONWebKey
	fetched time.Time // when keys were fetched; zero for never
	tried   time.Time
	failed  error // why the last attempt failed
}

func newKeySet(issuer string, o *Options) *keySet {
	return &keySet{issuer: issuer, client: o.Client, now: o.Now, log: o.Logger, fetching: make(chan struct{}, 1)}
}

// An asking is one token's question to a key set, and remembers whether it could be answered.
type asking struct {
	keys *keySet
	away error // why it could not be told whether a signature is good
}

// VerifySignature implements [gooidc.KeySet].
func (a *asking) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	allowed := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, name := range algorithms {
		allowed[i] = jose.SignatureAlgorithm(name)
	}
	token, err := jose.ParseSignedCompact(raw, allowed)
	if err != nil {
		return nil, err
	}
	id := token.Signatures[0].Header.KeyID
	keys, err := a.keys.named(ctx, id)
	if err != nil {
		a.away = err
		return nil, err
	}
	for _, key := range keys {
		if payload, err := token.Verify(&key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("no key of the issuer fits the signature")
}

// named returns the keys that a token may have been signed with, by the id that it names; all
// if it names none.
func (k *keySet) named(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	found, usable, wanting := k.look(id)
	if wanting {
		select {
		case k.fetching <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// Somebody else may have fetched them meanwhile.
		if found, usable, wanting = k.look(id); wanting {
			k.fetch()
			found, usable, _ = k.look(id)
		}
		<-k.fetching
	}
	if !usable {
		k.mu.Lock()
		defer k.mu.Unlock()
		return nil, cmp.Or(k.failed, errors.New("they were fetched too long ago"))
	}
	return found, nil
}

// look returns the keys with an id, whether what is known may be gone by, and whether the
// issuer is to be asked.
func (k *keySet) look(id string) (found []jose.JSONWebKey, usable, wanting bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.keys {
		if (id == "" || key.KeyID == id) && (key.Use == "" || key.Use == "sig") && key.IsPublic() {
			found = append(found, key)
		}
	}
	age := k.now().Sub(k.fetched)
	usable = !k.fetched.IsZero() && age < staleKeys
	if !usable {
		found = nil
	}
	rested := k.tried.IsZero() || k.now().Sub(k.tried) >= pauseKeys
	return found, usable, rested && (!usable || age >= freshKeys || len(found) == 0)
}

// fetch asks the issuer. It is not ended by whoever happens to ask first.
func (k *keySet) fetch() {
	ctx, cancel := context.WithTimeout(gooidc.ClientContext(context.Background(), k.client), 10*time.Second)
	defer cancel()
	k.mu.Lock()
	at := k.at
	k.tried = k.now()
	k.mu.Unlock()
	keys, at, err := k.published(ctx, at)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed = err; err != nil {
		k.at = "" // it may have moved
		k.log.WarnContext(ctx, "the keys of the issuer could not be fetched", "issuer", k.issuer, "error", err)
		return
	}
	k.keys, k.at, k.fetched = keys, at, k.now()
}

// published returns the keys that the issuer publishes, and where.
func (k *keySet) published(ctx context.Context, at string) ([]jose.JSONWebKey, string, error) {
	if at == "" {
		provider, err := gooidc.NewProvider(ctx, k.issuer)
		if err != nil {
			return nil, "", err
		}
		var says struct {
			Keys string `json:"jwks_uri"`
		}
		if err := provider.Claims(&says); err != nil {
			return nil, "", err
		}
		if at = says.Keys; private(at) != nil {
			return nil, "", fmt.Errorf("its keys are at %q, which is not asked over https", at)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, "", err
	}
	answer, err := k.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("%s answers %s", at, answer.Status)
	}
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(answer.Body, mostKeys)).Decode(&set); err != nil {
		return nil, "", fmt.Errorf("%s: %w", at, err)
	}
	return set.Keys, at, nil
}
