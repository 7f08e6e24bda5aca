// Package access decides who may do what: which principal may send which command, ask which
// query, read which events, and administer what.
//
// A [Principal] is who does something; it travels in the context. An [Act] is what is to be
// done. A [Policy] is data, a JSON document that the people who answer for it can read: rules
// that allow and rules that deny. Deny wins, and what no rule allows is denied. A [Guard] is
// the one place that decides: [Guard.Check] asks about any act, [Guard.Authorize] is for the
// bus of package command, and [Guard.Store] is a store that refuses to read what the principal
// may not see. Whatever is denied, and whatever is administered, the guard has written down
// by a [Recorder] first.
//
// Who a request is from, an [Authenticator] says; packages access/apikey and access/oidc have
// some, and [Certificates] is one for mutual TLS. Package access/audit is a Recorder that
// nobody can rewrite unseen.
//
// Read principal.go, act.go, policy.go and guard.go, in that order.
package access
