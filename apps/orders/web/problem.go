package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/projection"
)

// A kind is a kind of problem. Programs act on its name, which is the end of a
// problem's type; people read its title and advice.
type kind struct {
	name   string
	status int
	// title says what happened, and is the same every time.
	title string
	// advice says what the client can do now.
	advice string
}

// The kinds of problem. The page /problems shows this list.
var (
	malformed      = kind{"malformed", http.StatusBadRequest, "The request cannot be read", "Mend the request; sent again as it is it will fail again."}
	crossOrigin    = kind{"cross-origin", http.StatusForbidden, "Another site sent this request", "Send the form from the shop's own page."}
	misdirected    = kind{"misdirected", http.StatusMisdirectedRequest, "The shop does not go by this name", "Ask under the address that the server printed. A server that others know by a name is started with --host NAME."}
	denied         = kind{"denied", http.StatusForbidden, "You may not do this", "Ask somebody who may."}
	notFound       = kind{"not-found", http.StatusNotFound, "There is nothing here", "Check the address, or begin at the list of orders."}
	wrongMethod    = kind{"method-not-allowed", http.StatusMethodNotAllowed, "That cannot be done here", "The Allow header names the methods that can."}
	notAcceptable  = kind{"not-acceptable", http.StatusNotAcceptable, "There is no such form of this", "Ask for application/json, or for text/html where there is a page."}
	conflict       = kind{"conflict", http.StatusConflict, "Somebody else was first", "Look at it again, then decide again."}
	foreignToken   = kind{"foreign-token", http.StatusConflict, "The token is of another log", "Drop the token: the log was restored or replaced since it was given out."}
	preconditions  = kind{"precondition-failed", http.StatusPreconditionFailed, "It has changed since you looked", "Look at it again, then decide again."}
	stillAside     = kind{"still-set-aside", http.StatusConflict, "It still cannot go on", "Mend what the detail says and try again, or skip what it cannot take."}
	tooLarge       = kind{"too-large", http.StatusRequestEntityTooLarge, "The request is too large", "Send less at once."}
	wrongMediaType = kind{"unsupported-media-type", http.StatusUnsupportedMediaType, "The request is in a form that is not understood here", "Send application/json."}
	refused        = kind{"refused", http.StatusUnprocessableEntity, "The shop said no", "The rule says why; what is recorded did not change."}
	invalid        = kind{"invalid", http.StatusUnprocessableEntity, "Something in the request cannot be so", "Mend what is named, and send it again."}
	keyReused      = kind{"key-reused", http.StatusUnprocessableEntity, "The Idempotency-Key was used for something else", "Take a new key for a new command."}
	unavailable    = kind{"unavailable", http.StatusServiceUnavailable, "The shop cannot do this just now", "Nothing was recorded. Try again in a moment."}
	lagging        = kind{"lagging", http.StatusServiceUnavailable, "The shop is still catching up", "Try again in a moment, or ask without the token."}
	setAside       = kind{"set-aside", http.StatusServiceUnavailable, "It is recorded, and cannot be shown", "Ask without the token for all the rest. It is shown once somebody has seen to it, on the page of the read models."}
	unknownOutcome = kind{"unknown-outcome", http.StatusServiceUnavailable, "It may have been recorded", "Send it again with the same Idempotency-Key: it will be recorded once, and the answer will say."}
	internal       = kind{"internal", http.StatusInternalServerError, "Something went wrong here", "It is in the log under the reference. Trying again may help."}
)

// kinds are all of them, in the order in which they are explained.
var kinds = []kind{
	malformed, crossOrigin, misdirected, denied, notFound, wrongMethod, notAcceptable, conflict, stillAside, foreignToken, preconditions,
	tooLarge, wrongMediaType, refused, invalid, keyReused, internal, unavailable, lagging, setAside, unknownOutcome,
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

	kind  kind
	allow string // of a wrong method
	err   error  // what the log should say about it
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// Unwrap returns the error behind the problem, if there is one.
func (p *Problem) Unwrap() error { return p.err }

// problem returns a problem of a kind. The detail is formatted as fmt.Sprintf does.
func (k kind) problem(detail string, args ...any) *Problem {
	return &Problem{
		Type:   "/problems#" + k.name,
		Title:  k.title,
		Status: k.status,
		Detail: sentence(fmt.Sprintf(detail, args...)),
		Advice: k.advice,
		kind:   k,
	}
}

// problemOf says which problem an error is. It is the one place that knows how the
// kinds of error of package daybook are answered over HTTP. An error of no kind is
// internal: it is logged whole, and the answer says only that it happened.
func problemOf(err error) *Problem {
	var (
		problem   *Problem
		tooBig    *http.MaxBytesError
		denies    *command.DeniedError
		refuses   *daybook.RefusedError
		reuses    *daybook.ReusedError
		foreign   *daybook.LifeError
		conflicts *daybook.ConflictError
		wrong     *daybook.InvalidError
		unknown   *daybook.UnknownError
		away      *daybook.UnavailableError
		aside     *projection.SetAsideError
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &tooBig):
		problem = tooLarge.problem("at most %s bytes are taken here", thousands(tooBig.Limit))
	case errors.As(err, &denies):
		problem = denied.problem("%v", denies)
	case errors.As(err, &refuses):
		problem = refused.problem("%s", refuses.Err.Error())
		problem.Rule, problem.Position = refuses.Rule, refuses.At.Position
	case errors.As(err, &reuses):
		problem = keyReused.problem("this key has been used for another command")
		problem.Position = reuses.Position
	case errors.As(err, &aside):
		problem = setAside.problem("%s", aside.Error())
	case errors.As(err, &foreign):
		problem = foreignToken.problem("%s", foreign.Error())
	case errors.As(err, &conflicts):
		problem = conflict.problem("%s", conflicts.Error())
		problem.Position = conflicts.Position()
	case errors.As(err, &wrong):
		problem = invalid.problem("%s", wrong.Error())
	case errors.As(err, &unknown):
		problem = unknownOutcome.problem("the log did not answer in time")
	case errors.As(err, &away):
		problem = unavailable.problem("the log cannot take it")
	case errors.Is(err, daybook.ErrClosed):
		problem = unavailable.problem("the shop is closing")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		problem = unavailable.problem("the time for this request ran out")
	default:
		problem = internal.problem("")
	}
	problem.err = err
	return problem
}

// retryAfter is how long a client that was told 503 should wait.
const retryAfter = 1 // seconds

// write answers with the problem as JSON.
func (p *Problem) write(w http.ResponseWriter) {
	p.header(w)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	// A client that is gone is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// header sets what every answer with the problem says, in whatever form.
func (p *Problem) header(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Del("ETag")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
}
