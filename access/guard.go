package access

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
)

// An Entry is what is written down about an act, or about a credential that was not taken.
type Entry struct {
	// Outcome is "denied" or "permitted" for an act, and "refused" for a credential.
	Outcome string `json:"outcome"`
	// Act is what was to be done: its kind, and its name where it has one. It is empty for a
	// credential.
	Act  string `json:"act,omitempty"`
	Name string `json:"name,omitempty"`
	// Principal is who wanted it, in which roles, and what vouched for it: of a credential
	// that was not taken its id, where it is one that was issued, and else its kind.
	Principal string   `json:"principal,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	By        string   `json:"by,omitempty"`
	// Origin is from where.
	Origin string `json:"origin,omitempty"`
	// Reason says why it was denied or refused.
	Reason string `json:"reason,omitempty"`
}

// The outcomes that are written down.
const (
	Denied    = "denied"
	Permitted = "permitted"
	Refused   = "refused"
)

// A Recorder writes down what a guard tells it. It is called by many goroutines.
type Recorder interface {
	// Record writes an administrative act down. When it returns nil the entry is as durable
	// as the audit log is.
	Record(ctx context.Context, e Entry) error
	// Tell writes down an act that was denied, or a credential that was refused. What it
	// must, it puts off and counts together: such acts cost those who try them nothing, and
	// must not fill a disk. An error is for the log.
	Tell(ctx context.Context, e Entry) error
}

// GuardOptions adjust a guard. The zero value, and nil, are right for a program that keeps no
// audit log.
type GuardOptions struct {
	// Log is the log that the guard is of. Principals whose credentials are for another one
	// are denied everything. The zero UUID takes principals of any.
	Log uuid.UUID
	// Recorder writes down what is denied, and what is administered before it is. Nil writes
	// nothing down.
	Recorder Recorder
	// Logger is told of denials that could not be written down. Nil means slog.Default.
	Logger *slog.Logger
}

// A Guard is the one place that decides who may do what. It never changes and may be used by
// many goroutines.
type Guard struct {
	policy  *Policy
	options GuardOptions
}

// NewGuard returns a guard that goes by a policy. Nil options mean the zero GuardOptions.
func NewGuard(policy *Policy, options *GuardOptions) *Guard {
	g := &Guard{policy: policy}
	if options != nil {
		g.options = *options
	}
	if g.options.Logger == nil {
		g.options.Logger = slog.Default()
	}
	return g
}

// Policy returns the policy that the guard goes by.
func (g *Guard) Policy() *Policy { return g.policy }

// Check returns nil if the context's principal may do an act now, and a [*DeniedError]
// otherwise. A denial is written down; that it could not be changes nothing about it.
//
// An act of administering is written down before Check returns nil, so that nothing is
// administered that no entry tells of, whatever crashes. If it cannot be, the error is an
// [*UnrecordedError].
func (g *Guard) Check(ctx context.Context, act Act) error {
	who := Of(ctx)
	if err := g.Decide(who, act); err != nil {
		g.tell(ctx, act, err)
		return err
	}
	if act.Kind != Administering || g.options.Recorder == nil {
		return nil
	}
	if err := g.options.Recorder.Record(ctx, g.entryOf(ctx, act, Permitted)); err != nil {
		return &UnrecordedError{Act: act, Err: err}
	}
	return nil
}

// CheckAny is [Guard.Check] for an act of which it is not known yet what it is about: it is
// denied only if it would be whatever that is. It is for turning somebody away at the door;
// the act itself is checked before it is done.
func (g *Guard) CheckAny(ctx context.Context, act Act) error {
	act.anything = true
	return g.Check(ctx, act)
}

// Decide is [Guard.Check] for who only wants to know, such as a page that shows what may be
// done: nothing is written down.
func (g *Guard) Decide(who Principal, act Act) error {
	if g.Admit(who) != nil {
		return &DeniedError{Principal: who.Name, Act: act, Reason: who.By + " is for another log"}
	}
	return g.policy.Decide(who, act)
}

// Admit returns a [*CredentialError] for a principal whose credential is for another log than
// the guard is of: nobody knows them here.
func (g *Guard) Admit(who Principal) error {
	if g.options.Log == uuid.Nil || who.Log == uuid.Nil || who.Log == g.options.Log {
		return nil
	}
	kind, _, _ := strings.Cut(who.By, " ")
	return &CredentialError{Kind: kind, By: who.By, Reason: "is for another log"}
}

// DecideAny is [Guard.Decide] about the most favourable thing that the act could be about, as
// [Guard.CheckAny] has it.
func (g *Guard) DecideAny(who Principal, act Act) error {
	act.anything = true
	return g.Decide(who, act)
}

// Authorize is the [command.Options.Authorize] of a bus whose commands are guarded by their
// names: it checks that the context's principal may send the command, and is who the envelope
// says that it is from. What a command is about, it says itself if it has a method
// About() daybook.Query.
func (g *Guard) Authorize(ctx context.Context, sent command.Sent) error {
	act := ActOf(sent.Type, sent.Command)
	if who := Of(ctx); who.Name != sent.Principal {
		err := &DeniedError{Principal: who.Name, Act: act, Reason: "it is sent in the name of " + Principal{Name: sent.Principal}.String()}
		g.tell(ctx, act, err)
		return err
	}
	return g.Check(ctx, act)
}

// An abouter is a command that says what it is about.
type abouter interface{ About() daybook.Query }

// ActOf returns the act of sending a command, about what the command says that it is about.
func ActOf(name string, c any) Act {
	act := Send(name)
	if says, does := c.(abouter); does {
		act.On = says.About()
	}
	return act
}

// Refused writes down that a credential was not taken.
func (g *Guard) Refused(ctx context.Context, err *CredentialError) {
	if g.options.Recorder == nil {
		return
	}
	entry := Entry{Outcome: Refused, By: cmp.Or(err.By, err.Kind), Origin: OriginOf(ctx), Reason: err.Reason}
	if err := g.options.Recorder.Tell(ctx, entry); err != nil {
		g.options.Logger.ErrorContext(ctx, "a refused credential could not be written into the audit log", "entry", entry, "error", err)
	}
}

// tell writes down that an act was denied.
func (g *Guard) tell(ctx context.Context, act Act, denied error) {
	if g.options.Recorder == nil {
		return
	}
	entry := g.entryOf(ctx, act, Denied)
	entry.Reason = reasonOf(denied)
	if err := g.options.Recorder.Tell(ctx, entry); err != nil {
		g.options.Logger.ErrorContext(ctx, "a denial could not be written into the audit log", "entry", entry, "error", err)
	}
}

// entryOf returns the entry of an act. Of the roles it has those that the policy knows, once
// each: an issuer may tell of a thousand groups that mean nothing here, and the audit log must
// not grow with them.
func (g *Guard) entryOf(ctx context.Context, act Act, outcome string) Entry {
	who := Of(ctx)
	var roles []string
	for _, role := range who.Roles {
		if _, known := g.policy.Roles[role]; known && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return Entry{
		Outcome: outcome, Act: act.Kind.String(), Name: act.Name,
		Principal: who.Name, Roles: roles, By: who.By, Origin: OriginOf(ctx),
	}
}

// reasonOf returns why something was denied.
func reasonOf(err error) string {
	denied := (*DeniedError)(nil)
	if !errors.As(err, &denied) {
		return err.Error()
	}
	if denied.Rule != "" {
		return denied.Rule + ": " + denied.Reason
	}
	return denied.Reason
}
