// Package oidc authenticates by bearer tokens of an issuer that speaks OpenID Connect: signed
// JSON web tokens, checked against the keys that the issuer publishes.
//
// A token is taken if the issuer has signed it, with a key that it publishes and an asymmetric
// algorithm; if it is for this program, by its audience; and if it has begun and not ended. Its
// claims name the principal, the roles and, if that is asked for, the log.
//
// It is a package of its own so that programs without an issuer do not link what it takes.
// Begin with [New].
package oidc

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
)

// Options adjust what is taken. The zero value, and nil, are right for an issuer whose tokens
// have the roles in a claim "roles".
type Options struct {
	// NameClaim is the claim that names the principal. Empty means "sub", which no issuer
	// gives to two. An "email" is only taken from a token that says it was verified.
	NameClaim string
	// RolesClaim is the claim that has the roles: a list, or words in a text. A dot leads
	// into a claim: "realm_access.roles". Empty means "roles".
	RolesClaim string
	// LogClaim is the claim that names the log which a token is for, by its UUID; a token
	// without it is not taken then. Empty means that tokens are for whichever log the
	// program has: its audience is of one log.
	LogClaim string
	// Skew is how far the clocks of issuer and program may be apart. Zero means 30 seconds.
	Skew time.Duration
	// Client fetches what the issuer publishes. Nil means one with a timeout.
	Client *http.Client
	// Now tells the time. Nil means time.Now.
	Now func() time.Time
	// Logger is told when the issuer cannot be reached. Nil means slog.Default.
	Logger *slog.Logger
}

// Prefix is what the names of principals begin with that an issuer has named, so that none of
// them has the name of somebody who is known by a key.
const Prefix = "oidc:"

// algorithms are those with which a token may be signed. All are asymmetric: a token that was
// signed with a key which everybody knows is nobody's.
var algorithms = []string{
	gooidc.RS256, gooidc.RS384, gooidc.RS512, gooidc.PS256, gooidc.PS384, gooidc.PS512,
	gooidc.ES256, gooidc.ES384, gooidc.ES512, gooidc.EdDSA,
}

// Tokens authenticates by the tokens of an issuer. It is an [access.Authenticator], and may be
// used by many goroutines.
type Tokens struct {
	issuer    string
	audiences []string
	options   Options
	keys      *keySet
}

// New returns an authenticator for tokens of an issuer, as its URL has it in its tokens, which
// are for one of these audiences. Nil options mean the zero Options. The issuer is not asked
// before the first token comes; it is asked over https only, unless it is on this machine.
func New(issuer string, audiences []string, options *Options) (*Tokens, error) {
	t := &Tokens{issuer: issuer, audiences: audiences}
	if options != nil {
		t.options = *options
	}
	if err := private(issuer); err != nil {
		return nil, fmt.Errorf("access: issuer %q %w", issuer, err)
	}
	if len(audiences) == 0 || slices.Contains(audiences, "") {
		return nil, errors.New("access: an issuer's tokens are taken for an audience: name it")
	}
	o := &t.options
	o.NameClaim, o.RolesClaim = cmp.Or(o.NameClaim, "sub"), cmp.Or(o.RolesClaim, "roles")
	o.Skew = cmp.Or(o.Skew, 30*time.Second)
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 5 * time.Second}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	t.keys = newKeySet(issuer, o)
	return t, nil
}

// private returns an error if an address is one at which others could answer in its place.
func private(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("is no address")
	}
	at, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && at.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && here) {
		return errors.New("is not asked over https")
	}
	return nil
}

// Authenticate implements [access.Authenticator]. Whatever bears no token is none of its
// concern. If the issuer's keys cannot be had, no token is taken.
func (t *Tokens) Authenticate(r *http.Request) (access.Principal, error) {
	raw, err := access.Bearer(r)
	if err != nil {
		return access.Principal{}, err
	}
	wrong := func(reason string, err error) (access.Principal, error) {
		return access.Principal{}, &access.CredentialError{Kind: "token", Reason: reason, Err: err}
	}
	if strings.Count(raw, ".") != 2 {
		return wrong("is no signed JSON web token", nil)
	}
	asked := &asking{keys: t.keys}
	verifier := gooidc.NewVerifier(t.issuer, asked, &gooidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, // both are checked below, as we want them
		SupportedSigningAlgs: algorithms, Now: t.options.Now,
	})
	token, err := verifier.Verify(r.Context(), raw)
	if asked.away != nil {
		return access.Principal{}, fmt.Errorf("access: the keys of the issuer %s: %w", t.issuer, asked.away)
	}
	if err != nil {
		return wrong("is not one that the issuer has signed", err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return wrong("has claims that cannot be read", err)
	}
	now := t.options.Now()
	begins, timely := timeIn(claims, "nbf")
	switch {
	case !slices.ContainsFunc(token.Audience, func(a string) bool { return slices.Contains(t.audiences, a) }):
		return wrong("is for somebody else", nil)
	case claims["exp"] == nil:
		return wrong("has no end", nil)
	case !now.Before(token.Expiry.Add(t.options.Skew)):
		return wrong("has expired", nil)
	case !timely, now.Add(t.options.Skew).Before(begins), now.Add(t.options.Skew).Before(token.IssuedAt):
		return wrong("is not valid yet", nil)
	case token.Subject == "":
		return wrong("names nobody", nil)
	}
	name, _ := find(claims, t.options.NameClaim).(string)
	if name == "" {
		return wrong("names nobody", nil)
	}
	if len(Prefix+name) > daybook.MaxNameBytes || !utf8.ValidString(name) {
		return wrong("has a name that is too long for a principal", nil)
	}
	if verified, _ := claims["email_verified"].(bool); t.options.NameClaim == "email" && !verified {
		return wrong("has an address that nobody has verified", nil)
	}
	who := access.Principal{Name: Prefix + name, Roles: words(find(claims, t.options.RolesClaim)), By: "token of " + t.issuer, Until: token.Expiry}
	if t.options.LogClaim != "" {
		text, _ := find(claims, t.options.LogClaim).(string)
		if who.Log, err = uuid.Parse(text); err != nil || who.Log == uuid.Nil {
			return wrong("names no log", nil)
		}
	}
	return who, nil
}

// timeIn returns the time that a claim has, zero if there is no such claim, and whether it is
// a time if there is one.
func timeIn(claims map[string]any, name string) (time.Time, bool) {
	given, there := claims[name]
	if !there {
		return time.Time{}, true
	}
	seconds, is := given.(float64)
	return time.Unix(int64(seconds), 0), is && math.Abs(seconds) < 1<<53 // beyond that it would come out as any time
}

// find returns the claim with a name; a dot leads into a claim.
func find(claims map[string]any, name string) any {
	if value, there := claims[name]; there {
		return value // names may have dots in them, such as that of an address
	}
	first, rest, inside := strings.Cut(name, ".")
	if !inside {
		return nil
	}
	within, _ := claims[first].(map[string]any)
	return find(within, rest)
}

// words returns the texts of a list, or the words of a text.
func words(value any) (found []string) {
	switch v := value.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		for _, item := range v {
			if text, is := item.(string); is {
				found = append(found, text)
			}
		}
	}
	return found
}
