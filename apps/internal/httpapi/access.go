package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
)

// A Right says which act it is to ask for a route, and so who may. The zero Right is none: a
// route must say.
type Right struct {
	act   access.Act
	open  bool // everybody may, and is not asked who they are
	known bool // everybody may, and the handler wants to know who they are
	about func(*http.Request) daybook.Query
}

// Open is the right to what everybody may have who reaches the site.
var Open = Right{open: true}

// Known is the right to what everybody may have, and the handler shows some of it only to
// those who may more: see [Server.May]. A credential that is not taken is as good as none.
var Known = Right{open: true, known: true}

// ToSend is the right to a route that sends a command. Its handler does so with [Server.Do],
// which asks the guard again, with what the command says that it is about; the route itself
// is denied to those who may not send such a command about anything.
func ToSend(command string) Right { return Right{act: access.Send(command)} }

// ToAsk is the right to a route that answers a query.
func ToAsk(query string) Right { return Right{act: access.Ask(query)} }

// ToAdminister is the right to a route that administers something. That is written into the
// audit log before its handler is called.
func ToAdminister(what string) Right { return Right{act: access.Administer(what)} }

// About returns the right, about what a function finds a request to be about, by its address:
// streams and tags by their own names, since a policy that denies one under the name that is
// recorded must not be got round by another spelling. Nil means that it cannot be told.
func (r Right) About(what func(*http.Request) daybook.Query) Right {
	r.about = what
	return r
}

// IsZero reports whether it is no right at all.
func (r Right) IsZero() bool { return !r.open && r.act.Kind == 0 }

// String returns the act as a description of the API has it: "open", or in the words of a
// policy.
func (r Right) String() string {
	if r.open {
		return "open"
	}
	return r.act.String()
}

// of returns the act of a request.
func (r Right) of(request *http.Request) access.Act {
	if r.about == nil {
		return r.act
	}
	return r.act.About(r.about(request))
}

// everything is the policy of a site that has none: whoever is known may do everything.
var everything = &access.Policy{Allow: []access.Rule{{
	Principals: []string{access.Every},
	Scope:      access.Scope{Send: []string{access.Every}, Ask: []string{access.Every}, Read: []string{access.Every}, Administer: []string{access.Every}},
}}}

// Local is the name of the principal that this machine's own requests are of, where nobody
// is asked who they are.
const Local = "local"

// identityKey is of what came in the way of finding out who a request is from.
type identityKey struct{}

// identified returns a request with the principal that it is from in its context, and an
// error if that is nobody: [access.ErrNoCredential], what is wrong with the credential, or
// why it cannot be told. It finds that out once for each request.
func (s *Server) identified(r *http.Request) (*http.Request, error) {
	if known, is := r.Context().Value(identityKey{}).(error); is {
		return r, known
	}
	if !access.Of(r.Context()).IsNobody() {
		return r, nil
	}
	who, err := s.whoIs(r)
	if err != nil {
		who = access.Principal{}
	}
	ctx := access.With(r.Context(), who)
	trace := daybook.TraceOf(ctx)
	trace.Actor = who.Name
	ctx = daybook.WithTrace(ctx, trace)
	if err != nil {
		ctx = context.WithValue(ctx, identityKey{}, err)
	}
	return r.WithContext(ctx), err
}

// whoIs returns who a request is from.
func (s *Server) whoIs(r *http.Request) (access.Principal, error) {
	if s.Options.Authenticator == nil {
		if !fromHere(r) {
			return access.Principal{}, access.ErrNoCredential
		}
		return s.local, nil
	}
	if cookie, err := r.Cookie(s.keyCookie(r)); err == nil && len(r.Header.Values("Authorization")) == 0 {
		signedIn := r.Clone(r.Context())
		signedIn.Header.Set("Authorization", "Bearer "+cookie.Value)
		r = signedIn
	}
	who, err := s.Options.Authenticator.Authenticate(r)
	switch {
	case err == nil && who.IsNobody():
		err = access.ErrNoCredential
	case err == nil:
		err = s.Options.Guard.Admit(who)
	}
	return who, err
}

// fromHere reports whether a request comes from this machine itself, by way of nobody. What a
// proxy hands on names somebody else that it is for, or the proxy by its name; one that does
// neither cannot be told from a visitor.
func fromHere(r *http.Request) bool {
	here, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if here == nil || !isLoopback(here.String()) || !isLoopback(r.RemoteAddr) {
		return false
	}
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	name, address := calledBy(r.Host)
	return address.IsLoopback() || !address.IsValid() && (name == "" || isLocal(name))
}

