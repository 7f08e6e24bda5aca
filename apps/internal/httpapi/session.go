package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/daybook-es/daybook/access"
)

// A Session is what the page says at which a browser signs in and out.
type Session struct {
	// Who is signed in; nobody if there is no name.
	Who access.Principal
	// Local says that nobody is asked who they are.
	Local bool
	// Next is where to go on from.
	Next string
	// Problem says why the key was not taken; nil if none was tried.
	Problem *Problem
}

// maxKey is the greatest length of a key or token that a browser keeps: what a cookie may
// hold, its name and the rest left out.
const maxKey = 3500

// keyCookie is the cookie in which a browser keeps its key. Scripts do not see it, and no
// other site's page sends it. The server keeps nothing about it: a key that is revoked is
// not taken the next time.
//
// Over TLS its name begins as browsers take it from this very host alone, and over TLS alone
// (RFC 6265bis): neither a host beside this one nor somebody on the way can have a browser
// act in their name.
func (s *Server) keyCookie(r *http.Request) string {
	name := s.name + "-key"
	if r.TLS != nil {
		return "__Host-" + name
	}
	return name
}

// SessionRoutes are those at which a browser signs in and out: /session shows a form for a
// key, which the browser then keeps and sends with every request. The page is shown by a
// function of the site.
func (s *Server) SessionRoutes(page func(http.ResponseWriter, *http.Request, int, Session)) []Route {
	return []Route{
		{Method: "GET", Path: "/session", Right: Known, Handle: func(w http.ResponseWriter, r *http.Request) error {
			asked, err := Ask(r, "next")
			if err != nil {
				return err
			}
			form, takes := Wanted(r)
			who := access.Of(r.Context())
			switch {
			case !takes:
				return NotAcceptable.Problem("this is to be had as application/json or text/html")
			case form == AsHTML:
				page(w, r, http.StatusOK, Session{Who: who, Local: s.Options.Authenticator == nil, Next: localPath(asked.Get("next"))})
				return nil
			}
			roles := who.Roles
			if roles == nil {
				roles = []string{}
			}
			return WriteJSON(w, http.StatusOK, map[string]any{"principal": who.Name, "roles": roles})
		}},
		{Method: "POST", Path: "/session", Right: Open, Handle: func(w http.ResponseWriter, r *http.Request) error { return s.signIn(w, r, page) }},
		{Method: "POST", Path: "/session/end", Right: Open, Handle: func(w http.ResponseWriter, r *http.Request) error {
			if _, err := Ask(r); err != nil {
				return err
			}
			s.setKey(w, r, "", -1)
			w.Header().Set("Clear-Site-Data", `"cache"`)
			http.Redirect(w, r, "/session", http.StatusSeeOther)
			return nil
		}},
	}
}

// signIn takes the form with a key.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, page func(http.ResponseWriter, *http.Request, int, Session)) error {
	if _, err := Ask(r); err != nil {
		return err
	}
	if _, err := MediaType(r, FormBody); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4*maxKey)
	if err := parseForm(r); err != nil {
		return err
	}
	key, next := strings.TrimSpace(r.PostForm.Get("key")), localPath(r.PostForm.Get("next"))
	tried := r.Clone(r.Context())
	tried.Header.Del("Cookie")
	tried.Header.Set("Authorization", "Bearer "+key)
	_, err := s.whoIs(tried)
	var problem *Problem
	switch {
	case s.Options.Authenticator == nil:
		http.Redirect(w, r, next, http.StatusSeeOther) // #nosec G710 -- see localPath
		return nil
	case err == nil && len(key) <= maxKey:
		s.setKey(w, r, key, 0)
		http.Redirect(w, r, next, http.StatusSeeOther) // #nosec G710 -- see localPath
		return nil
	case err == nil:
		problem = s.unauthenticated(&access.CredentialError{Kind: "key", Reason: "is too long for a browser to keep"})
	case errors.Is(err, access.ErrNoCredential):
		problem = s.unknown(r.Context(), &access.CredentialError{Kind: "key", Reason: "is not known here"})
	default:
		problem = s.unknown(r.Context(), err)
	}
	if form, _ := Wanted(r); form != AsHTML || problem.Kind != Anonymous {
		return problem
	}
	problem.Header(w)
	page(w, r, problem.Status, Session{Next: next, Problem: problem})
	return nil
}

// setKey has the browser keep a key until it is closed, or forget it.
func (s *Server) setKey(w http.ResponseWriter, r *http.Request, key string, maxAge int) {
	// #nosec G124 -- a browser would not send a secure one back without TLS
	http.SetCookie(w, &http.Cookie{
		Name: s.keyCookie(r), Value: key, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
}

// localPath returns an address of this site, and the first page for any other: a form must
// not lead away.
func localPath(given string) string {
	if !strings.HasPrefix(given, "/") || strings.HasPrefix(given, "//") || strings.ContainsAny(given, "\\\r\n\t") {
		return "/"
	}
	return given
}
