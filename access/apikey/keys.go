package apikey

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/decider"
)

// The facts about a key. Their names and fields are for ever.
type (
	issued struct {
		Name   string        `json:"name"`
		Roles  []string      `json:"roles"`
		Scope  *access.Scope `json:"scope,omitempty"`
		Log    uuid.UUID     `json:"log,omitzero"`
		Until  time.Time     `json:"until,omitzero"`
		SHA256 string        `json:"sha256"`
		By     string        `json:"by,omitempty"`
	}
	revoked struct {
		Reason string `json:"reason,omitempty"`
		By     string `json:"by,omitempty"`
	}
)

// state is what deciding about a key needs to know of it.
type state struct{ issued, revoked bool }

var keys = decider.For("key",
	decider.On("KeyIssued", func(s *state, _ issued) { s.issued = true }),
	decider.On("KeyRevoked", func(s *state, _ revoked) { s.revoked = true }),
)

var (
	// ErrNoSuchKey refuses to revoke what was never issued.
	ErrNoSuchKey = daybook.NewRule("no-such-key", "there is no key with this id")
	// ErrTakenName refuses a name that other credentials' principals have.
	ErrTakenName = daybook.NewRule("taken-name", "names with a colon, and the name local, belong to principals that have no key")
)

// Options adjust keys. The zero value, and nil, are right for most programs.
type Options struct {
	// Log is the log that the program serves. Keys that were issued for another are not
	// taken. The zero UUID takes all.
	Log uuid.UUID
	// Now tells the time. Nil means time.Now.
	Now func() time.Time
}

// patience bounds how long a request waits for the log of keys.
const patience = 3 * time.Second

// Keys are the keys that are recorded in a log. They are an [access.Authenticator]. They may
// be used by many goroutines, and any number of processes may have those of one log.
type Keys struct {
	store   daybook.Store
	options Options

	reading sync.Mutex // held by whoever reads what is new
	mu      sync.RWMutex
	byID    map[string]Key
	seen    daybook.Point
}

// Open reads the keys that are recorded in a store, which must stay open for as long as they
// are used. Nil options mean the zero Options.
func Open(ctx context.Context, store daybook.Store, options *Options) (*Keys, error) {
	k := &Keys{store: store, byID: make(map[string]Key)}
	if options != nil {
		k.options = *options
	}
	if k.options.Now == nil {
		k.options.Now = time.Now
	}
	return k, k.refresh(ctx)
}

// Issue records a new key for a principal, and returns it with all of it, which nobody can be
// told again. Of the key that is given, the name, the roles, the scope, the log and the end
// count. It is recorded as issued by the context's principal.
func (k *Keys) Issue(ctx context.Context, wanted Key) (Key, string, error) {
	if strings.TrimSpace(wanted.Name) == "" || len(wanted.Name) > daybook.MaxNameBytes {
		return Key{}, "", &daybook.InvalidError{What: "key: name", Value: wanted.Name, Reason: "is no name of a principal"}
	}
	if !wanted.Until.IsZero() && !wanted.Until.After(k.options.Now()) {
		return Key{}, "", &daybook.InvalidError{What: "key: until", Value: wanted.Until.String(), Reason: "is over already"}
	}
	id, whole := invent()
	_, digest, _ := taken(whole)
	fact := issued{
		Name: wanted.Name, Roles: wanted.Roles, Scope: wanted.Scope, Log: wanted.Log, Until: wanted.Until.UTC(),
		SHA256: hex.EncodeToString(digest[:]), By: access.Of(ctx).Name,
	}
	_, err := keys.Decide(ctx, k.store, id, func(s state) ([]any, error) {
		if strings.Contains(wanted.Name, ":") || wanted.Name == "local" {
			return nil, ErrTakenName
		}
		return []any{fact}, nil
	})
	if err != nil {
		return Key{}, "", err
	}
	key, _, err := k.key(ctx, id)
	return key, whole, err
}

// Revoke records that a key is not to be taken any more. Once it returns nil, no process takes
// it that reads what is recorded in the store. A key that was revoked before stays as it was.
// It is recorded as revoked by the context's principal.
func (k *Keys) Revoke(ctx context.Context, id, reason string) error {
	_, err := keys.Decide(ctx, k.store, id, func(s state) ([]any, error) {
		switch {
		case !s.issued:
			return nil, ErrNoSuchKey
		case s.revoked:
			return nil, nil
		}
		return []any{revoked{Reason: reason, By: access.Of(ctx).Name}}, nil
	})
	return err
}

