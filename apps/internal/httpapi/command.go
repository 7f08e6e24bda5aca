package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/command"
)

// JSONBody and FormBody are the forms in which a command may be sent.
const (
	JSONBody = "application/json"
	FormBody = "application/x-www-form-urlencoded"
)

// A Received is a command as a request brought it.
type Received struct {
	Envelope command.Envelope
	// IfMatch is the condition that the sender set; empty if there is none.
	IfMatch string
	// Form is what a page's form held; nil if it was sent as JSON.
	Form url.Values
}

// Receive reads a command: JSON into c, or the fields of a form by way of fill.
func (s *Server) Receive(w http.ResponseWriter, r *http.Request, c any, fill func(*Fields)) (Received, error) {
	sent := Received{Envelope: command.Envelope{Principal: access.Of(r.Context()).Name}}
	if _, err := Ask(r); err != nil {
		return sent, err
	}
	media, err := MediaType(r, JSONBody, FormBody)
	if err != nil {
		return sent, err
	}
	// A long route takes larger requests, but no larger commands.
	r.Body = http.MaxBytesReader(w, r.Body, s.gate.limits.Body)
	if media == FormBody {
		if err := parseForm(r); err != nil {
			return sent, err
		}
		sent.Form = r.PostForm
		read := &Fields{Values: r.PostForm}
		fill(read)
		if read.Err != nil {
			return sent, read.Err
		}
		if key := r.PostForm.Get("key"); key != "" {
			sent.Envelope.Key, err = CheckKey(key)
		}
		return sent, err
	}
	if err := Decode(r.Body, c); err != nil {
		return sent, err
	}
	if sent.Envelope.Key, err = KeyOf(r); err != nil {
		return sent, err
	}
	sent.IfMatch = strings.TrimSpace(r.Header.Get("If-Match"))
	return sent, nil
}

// parseForm reads the form that a request's body is, into its PostForm.
func parseForm(r *http.Request) error {
	err := r.ParseForm()
	tooBig := (*http.MaxBytesError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooBig), errors.Is(err, os.ErrDeadlineExceeded):
		return CutShort(err)
	}
	return Malformed.Problem("the form cannot be read: %v", err)
}

// A Doer runs commands, as a [command.Bus] does.
type Doer interface {
	Do(ctx context.Context, e command.Envelope, c any) (daybook.Receipt, error)
}

// Do runs a command under its name and logs it, with the version that it led
// to in a stream. What it is about is logged as names and values by turns.
func (s *Server) Do(ctx context.Context, bus Doer, e command.Envelope, name string, c any, stream string, about ...any) (daybook.Receipt, error) {
	began := time.Now()
	var receipt daybook.Receipt
	err := s.Options.Guard.Check(ctx, actOf(ctx, name, c))
	if err == nil {
		receipt, err = bus.Do(ctx, e, c)
	}
	outcome := outcomeOf(receipt, err)
	s.Log.InfoContext(ctx, "command", append([]any{"command", name, "actor", e.Principal,
		"outcome", outcome, "position", receipt.Position, "version", receipt.Versions[stream], "took", time.Since(began)}, about...)...)
	return receipt, err
}

func outcomeOf(receipt daybook.Receipt, err error) string {
	switch {
	case err != nil:
		return ProblemOf(err).Kind.Name
	case receipt.Repeated:
		return "repeated"
	case len(receipt.Versions) == 0:
		return "nothing"
	}
	return "recorded"
}

// Unmatched returns the problem that what a noun names was not as the command's If-Match has
// it, if that is what an error means; any other error as it is.
func (sent Received) Unmatched(err error, noun string) error {
	conflicted := (*daybook.ConflictError)(nil)
	if sent.IfMatch == "" || !errors.As(err, &conflicted) {
		return err
	}
	problem := Preconditions.Problem("the %s is not as the If-Match has it", noun)
	problem.Position, problem.Err = conflicted.Position(), err
	return problem
}

// WriteLeft answers a command with what it left, whose content the tag names, and says where
// that is if it was created.
func WriteLeft(w http.ResponseWriter, receipt daybook.Receipt, tag, created string, left any) error {
	w.Header().Set("ETag", Quoted(tag))
	if receipt.Repeated {
		w.Header().Set("Daybook-Repeated", "true")
	}
	status := http.StatusOK
	if created != "" {
		status = http.StatusCreated
		w.Header().Set("Location", created)
	}
	return WriteJSON(w, status, left)
}

// Again notes that a form came to nothing, and returns it as a page shows it again, under the
// status of its problem.
func (s *Server) Again(w http.ResponseWriter, r *http.Request, sent Received, err error) *RefusedForm {
	problem := *ProblemOf(err)
	problem.Instance = daybook.TraceOf(r.Context()).Correlation
	s.Log.WarnContext(r.Context(), "form refused", "problem", problem.Kind.Name, "error", err)
	problem.Header(w)
	return &RefusedForm{Problem: &problem, Values: sent.Form}
}

// Fields reads the fields of a form, and keeps the first thing that is wrong with them in
// Err.
type Fields struct {
	Values url.Values
	Err    error
}

// Text returns a field without the white space around it.
func (f *Fields) Text(name string) string { return strings.TrimSpace(f.Values.Get(name)) }

// Wrong notes what is wrong with a field, unless something was before.
func (f *Fields) Wrong(detail string, args ...any) {
	f.Err = cmp.Or(f.Err, error(Invalid.Problem(detail, args...)))
}

// Number returns a field that is a whole number; zero if it is empty.
func (f *Fields) Number(name string) int64 {
	given := f.Text(name)
	if given == "" {
		return 0
	}
	n, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		f.Wrong("%s: %q is not a whole number", name, given)
	}
	return n
}

// A RefusedForm is a form that came to nothing, to be shown again. A nil one is a form
// that nobody has filled in.
type RefusedForm struct {
	Problem *Problem
	// Command is the end of the address that it was sent to; empty for something new.
	Command string
	Values  url.Values
}

// Was returns what was filled in under a name, or what a form begins with.
func (f *RefusedForm) Was(name, otherwise string) string {
	if f == nil || !f.Values.Has(name) {
		return otherwise
	}
	return f.Values.Get(name)
}

// Checked reports whether a box was checked, as it is to begin with.
func (f *RefusedForm) Checked(name string) bool { return f == nil || f.Values.Get(name) != "" }

// Of reports whether this form was the one for a command.
func (f *RefusedForm) Of(command string) bool { return f != nil && f.Command == command }

// Key returns the Idempotency-Key for a form: the one that it was sent with, so that
// sending it again is the same command, or else a new one.
func (f *RefusedForm) Key(command string) string {
	if f.Of(command) && f.Values.Get("key") != "" {
		return f.Values.Get("key")
	}
	return uuid.NewString()
}
