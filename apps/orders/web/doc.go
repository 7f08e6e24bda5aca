// Package web is the shop over HTTP: an API for programs and pages for people, at the
// same addresses.
//
// [New] makes a [Site] of an [orders.Shop]; it is an [net/http.Handler], and its Serve
// runs it as a server with the timeouts and the clean end that it needs. A client that
// asks for text/html gets a page, everybody else JSON, and problems are told as
// RFC 9457 has it. What there is is in routes.go, and as an OpenAPI document at
// /openapi.json.
//
// What the API promises:
//
//   - A command that carries an Idempotency-Key is recorded once, however often it is
//     sent, and answered with what was recorded.
//   - Its answer carries a Daybook-Token. A query that sends it back shows at least
//     that command, or says that it cannot yet.
//   - Queries carry an ETag, which changes when their answer does and not before. A
//     command with the ETag of an order in If-Match is recorded only if the order is
//     still as it was.
//
// Pages need no JavaScript. With it they stay up to date by themselves.
//
// Read routes.go, commands.go and queries.go, in that order; problem.go has the
// table of errors, and live.go the stream of events.
package web
