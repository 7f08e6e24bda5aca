package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/projection"
)

// A Kind is a kind of problem. Programs act on its name, which is the end of a
// problem's type; people read its title and advice.
type Kind struct {
	Name   string
	Status int
	// Title says what happened, and is the same every time.
	Title string
	// Advice says what the client can do now.
	Advice string
}

// The kinds of problem. The page /problems of a site shows this list.
var (
	Malformed      = Kind{"malformed", http.StatusBadRequest, "The request cannot be read", "Mend the request; sent again as it is it will fail again."}
	CrossOrigin    = Kind{"cross-origin", http.StatusForbidden, "Another site sent this request", "Send the form from this site's own page."}
	Misdirected    = Kind{"misdirected", http.StatusMisdirectedRequest, "This site does not go by this name", "Ask under the address that the server printed. A server that others know by a name is started with --host NAME."}
	Anonymous      = Kind{"unauthenticated", http.StatusUnauthorized, "It is not known who you are", "Send a key in the header Authorization: Bearer KEY, or sign in at /session. Whoever administers the site gives out keys."}
	Denied         = Kind{"denied", http.StatusForbidden, "You may not do this", "Ask somebody who may."}
	NotFound       = Kind{"not-found", http.StatusNotFound, "There is nothing here", "Check the address, or begin at the first page."}
	WrongMethod    = Kind{"method-not-allowed", http.StatusMethodNotAllowed, "That cannot be done here", "The Allow header names the methods that can."}
	NotAcceptable  = Kind{"not-acceptable", http.StatusNotAcceptable, "There is no such form of this", "Ask for application/json, or for text/html where there is a page."}
	Conflict       = Kind{"conflict", http.StatusConflict, "Somebody else was first", "Look at it again, then decide again."}
	ForeignToken   = Kind{"foreign-token", http.StatusConflict, "The token is of another log", "Drop the token: the log was restored or replaced since it was given out."}
	Preconditions  = Kind{"precondition-failed", http.StatusPreconditionFailed, "It has changed since you looked", "Look at it again, then decide again."}
	StillAside     = Kind{"still-set-aside", http.StatusConflict, "It still cannot go on", "Mend what the detail says and try again, or skip what it cannot take."}
	TooSlow        = Kind{"too-slow", http.StatusRequestTimeout, "The request took too long to arrive", "Send it again, in smaller parts if the way is slow."}
	TooMany        = Kind{"too-many", http.StatusTooManyRequests, "You are asking for too much at once", "Wait as long as Retry-After says, and then send fewer at a time."}
	TooLarge       = Kind{"too-large", http.StatusRequestEntityTooLarge, "The request is too large", "Send less at once."}
	WrongMediaType = Kind{"unsupported-media-type", http.StatusUnsupportedMediaType, "The request is in a form that is not understood here", "Send application/json."}
	Refused        = Kind{"refused", http.StatusUnprocessableEntity, "The rules say no", "The rule says why; what is recorded did not change."}
	Invalid        = Kind{"invalid", http.StatusUnprocessableEntity, "Something in the request cannot be so", "Mend what is named, and send it again."}
	KeyReused      = Kind{"key-reused", http.StatusUnprocessableEntity, "The Idempotency-Key was used for something else", "Take a new key for a new command."}
	Unavailable    = Kind{"unavailable", http.StatusServiceUnavailable, "This cannot be done just now", "Nothing was recorded. Try again in a moment."}
	Lagging        = Kind{"lagging", http.StatusServiceUnavailable, "What is shown here is still catching up", "Try again in a moment, or ask without the token."}
	SetAside       = Kind{"set-aside", http.StatusServiceUnavailable, "It is recorded, and cannot be shown", "Ask without the token for all the rest. It is shown once somebody has seen to it."}
	Unreadable     = Kind{"unreadable", http.StatusServiceUnavailable, "The log has what this program cannot read", "Nothing was recorded. A newer program recorded it, or it is damaged: tell whoever runs this server."}
	UnknownOutcome = Kind{"unknown-outcome", http.StatusServiceUnavailable, "It may have been recorded", "Send it again with the same Idempotency-Key: it will be recorded once, and the answer will say."}
	Internal       = Kind{"internal", http.StatusInternalServerError, "Something went wrong here", "It is in the log under the reference. Trying again may help."}
)

// Kinds are all of them, in the order in which they are explained.
var Kinds = []Kind{
	Malformed, CrossOrigin, Misdirected, Anonymous, Denied, NotFound, WrongMethod, NotAcceptable, Conflict, StillAside, ForeignToken, Preconditions,
	TooSlow, TooMany, TooLarge, WrongMediaType, Refused, Invalid, KeyReused, Internal, Unavailable, Lagging, SetAside, Unreadable, UnknownOutcome,
}