// calledBy returns the name that a Host header has, in lower case, or else the address.
func calledBy(host string) (name string, address netip.Addr) {
	if without, _, err := net.SplitHostPort(host); err == nil {
		host = without
	}
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return "", address
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), netip.Addr{}
}

// isLocal reports whether a name is one that every machine has for itself.
func isLocal(name string) bool { return name == "localhost" || strings.HasSuffix(name, ".localhost") }

func isLoopback(hostPort string) bool {
	at, err := netip.ParseAddrPort(hostPort)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// permitted returns a request with its principal, or the problem that it is not permitted.
func (s *Server) permitted(route Route, r *http.Request) (*http.Request, error) {
	if route.Right.open && !route.Right.known {
		return r, nil
	}
	r, err := s.identified(r)
	problem := s.unknown(r.Context(), err)
	switch {
	case route.Right.open:
		return r, nil
	case err != nil && !errors.Is(err, access.ErrNoCredential):
		return r, problem
	}
	act := route.Right.of(r)
	switch {
	case err != nil:
		// Nobody may do it; the guard writes that down.
		_ = s.Options.Guard.Check(r.Context(), act)
		return r, problem
	case act.Kind == access.Sending && len(act.On) == 0:
		return r, s.Options.Guard.CheckAny(r.Context(), act)
	case act.Kind == access.Sending:
		r = r.WithContext(context.WithValue(r.Context(), aboutKey{}, act.On))
	case act.Kind == access.Asking:
		// Where the answer is in the events themselves, they are read under the guard. What a
		// command has led to is told to whoever sent it.
		r = r.WithContext(access.WithGuard(r.Context(), s.Options.Guard))
	}
	return r, s.Options.Guard.Check(r.Context(), act)
}

// aboutKey is of what a request is about, for the command that it sends.
type aboutKey struct{}

// actOf returns the act of sending a command: about what the command says that it is about, or
// else what its request is about.
func actOf(ctx context.Context, name string, c any) access.Act {
	act := access.ActOf(name, c)
	if len(act.On) == 0 {
		act.On, _ = ctx.Value(aboutKey{}).(daybook.Query)
	}
	return act
}

// unknown returns the problem that it is not known who a request is from, of what came in the
// way of finding that out; nil if nothing did. That a credential was not taken is written down.
func (s *Server) unknown(ctx context.Context, err error) *Problem {
	refused := (*access.CredentialError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		s.Options.Guard.Refused(ctx, refused)
		return s.unauthenticated(refused)
	case errors.Is(err, access.ErrNoCredential):
		return s.unauthenticated(nil)
	}
	problem := Unavailable.Problem("it cannot be told just now who you are")
	problem.Err = err
	return problem
}

// unauthenticated is the problem that there is no credential, or that it was refused.
func (s *Server) unauthenticated(refused *access.CredentialError) *Problem {
	challenge := fmt.Sprintf("Bearer realm=%q", s.name)
	if refused == nil {
		problem := Anonymous.Problem("there is no key with the request")
		problem.challenge = challenge
		return problem
	}
	problem := Anonymous.Problem("the %s %s", refused.Kind, refused.Reason)
	problem.challenge, problem.Err = challenge+`, error="invalid_token"`, refused
	return problem
}

// May reports whether whoever sent a request may do an act, without anything being written
// down. It is for handlers that show more to some than to others.
func (s *Server) May(r *http.Request, act access.Act) bool {
	return s.Options.Guard.Decide(access.Of(r.Context()), act) == nil
}

// MayAny reports whether whoever sent a request may do an act about anything at all: for
// handlers that show a form for it, in which only its sender says what it is about.
func (s *Server) MayAny(r *http.Request, act access.Act) bool {
	return s.Options.Guard.DecideAny(access.Of(r.Context()), act) == nil
}

// StillKnown returns the problem that whoever sent a request is not known any more, such as
// because the key was revoked meanwhile: for handlers that go on for longer than a request
// usually takes.
func (s *Server) StillKnown(r *http.Request) error {
	if err := s.stillKnown(r.Context(), r); err != nil {
		return s.unknown(r.Context(), err)
	}
	return nil
}

// stillKnown returns an error if whoever sent a request is not known any more, such as because
// the key was revoked: for answers that take long.
func (s *Server) stillKnown(ctx context.Context, r *http.Request) error {
	who, err := s.whoIs(r.WithContext(ctx))
	if err == nil && who.Name != access.Of(ctx).Name {
		err = access.ErrNoCredential
	}
	return err
}
