package apikey_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/pgstore"
)

// open opens the keys of a store.
func open(t *testing.T, store daybook.Store, o *apikey.Options) *apikey.Keys {
	t.Helper()
	keys, err := apikey.Open(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// issue issues a key.
func issue(t *testing.T, keys *apikey.Keys, wanted apikey.Key) (apikey.Key, string) {
	t.Helper()
	key, whole, err := keys.Issue(access.With(t.Context(), access.Principal{Name: "root"}), wanted)
	if err != nil {
		t.Fatal(err)
	}
	return key, whole
}

// bearing returns a request that bears a key.
func bearing(t *testing.T, key string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	return r
}

// refused returns why a key is not taken.
func refused(t *testing.T, a access.Authenticator, key string) string {
	t.Helper()
	return refusal(t, a, key).Reason
}

func refusal(t *testing.T, a access.Authenticator, key string) *access.CredentialError {
	t.Helper()
	who, err := a.Authenticate(bearing(t, key))
	wrong := (*access.CredentialError)(nil)
	if !errors.As(err, &wrong) {
		t.Errorf("%s is taken for %+v, %v", key, who, err)
		return new(access.CredentialError)
	}
	return wrong
}

func TestAKeySaysWhoItsBearerIs(t *testing.T) {
	log, until := uuid.New(), time.Now().Add(time.Hour)
	keys := open(t, memstore.New(), &apikey.Options{Log: log})
	scope := &access.Scope{Ask: []string{"Order"}}
	key, whole := issue(t, keys, apikey.Key{Name: "till", Roles: []string{"clerk"}, Scope: scope, Log: log, Until: until})
	who, err := keys.Authenticate(bearing(t, whole))
	if err != nil || who.Name != "till" || len(who.Roles) != 1 || who.Roles[0] != "clerk" || who.Scope == nil || who.Scope.Ask[0] != "Order" || who.Log != log || who.By != "key "+key.ID || !who.Until.Equal(until) {
		t.Errorf("it is %+v, %v", who, err)
	}
	if key.IssuedBy != "root" || key.IssuedAt.IsZero() {
		t.Errorf("the key is %+v", key)
	}
	for what, r := range map[string]*http.Request{"no header": {}, "another kind of token": bearing(t, "eyJhbGciOi.x.y")} {
		if _, err := keys.Authenticate(r.WithContext(t.Context())); !errors.Is(err, access.ErrNoCredential) {
			t.Errorf("%s: %v, want that it is no concern of keys", what, err)
		}
	}
}

func TestWhatIsNoGoodKeyIsRefused(t *testing.T) {
	now := time.Now()
	here := uuid.New()
	keys := open(t, memstore.New(), &apikey.Options{Log: here, Now: func() time.Time { return now }})
	key, whole := issue(t, keys, apikey.Key{Name: "ada"})
	other, _ := issue(t, keys, apikey.Key{Name: "bob"})
	_, foreign := issue(t, keys, apikey.Key{Name: "eve", Log: uuid.New()})
	_, ending := issue(t, keys, apikey.Key{Name: "kay", Until: now.Add(time.Minute)})
	revoked, gone := issue(t, keys, apikey.Key{Name: "rex"})
	if err := keys.Revoke(t.Context(), revoked.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Authenticate(bearing(t, ending)); err != nil {
		t.Errorf("before its end: %v", err)
	}
	now = now.Add(time.Minute)
	last := whole[len(whole)-2]
	flipped := whole[:len(whole)-2] + string(map[bool]byte{true: 'b', false: 'a'}[last == 'a']) + whole[len(whole)-1:]
	for token, reason := range map[string]string{
		flipped: "is not known here",
		strings.Replace(whole, key.ID, other.ID, 1):           "is not known here",
		strings.Replace(whole, key.ID, "00000000000000ff", 1): "is not known here",
		whole + "a":                         "is not written as keys are",
		whole[:len(whole)-1]:                "is not written as keys are",
		strings.ToUpper(whole[4:]):          "",
		"dbk_" + strings.ToUpper(whole[4:]): "is not written as keys are",
		"dbk_":                              "is not written as keys are",
		foreign:                             "is for another log",
		ending:                              "has expired",
		gone:                                "is revoked",
		// Whoever guesses an id learns nothing about it.
		"dbk_" + revoked.ID + "_" + strings.Repeat("a", 52): "is not known here",
	} {
		if reason == "" {
			if _, err := keys.Authenticate(bearing(t, token)); !errors.Is(err, access.ErrNoCredential) {
				t.Errorf("%s: %v", token, err)
			}
			continue
		}
		got := refusal(t, keys, token)
		if got.Reason != reason {
			t.Errorf("%s is refused because it %s, want %s", token, got.Reason, reason)
		}
		// The audit log learns which key it was, if whoever sent it has its secret.
		want := ""
		if reason != "is not known here" && reason != "is not written as keys are" {
			want = "key " + token[4:20]
		}
		if got.By != want || strings.Contains(got.Error(), token[:min(20, len(token))]) {
			t.Errorf("%s is told to have been %q, and to who sent it: %v", token, got.By, got)
		}
	}
}

func TestTheSecretIsKeptNowhere(t *testing.T) {
	store := memstore.New()
	keys := open(t, store, nil)
	_, whole := issue(t, keys, apikey.Key{Name: "ada", Roles: []string{"admin"}})
	secret := whole[strings.LastIndex(whole, "_")+1:]
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	listed, err := keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal([]any{events, listed})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		shown = append(append(shown, e.Data...), e.Metadata...)
	}
	if len(events) != 1 || strings.Contains(string(shown), secret) || !strings.Contains(string(shown), "ada") {
		t.Errorf("%d events and the list have in them: %s", len(events), shown)
	}
}

func TestAKeyIsIssuedToWhoIsNobodyElse(t *testing.T) {
	keys := open(t, memstore.New(), nil)
	for _, name := range []string{"", " ", "cert:till", "oidc:ada", "local"} {
		if key, _, err := keys.Issue(t.Context(), apikey.Key{Name: name}); err == nil {
			t.Errorf("a key is issued to %q: %+v", name, key)
		}
	}
	if _, _, err := keys.Issue(t.Context(), apikey.Key{Name: "ada", Until: time.Now().Add(-time.Second)}); err == nil {
		t.Error("a key is issued that is over already")
	}
	if err := keys.Revoke(t.Context(), "0000000000000000", ""); !errors.Is(err, apikey.ErrNoSuchKey) {
		t.Errorf("revoking what was never issued: %v", err)
	}
}

func TestARevokedKeyStaysRevokedAndIsListed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	var whole, id string
	for _, first := range []bool{true, false} {
		store, err := logstore.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		keys := open(t, store, nil)
		if first {
			var key apikey.Key
			key, whole = issue(t, keys, apikey.Key{Name: "ada"})
			id = key.ID
			for _, reason := range []string{"lost", "found again"} {
				if err := keys.Revoke(access.With(t.Context(), access.Principal{Name: "root"}), id, reason); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := refused(t, keys, whole); got != "is revoked" {
			t.Errorf("it is refused because it %s", got)
		}
		if list, err := keys.List(t.Context()); err != nil || len(list) != 1 || list[0].ID != id || list[0].Reason != "lost" || list[0].RevokedBy != "root" || list[0].RevokedAt.IsZero() {
			t.Errorf("the list is %+v, %v", list, err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Goal: a request that begins once a key is revoked is refused, whichever process it reaches.
// Method: two stores on one database, as two processes have, ask about a key all the time
// while one of them revokes it.
func TestARevocationIsSeenAtOnceByEveryProcessOfAStore(t *testing.T) {
	server := pgtest.Database(t)
	var processes []*apikey.Keys
	for range 2 {
		store, err := pgstore.Open(t.Context(), server, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		processes = append(processes, open(t, store, nil))
	}
	for range 20 {
		key, whole := issue(t, processes[0], apikey.Key{Name: "ada"})
		if _, err := processes[1].Authenticate(bearing(t, whole)); err != nil {
			t.Fatalf("the other process does not know the key: %v", err)
		}
		if err := processes[0].Revoke(t.Context(), key.ID, ""); err != nil {
			t.Fatal(err)
		}
		for i, keys := range processes {
			if got := refused(t, keys, whole); got != "is revoked" {
				t.Errorf("process %d says that it %s", i, got)
			}
		}
	}
}

// away is a store that cannot be reached while it is told so.
type away struct {
	daybook.Store
	mu   sync.Mutex
	gone bool
}

func (a *away) Info(ctx context.Context) (daybook.Info, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return daybook.Info{}, &daybook.UnavailableError{Doing: "reach it", Err: errors.New("nobody there")}
	}
	return a.Store.Info(ctx)
}

func TestNoKeyIsTakenWhileNobodyCanTellWhetherItIsRevoked(t *testing.T) {
	store := &away{Store: memstore.New()}
	keys := open(t, store, nil)
	_, whole := issue(t, keys, apikey.Key{Name: "ada"})
	store.gone = true
	who, err := keys.Authenticate(bearing(t, whole))
	if unavailable := (*daybook.UnavailableError)(nil); !errors.As(err, &unavailable) {
		t.Errorf("it is %+v, %v", who, err)
	}
	store.gone = false
	if _, err := keys.Authenticate(bearing(t, whole)); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// late is a store of which one answer about its head is from before the others.
type late struct {
	daybook.Store
	old   *daybook.Info // the next answer
	reads int
}

func (l *late) Info(ctx context.Context) (daybook.Info, error) {
	if old := l.old; old != nil {
		l.old = nil
		return *old, nil
	}
	return l.Store.Info(ctx)
}

func (l *late) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	l.reads++
	return l.Store.Read(ctx, q, span)
}

func TestWhoWasOvertakenByAnotherRequestReadsNothingAnew(t *testing.T) {
	store := &late{Store: memstore.New()}
	keys := open(t, store, nil)
	before, err := store.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, whole := issue(t, keys, apikey.Key{Name: "ada"})
	store.old, store.reads = &before, 0
	if _, err := keys.Authenticate(bearing(t, whole)); err != nil || store.reads > 0 {
		t.Errorf("the keys are read %d times; %v", store.reads, err)
	}
}
