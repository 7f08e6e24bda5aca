// Package web is the library over HTTP, in two services that together are one site: a
// [WriteSite] takes every POST, and a [ReadSite] answers every GET, at the same addresses.
//
// They share nothing but the store. Behind a reverse proxy one rule is enough: what is
// posted goes to a write service, all the rest to a read service, whichever. A client is
// not kept with one of them: the Daybook-Token of a command, which a browser has in a
// cookie, makes any read service wait until it shows what the command did. Who has no
// proxy gives the read service the address of a write service (see
// [ReadOptions.Write]), and it hands on what is posted.
//
// A client that asks for text/html gets a page, all others get JSON, and problems have the
// form of RFC 9457. Pages need no JavaScript; with it they stay up to date by themselves.
//
// Read routes.go, write.go and read.go, in that order, and pages.go for the desk. What
// every application does around its routes is in package apps/internal/httpapi.
package web
