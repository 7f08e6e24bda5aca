package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A Shower is what keeps something shown in step with the log: views and their runner.
type Shower interface {
	// Wait returns when what is shown has come to a point.
	Wait(context.Context, daybook.Point) error
	// Status says where it stands.
	Status(context.Context) (projection.Status, error)
}

// tokenCookie is the cookie that carries a token from a form to the pages after it, and
// doneCookie that with what they should say was done.
func (s *Server) tokenCookie() string { return s.name + "-token" }
func (s *Server) doneCookie() string  { return s.name + "-done" }

// Carry lets the pages that a browser asks for next show a command, and say that it was
// done. The zero Point carries no token.
func (s *Server) Carry(w http.ResponseWriter, token daybook.Point, done string) {
	for name, value := range map[string]string{s.tokenCookie(): token.String(), s.doneCookie(): done} {
		if name == s.tokenCookie() && token.IsZero() {
			continue
		}
		// #nosec G124 -- it is no secret, and is wanted without TLS too
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
}

// Done returns what the visitor has just had done, as [Server.Carry] was told, and takes it
// back; empty if it is nothing.
func (s *Server) Done(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(s.doneCookie())
	if err != nil {
		return ""
	}
	forget(w, s.doneCookie())
	return cookie.Value
}

// forget takes a cookie back.
func forget(w http.ResponseWriter, name string) {
	// #nosec G124 -- it holds nothing
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// Asked begins to answer a query: it says in which form the answer is wanted, and
// waits for the client's token.
func (s *Server) Asked(w http.ResponseWriter, r *http.Request, shower Shower) (Form, error) {
	w.Header().Add("Vary", "Accept, "+TokenHeader)
	form, takes := Wanted(r)
	if !takes {
		return AsJSON, NotAcceptable.Problem("this is to be had as application/json or text/html")
	}
	return form, s.Await(w, r, shower)
}

// Await waits until the token that a query sends is shown, if it sends one.
func (s *Server) Await(w http.ResponseWriter, r *http.Request, shower Shower) error {
	token, err := TokenOf(r)
	if err != nil {
		return err
	}
	fromPage := false
	if cookie, none := r.Cookie(s.tokenCookie()); none == nil && token.IsZero() {
		// Whatever is wrong with a cookie is nothing that the visitor could mend.
		token, err = daybook.ParsePoint(cookie.Value)
		if err != nil {
			forget(w, s.tokenCookie())
			return nil
		}
		fromPage = true
	}
	if token.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.Options.Patience)
	defer cancel()
	err = shower.Wait(ctx, token)
	foreign := (*daybook.LifeError)(nil)
	switch {
	case err == nil:
		return nil
	case fromPage && errors.As(err, &foreign):
		forget(w, s.tokenCookie())
		return nil
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	}
	status, statusErr := shower.Status(r.Context())
	if statusErr != nil {
		return statusErr
	}
	problem := Lagging.Problem("the views show position %d, and you asked for %d", status.Checkpoint.Position, token.Position)
	problem.Lag, problem.Err = status.Lag, err
	return problem
}
