package access

import (
	"errors"
	"net/http"
	"strings"
)

// An Authenticator says who a request is from. It is called by many goroutines.
type Authenticator interface {
	// Authenticate returns the principal that the request's credential is of. The error is
	// [ErrNoCredential] if there is none of the kind that it knows, a [*CredentialError] if
	// there is one that is not taken, and any other if it cannot tell just now.
	Authenticate(*http.Request) (Principal, error)
}

// An AuthenticatorFunc is a function that is an [Authenticator].
type AuthenticatorFunc func(*http.Request) (Principal, error)

// Authenticate calls the function.
func (f AuthenticatorFunc) Authenticate(r *http.Request) (Principal, error) { return f(r) }

// AnyOf returns an authenticator that asks others in turn, until one knows the request's
// credential. One that is not taken is not tried with the others: whoever sends it wants to
// be known by it.
func AnyOf(others ...Authenticator) Authenticator {
	return AuthenticatorFunc(func(r *http.Request) (Principal, error) {
		for _, a := range others {
			if who, err := a.Authenticate(r); !errors.Is(err, ErrNoCredential) {
				return who, err
			}
		}
		return Principal{}, ErrNoCredential
	})
}

// Bearer returns the token that a request's Authorization header bears (RFC 6750). Without
// such a header the error is [ErrNoCredential]; one of another scheme, one that is empty, and
// more than one is a [*CredentialError].
func Bearer(r *http.Request) (string, error) {
	given := r.Header.Values("Authorization")
	switch {
	case len(given) == 0:
		return "", ErrNoCredential
	case len(given) > 1:
		return "", &CredentialError{Kind: "header Authorization", Reason: "is there more than once"}
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", &CredentialError{Kind: "header Authorization", Reason: "is of a scheme that is not taken here; Bearer is"}
	}
	if token == "" || strings.ContainsAny(token, " \t,") {
		return "", &CredentialError{Kind: "header Authorization", Reason: "bears no token"}
	}
	return token, nil
}