// List returns all keys that were ever issued, in the order in which they were.
func (k *Keys) List(ctx context.Context) ([]Key, error) {
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.SortedFunc(maps.Values(k.byID), func(a, b Key) int {
		return cmp.Or(a.IssuedAt.Compare(b.IssuedAt), strings.Compare(a.ID, b.ID))
	}), nil
}

// Authenticate implements [access.Authenticator]: it takes the key that a request bears as its
// token. A token that does not begin as keys do is none of its concern. If the log of keys
// cannot be read, no key is taken.
func (k *Keys) Authenticate(r *http.Request) (access.Principal, error) {
	token, err := access.Bearer(r)
	if err != nil {
		return access.Principal{}, err
	}
	if !strings.HasPrefix(token, Prefix) {
		return access.Principal{}, access.ErrNoCredential
	}
	by := "" // until it is known which key it is
	wrong := func(reason string) (access.Principal, error) {
		return access.Principal{}, &access.CredentialError{Kind: "key", By: by, Reason: reason}
	}
	id, digest, well := taken(token)
	if !well {
		return wrong("is not written as keys are")
	}
	key, there, err := k.key(r.Context(), id)
	if err != nil {
		return access.Principal{}, err
	}
	// The same is compared whether there is such a key or not, in the same time.
	same := subtle.ConstantTimeCompare(digest[:], key.digest[:]) == 1
	if !there || !same {
		return wrong("is not known here")
	}
	by = "key " + key.ID
	switch {
	case !key.RevokedAt.IsZero():
		return wrong("is revoked")
	case !key.Until.IsZero() && !k.options.Now().Before(key.Until):
		return wrong("has expired")
	case key.Log != uuid.Nil && k.options.Log != uuid.Nil && key.Log != k.options.Log:
		return wrong("is for another log")
	}
	return access.Principal{Name: key.Name, Roles: key.Roles, Scope: key.Scope, Log: key.Log, By: by, Until: key.Until}, nil
}

// key returns the key with an id, and whether there is one.
func (k *Keys) key(ctx context.Context, id string) (Key, bool, error) {
	if err := k.refresh(ctx); err != nil {
		return Key{}, false, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	key, there := k.byID[id]
	return key, there, nil
}

// refresh reads what was recorded since the last time.
func (k *Keys) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if head, err := k.head(ctx); err != nil || head == k.known() {
		return err
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	// Whoever read meanwhile may have come further than the head was.
	head, err := k.head(ctx)
	from := k.known()
	if err != nil || head == from {
		return err
	}
	if from.Precedes(head) != nil {
		from = daybook.Point{} // another life of the log: everything anew
	}
	reading, err := k.store.Read(ctx, daybook.Query{{Categories: []string{"key"}}}, daybook.Span{After: from.Position})
	if err != nil {
		return fmt.Errorf("access: read the keys: %w", err)
	}
	events, err := reading.Collect()
	if err != nil {
		return fmt.Errorf("access: read the keys: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if from.IsZero() {
		k.byID = make(map[string]Key)
	}
	for _, e := range events {
		if err := k.apply(e); err != nil {
			return err
		}
	}
	k.seen = reading.Snapshot()
	return nil
}

// head returns how far the log has come.
func (k *Keys) head(ctx context.Context) (daybook.Point, error) {
	info, err := k.store.Info(ctx)
	if err != nil {
		return daybook.Point{}, fmt.Errorf("access: read the keys: %w", err)
	}
	return info.Head, nil
}

// known returns up to where the keys are known.
func (k *Keys) known() daybook.Point {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.seen
}

// apply brings one event into what is known.
func (k *Keys) apply(e daybook.Recorded) error {
	facts, err := keys.Codec().Facts(e)
	if err != nil {
		return fmt.Errorf("access: read the keys: %w", err)
	}
	id := strings.TrimPrefix(e.Stream, keys.Stream(""))
	for _, fact := range facts {
		key := k.byID[id]
		switch f := fact.(type) {
		case issued:
			key = Key{ID: id, Name: f.Name, Roles: f.Roles, Scope: f.Scope, Log: f.Log, Until: f.Until, IssuedAt: e.RecordedAt, IssuedBy: f.By}
			sum, err := hex.DecodeString(f.SHA256)
			if err != nil || len(sum) != sha256.Size {
				return fmt.Errorf("access: read the keys: the digest of key %s, at position %d, is none", id, e.Position)
			}
			copy(key.digest[:], sum)
		case revoked:
			key.RevokedAt, key.RevokedBy, key.Reason = e.RecordedAt, f.By, f.Reason
		}
		k.byID[id] = key
	}
	return nil
}
