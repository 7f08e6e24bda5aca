// Package httpapi is what the applications have in common over HTTP: how a request is read
// strictly, how an error becomes a problem as RFC 9457 writes it, how a query waits for the
// token of a command, how a page hears what is recorded.
//
// A [Server] has routes, each a [Handler] that returns what came in the way. Around it the
// server guards, logs, counts and bounds the request, and answers with the [Problem] that
// an error is; problem.go has the table. [Server.Receive] reads a command, [Server.Do] runs
// it, and [Server.Asked] begins to answer a query. [Live] streams what is recorded, and
// [Pages] are a site's templates and assets.
//
// Nothing here knows any domain: what an application sells or lends is in its own package.
package httpapi
