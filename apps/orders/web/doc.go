// Package web is the shop over HTTP: an API for programs and pages for people, at the
// same addresses.
//
// [New] makes a [Site] of an [orders.Shop]. A Site is an [net/http.Handler], and
// [Site.Serve] runs it as a server, with timeouts and a clean end. A client that asks
// for text/html gets a page, all others get JSON, and problems have the form of
// RFC 9457. routes.go lists all addresses; /openapi.json describes them.
//
// What the API promises:
//
//   - A command with an Idempotency-Key is recorded once, however often it is sent, and
//     is answered with what was recorded the first time.
//   - The answer has a Daybook-Token. A query that sends the token back shows at least
//     what that command recorded, or answers that it cannot do so yet.
//   - The answer of a query has an ETag, which changes only if the answer does. A
//     command with the ETag of an order in If-Match is recorded only if the order is
//     still as it was then.
//
// Pages need no JavaScript. With it they stay up to date by themselves.
//
// Read routes.go, commands.go and queries.go, in that order, and processes.go for what the
// shop does by itself. What every application does around its routes is in package
// apps/internal/httpapi: the table of errors, tokens, entity tags and live streams.
package web
