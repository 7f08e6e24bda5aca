package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/access/audit"
	"github.com/daybook-es/daybook/access/oidc"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/store/storeurl"
)

// Guarded are the flags that say who may do what, and how they say who they are. Without
// --access a program asks nobody who they are, and only this machine itself can use it.
type Guarded struct {
	Access       string   `placeholder:"URL" help:"Where the keys of those who may use the program are kept, and the audit log: a directory, or the URL of a store. Whoever asks must then say who they are. Without it, only this machine itself is served, and may do everything."`
	Policy       string   `placeholder:"FILE" help:"Who may do what, as JSON, instead of what the program goes by. See 'access policy'."`
	OIDCIssuer   string   `name:"oidc-issuer" placeholder:"URL" help:"Issuer whose tokens are taken beside keys (OpenID Connect)."`
	OIDCAudience []string `name:"oidc-audience" placeholder:"NAME" help:"Whom a token must be for: the program's name at the issuer."`
	OIDCName     string   `name:"oidc-name" placeholder:"CLAIM" default:"sub" help:"Claim of a token that names the principal (${default})."`
	OIDCRoles    string   `name:"oidc-roles" placeholder:"CLAIM" default:"roles" help:"Claim of a token that has the roles (${default}); realm_access.roles is one inside another."`
	OIDCLog      string   `name:"oidc-log" placeholder:"CLAIM" help:"Claim of a token that names the log it is for. Without it, tokens are for whichever log the program has."`
}

// policy returns the policy that the flags name, or the usual one, and what is wrong with it
// for a program.
func (g Guarded) policy(p *Policied) (*access.Policy, error) {
	if g.Policy == "" {
		usual := access.MustParsePolicy(p.Document)
		return usual, usual.Check(p.Names())
	}
	document, err := os.ReadFile(g.Policy)
	if err != nil {
		return nil, fmt.Errorf("--policy: %w", err)
	}
	policy, err := access.ParsePolicy(document)
	if err == nil {
		err = policy.Check(p.Names())
	}
	if err != nil {
		return nil, fmt.Errorf("--policy %s: %w", g.Policy, err)
	}
	return policy, nil
}

// check returns the policy that a program goes by which listens there, and what is wrong with
// what the flags say, as far as that can be told without asking anybody.
func (g Guarded) check(p *Policied, l Listening) (*access.Policy, error) {
	policy, err := g.policy(p)
	wrong := []error{err}
	if g.Access != "" {
		for _, of := range []string{"keys", "audit"} {
			where, err := beside(g.Access, of)
			if err == nil {
				err = CheckStore(p.Stores, where)
			}
			if err != nil {
				return nil, errors.Join(append(wrong, fmt.Errorf("--access: %w", err))...)
			}
		}
	}
	if g.Access == "" && (g.OIDCIssuer != "" || l.ClientCA != "") {
		wrong = append(wrong, errors.New("--oidc-issuer and --client-ca need --access: that is where the audit log is kept"))
	}
	if (g.OIDCIssuer == "") != (len(g.OIDCAudience) == 0) {
		wrong = append(wrong, errors.New("--oidc-issuer and --oidc-audience are given together: a token for somebody else must not be taken"))
	}
	if g.Access == "" && l.Addr != "" {
		if at, err := net.ResolveTCPAddr("tcp", l.Addr); err == nil && !at.IP.IsLoopback() {
			wrong = append(wrong, exposed(l.Addr))
		}
	}
	return policy, errors.Join(wrong...)
}

// exposed says that a program would be open to others.
func exposed(addr string) error {
	return fmt.Errorf("others can reach %s, and nobody would be asked who they are: say with --access where keys are kept, and make the first one with 'access issue'", addr)
}

// An Opened is what the flags have led to: who decides, and what that keeps.
type Opened struct {
	// Site are the options of a site that goes by it.
	Site httpapi.Options

	close []func() error
}

