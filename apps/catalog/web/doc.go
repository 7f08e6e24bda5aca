// Package web is the catalogue over HTTP.
//
// A [Site] has both sides at the same addresses, and they have nothing in common but that.
// What is posted goes over the command bus to the log, and is answered from there; what is
// asked is answered by the showcase, from a database of its own, and goes on being answered,
// marked as stale, while that database is away.
//
// Problems have the form of RFC 9457. A client that sends back the Daybook-Token of a
// command with a query is shown at least what the command did. What every application does
// around its routes is in package apps/internal/httpapi.
//
// Read routes.go, commands.go, bulk.go and queries.go, in that order.
package web
