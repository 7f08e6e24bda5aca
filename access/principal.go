package access

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// A Principal is who does something: a person, or a program. The zero Principal is nobody,
// who may do nothing.
type Principal struct {
	// Name is what policies, idempotency keys and events know the principal by.
	Name string
	// Roles are what the principal is, in the words of the policy.
	Roles []string
	// Scope, if there is one, bounds what may be done besides the policy: a key that was
	// given to a program may be good for less than its roles are.
	Scope *Scope
	// Log is the log that the principal's credential is for. A guard of another log refuses
	// it. The zero UUID is for whichever log the program has: then what vouches for the
	// principal, such as an issuer or a certificate authority, belongs to one log.
	Log uuid.UUID
	// By is what vouches for the principal, without anything secret: "key 4f1c…".
	By string
	// Until is when that ends; the zero time is never.
	Until time.Time
}

// IsNobody reports whether nobody is known to be there.
func (p Principal) IsNobody() bool { return p.Name == "" }

// String returns the name, or "nobody".
func (p Principal) String() string {
	if p.IsNobody() {
		return "nobody"
	}
	return p.Name
}

type (
	principalKey struct{}
	originKey    struct{}
)

// With returns a context in which things are done by a principal.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// Of returns the principal by whom things are done in a context; nobody if it carries none.
func Of(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// WithOrigin returns a context in which things are done from somewhere, such as an address.
// It is written into the audit log, and decides nothing.
func WithOrigin(ctx context.Context, origin string) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginOf returns from where things are done in a context; empty if it is not known.
func OriginOf(ctx context.Context) string {
	origin, _ := ctx.Value(originKey{}).(string)
	return origin
}
