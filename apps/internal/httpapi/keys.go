package httpapi

import (
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/access/audit"
)

// Kept is what a site keeps about who may do what: its keys, and its audit log.
type Kept struct {
	Keys  *apikey.Keys
	Audit *audit.Log
	// Log is the log that keys are issued for.
	Log uuid.UUID
}

// auditAtMost is how many entries of the audit log one answer has at most.
const auditAtMost = 1000

// A wantedKey is what a request to issue a key says.
type wantedKey struct {
	Name  string        `json:"name"`
	Roles []string      `json:"roles"`
	Scope *access.Scope `json:"scope,omitempty"`
	Until time.Time     `json:"until,omitzero"`
}

// AccessRoutes are those at which keys are issued, listed and revoked, and the audit log is
// read. Where neither is kept there is nothing to be found.
func (s *Server) AccessRoutes() []Route {
	kept := func(handle Handler) Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			if s.Options.Kept == nil {
				return NotFound.Problem("neither keys nor an audit log are kept here; a server that keeps them is started with --access")
			}
			return handle(w, r)
		}
	}
	return []Route{
		{Method: "GET", Path: "/access/keys", Right: ToAdminister("ListKeys"), Handle: kept(s.listKeys)},
		{Method: "POST", Path: "/access/keys", Right: ToAdminister("IssueKey"), Handle: kept(s.issueKey)},
		{Method: "POST", Path: "/access/keys/{id}/revoke", Right: ToAdminister("RevokeKey"), Handle: kept(s.revokeKey)},
		{Method: "GET", Path: "/access/audit", Right: ToAdminister("ReadAudit"), Handle: kept(s.readAudit)},
	}
}

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request) error {
	if _, err := Ask(r); err != nil {
		return err
	}
	keys, err := s.Options.Kept.Keys.List(r.Context())
	if err != nil {
		return err
	}
	if keys == nil {
		keys = []apikey.Key{}
	}
	return WriteJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

func (s *Server) issueKey(w http.ResponseWriter, r *http.Request) error {
	var wanted wantedKey
	if err := readJSON(r, &wanted); err != nil {
		return err
	}
	if err := s.Options.Guard.Policy().CheckRoles(wanted.Roles); err != nil {
		return Invalid.Problem("%s", err.Error())
	}
	if err := s.mayGive(access.Of(r.Context()), wanted); err != nil {
		return err
	}
	key, whole, err := s.Options.Kept.Keys.Issue(r.Context(), apikey.Key{
		Name: wanted.Name, Roles: wanted.Roles, Scope: wanted.Scope, Until: wanted.Until, Log: s.Options.Kept.Log,
	})
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusCreated, map[string]any{"key": key, "secret": whole})
}

// readJSON reads a request that is sent by programs only.
func readJSON(r *http.Request, into any) error {
	if _, err := Ask(r); err != nil {
		return err
	}
	if _, err := MediaType(r, JSONBody); err != nil {
		return err
	}
	return Decode(r.Body, into)
}

// mayGive returns a problem if a key would be good for more than what it is issued with: by
// its roles, by its name, or because it is not of the name or the role that is denied
// something. Whoever has the role admin gives every role and every name.
func (s *Server) mayGive(who access.Principal, wanted wantedKey) error {
	if who.Scope != nil {
		return Denied.Problem("%s has a scope, and could issue one without", who.By)
	}
	policy, given := s.Options.Guard.Policy(), access.Principal{Name: wanted.Name, Roles: wanted.Roles}
	if slices.Contains(who.Roles, "admin") {
		policy = &access.Policy{Deny: policy.Deny}
	} else {
		for _, role := range wanted.Roles {
			if !slices.Contains(who.Roles, role) {
				return Denied.Problem("%s has not got the role %s, and cannot give it", who, role)
			}
		}
	}
	if why := policy.Exceeds(given, who); why != "" {
		return Denied.Problem("such a key would be good for more than what it is issued with: %s", why)
	}
	return nil
}

func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	var why struct {
		Reason string `json:"reason"`
	}
	if err := readJSON(r, &why); err != nil {
		return err
	}
	if err := s.Options.Kept.Keys.Revoke(r.Context(), r.PathValue("id"), why.Reason); err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, map[string]string{"revoked": r.PathValue("id")})
}

func (s *Server) readAudit(w http.ResponseWriter, r *http.Request) error {
	asked, err := Ask(r, "after")
	if err != nil {
		return err
	}
	after, err := Number(asked, "after", 0, math.MaxInt64, 0)
	if err != nil {
		return err
	}
	mark, err := s.Options.Kept.Audit.Mark(r.Context())
	if err != nil {
		return err
	}
	entries := []audit.Entry{}
	for e, err := range s.Options.Kept.Audit.Entries(r.Context(), after) {
		if err != nil {
			return err
		}
		if entries = append(entries, e); len(entries) == auditAtMost {
			break
		}
	}
	return WriteJSON(w, http.StatusOK, map[string]any{"entries": entries, "mark": mark.String()})
}

// NamesOf returns the names that routes have for acts, with those that every site has.
func NamesOf(routes []Route) access.Names {
	names := access.Names{
		Send: []string{}, Ask: []string{"Readiness"}, Administer: []string{access.AppendEvents, access.ReadForgotten},
	}
	for _, route := range routes {
		switch route.Right.act.Kind {
		case access.Sending:
			names.Send = append(names.Send, route.Right.act.Name)
		case access.Asking:
			names.Ask = append(names.Ask, route.Right.act.Name)
		case access.Administering:
			names.Administer = append(names.Administer, route.Right.act.Name)
		}
	}
	return names
}