// A Problem is an answer that is no success, as RFC 9457 writes it. It is an error:
// handlers return it, and one place answers with it.
type Problem struct {
	// Type identifies the kind of problem, as a reference to the page that explains it.
	Type string `json:"type"`
	// Title says what happened, the same for each problem of the type.
	Title string `json:"title"`
	// Status is the HTTP status.
	Status int `json:"status"`
	// Detail says what happened this time.
	Detail string `json:"detail,omitempty"`
	// Instance is the reference under which the log has it.
	Instance string `json:"instance,omitempty"`
	// Rule is the name of the rule that refused a command.
	Rule string `json:"rule,omitempty"`
	// Advice says what can be done about it.
	Advice string `json:"advice,omitempty"`
	// Position is that of the event that stood in the way, or of the moment at which
	// it was decided; zero where there is none.
	Position daybook.Position `json:"position,omitempty"`
	// Lag is how many positions the read model still has to go.
	Lag uint64 `json:"lag,omitempty"`

	// Kind is the kind that it is of.
	Kind Kind `json:"-"`
	// Err is what the log should say about it.
	Err error `json:"-"`
	// SignIn is where a browser signs in, and is led back from; empty for other problems.
	SignIn string `json:"-"`

	allow     string        // of a wrong method
	challenge string        // of somebody who is not known
	wait      time.Duration // until it may be sent again, if that is more than usual
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// Unwrap returns the error behind the problem, if there is one.
func (p *Problem) Unwrap() error { return p.Err }

// Problem returns a problem of the kind. The detail is formatted as fmt.Sprintf does.
func (k Kind) Problem(detail string, args ...any) *Problem {
	return &Problem{
		Type:   "/problems#" + k.Name,
		Title:  k.Title,
		Status: k.Status,
		Detail: Sentence(fmt.Sprintf(detail, args...)),
		Advice: k.Advice,
		Kind:   k,
	}
}

// ProblemOf says which problem an error is. It is the one place that knows how the
// Kinds of error of package daybook are answered over HTTP. An error of no kind is
// internal: it is logged whole, and the answer says only that it happened.
func ProblemOf(err error) *Problem {
	var (
		problem   *Problem
		tooBig    *http.MaxBytesError
		denies    *command.DeniedError
		forbids   *access.DeniedError
		silent    *access.UnrecordedError
		refuses   *daybook.RefusedError
		reuses    *daybook.ReusedError
		foreign   *daybook.LifeError
		conflicts *daybook.ConflictError
		wrong     *daybook.InvalidError
		unknown   *daybook.UnknownError
		unread    *daybook.UnreadableError
		away      *daybook.UnavailableError
		aside     *projection.SetAsideError
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &tooBig):
		problem = TooLarge.Problem("at most %s bytes are taken here", Thousands(tooBig.Limit))
	case errors.As(err, &forbids):
		problem = Denied.Problem("to %s is denied to %s: %s", forbids.Act, access.Principal{Name: forbids.Principal}, forbids.Reason)
	case errors.As(err, &silent):
		problem = Unavailable.Problem("it cannot be written into the audit log, and so was not done")
	case errors.As(err, &denies):
		problem = Denied.Problem("%v", denies)
	case errors.As(err, &refuses):
		problem = Refused.Problem("%s", refuses.Err.Error())
		problem.Rule, problem.Position = refuses.Rule, refuses.At.Position
	case errors.As(err, &reuses):
		problem = KeyReused.Problem("this key has been used for another command")
		problem.Position = reuses.Position
	case errors.As(err, &aside):
		problem = SetAside.Problem("%s", aside.Error())
	case errors.As(err, &foreign):
		problem = ForeignToken.Problem("%s", foreign.Error())
	case errors.As(err, &conflicts):
		problem = Conflict.Problem("%s", conflicts.Error())
		problem.Position = conflicts.Position()
	case errors.As(err, &wrong):
		problem = Invalid.Problem("%s", wrong.Error())
	case errors.As(err, &unread):
		problem = Unreadable.Problem("%s at position %d is none of what this program knows, or damaged", cmp.Or(unread.Type, "the event"), unread.Position)
		problem.Position = unread.Position
	case errors.As(err, &unknown):
		problem = UnknownOutcome.Problem("the log did not answer in time")
	case errors.As(err, &away):
		problem = Unavailable.Problem("the log cannot take it")
	case errors.Is(err, daybook.ErrClosed):
		problem = Unavailable.Problem("the server is closing")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		problem = Unavailable.Problem("the time for this request ran out")
	default:
		problem = Internal.Problem("")
	}
	problem.Err = err
	return problem
}

// retryAfter is how long a client that was told to come again should wait at least.
const retryAfter = time.Second

// Write answers with the problem as JSON.
func (p *Problem) Write(w http.ResponseWriter) {
	p.Header(w)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	// A client that is gone is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// Header sets what every answer with the problem says, in whatever form.
func (p *Problem) Header(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Del("ETag")
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(max(p.wait, retryAfter).Seconds()))))
	}
	if p.challenge != "" {
		w.Header().Set("WWW-Authenticate", p.challenge)
	}
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
}
