package access

import (
	"errors"
	"fmt"
)

// A DeniedError reports that a principal may not do something. Nothing was done.
type DeniedError struct {
	// Principal is who asked; empty for nobody.
	Principal string
	Act       Act
	// Rule is the rule that forbids it, such as "deny[0]"; empty if there is only none that
	// allows it.
	Rule string
	// Reason says why, for people.
	Reason string
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("access: %s may not %s: %s", Principal{Name: e.Principal}, e.Act, e.Reason)
}

// An UnrecordedError reports an administrative act that was not done because it could not be
// written down before.
type UnrecordedError struct {
	Act Act
	// Err is what stood in the way.
	Err error
}

func (e *UnrecordedError) Error() string {
	return fmt.Sprintf("access: %s: it could not be written into the audit log, and so was not done: %v", e.Act, e.Err)
}

// Unwrap returns what stood in the way.
func (e *UnrecordedError) Unwrap() error { return e.Err }

// ErrNoCredential is returned by an [Authenticator] for a request without a credential of the
// kind that it knows.
var ErrNoCredential = errors.New("access: there is no credential")

// A CredentialError reports a credential that is not taken. Its text has nothing in it of what
// is secret, and may be told to whoever sent it.
type CredentialError struct {
	// Kind is what it was taken for: "key", "token", "certificate".
	Kind string
	// Reason says what is wrong with it, as the end of a sentence that begins with the kind.
	Reason string
	// By is what would have vouched for the principal, as [Principal.By] has it, if that is
	// known for sure. It is for the audit log, and not told to whoever sent it.
	By string
	// Err is what the log may say beside it; nil if there is nothing.
	Err error
}

func (e *CredentialError) Error() string { return "access: the " + e.Kind + " " + e.Reason }

// Unwrap returns what the log may say beside it.
func (e *CredentialError) Unwrap() error { return e.Err }