// open opens what the flags name, for a program that listens there and keeps its events in a
// store; see [Serving.Open].
func (g Guarded) open(ctx context.Context, p *Policied, l Listening, at net.Addr, events daybook.Store, seen *Seen, logger *slog.Logger) (o *Opened, err error) {
	policy, err := g.check(p, l)
	if err != nil {
		return nil, err
	}
	o = new(Opened)
	if g.Access == "" {
		if tcp, is := at.(*net.TCPAddr); !is || !tcp.IP.IsLoopback() {
			return nil, exposed(at.String())
		}
		o.Site.Guard = access.NewGuard(policy, &access.GuardOptions{Logger: logger})
		return o, nil
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	info, err := events.Info(ctx)
	if err != nil {
		return o, err
	}
	log := info.Head.Log
	keys, entries, err := o.openKept(ctx, p.Stores, g.Access, log, &storeurl.Options{Owner: "http://" + at.String(), Logger: logger}, seen, logger)
	if err != nil {
		return o, err
	}
	o.Site.Kept = &httpapi.Kept{Keys: keys, Audit: entries, Log: log}
	o.Site.Guard = access.NewGuard(policy, &access.GuardOptions{Log: log, Recorder: entries, Logger: logger})
	known := []access.Authenticator{keys}
	if g.OIDCIssuer != "" {
		tokens, err := oidc.New(g.OIDCIssuer, g.OIDCAudience, &oidc.Options{NameClaim: g.OIDCName, RolesClaim: g.OIDCRoles, LogClaim: g.OIDCLog, Logger: logger})
		if err != nil {
			return o, err
		}
		known = append(known, tokens)
	}
	if l.ClientCA != "" {
		known = append(known, access.Certificates{Trusted: (&trusted{path: l.ClientCA, log: logger}).has})
	}
	o.Site.Authenticator = access.AnyOf(known...)
	return o, nil
}

// openKept opens the stores of keys and of the audit log, with what sees them around them
// unless that is nil.
func (o *Opened) openKept(ctx context.Context, stores storeurl.Registry, where string, log uuid.UUID, how *storeurl.Options, seen *Seen, logger *slog.Logger) (*apikey.Keys, *audit.Log, error) {
	opened := make(map[string]storeurl.Store)
	for _, of := range []string{"keys", "audit"} {
		url, err := beside(where, of)
		if err != nil {
			return nil, nil, fmt.Errorf("--access: %w", err)
		}
		store, err := stores.Open(ctx, url, how)
		if err != nil {
			return nil, nil, fmt.Errorf("--access: %w", err)
		}
		o.close = append(o.close, store.Close)
		if seen != nil {
			store = seen.Store(of, store)
		}
		opened[of] = store
	}
	keys, err := apikey.Open(ctx, opened["keys"], &apikey.Options{Log: log})
	if err != nil {
		return nil, nil, err
	}
	if seen != nil {
		seen.Keys(keys)
	}
	entries, err := audit.Open(ctx, opened["audit"], &audit.Options{Logger: logger})
	if err != nil {
		return nil, nil, err
	}
	o.close = append(o.close, entries.Close)
	return keys, entries, nil
}

// Close closes what was opened, the last thing first.
func (o *Opened) Close() error {
	var failed []error
	for _, close := range slices.Backward(o.close) {
		failed = append(failed, close())
	}
	o.close = nil
	return errors.Join(failed...)
}

// beside returns where one of the two logs is kept of which a URL names both: a directory
// below the one that it names, or a log whose name begins with what it says.
func beside(where, of string) (string, error) {
	scheme, rest, is := strings.Cut(where, "://")
	if !is {
		return filepath.Join(where, of), nil
	}
	rest, query, _ := strings.Cut(rest, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("what stands behind the ? of its URL is not NAME=VALUE&NAME=VALUE")
	}
	switch scheme {
	case "log":
		rest = strings.TrimSuffix(rest, "/") + "/" + of
	case "mem":
	default:
		name := params.Get("log")
		if name == "" {
			name = "access"
		}
		params.Set("log", name+"-"+of)
		if dir := params.Get("dir"); dir != "" {
			params.Set("dir", filepath.Join(dir, of))
		}
	}
	if len(params) > 0 {
		rest += "?" + params.Encode()
	}
	return scheme + "://" + rest, nil
}
