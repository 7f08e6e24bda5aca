// Package webhook posts events to a URL, signed, and has what a receiver needs to check the
// signature. A [Sink] is what a publisher of package publish sends to; receivers in Go call
// [Verify].
//
// # The request
//
// A POST of one event as a JSON object: a line as package jsonlines writes it, without the
// line feed. Its headers are those of Standard Webhooks (standardwebhooks.com), for whose
// signatures there are libraries in many languages:
//
//	Content-Type: application/json
//	webhook-id: 01930000-0000-7000-8000-000000000001    the event's id, by which to deduplicate
//	webhook-timestamp: 1795262400                       when it was sent, in seconds since 1970
//	webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
//	Daybook-Attempt: 1                                  how often it was tried
//
// The signature is the HMAC-SHA256 of the id, a full stop, the timestamp, a full stop and the
// body, in base64. There is one for each secret, separated by spaces, so that a secret can be
// replaced: the sender signs with the old one and the new one until the receiver knows the
// new one.
//
// # The answer
//
// Any 2xx says that the receiver has the event for good. 429 and 503 say that it takes none
// now, and so does Retry-After with any answer that is tried again; the publisher then
// leaves it alone for as long as it asks, ten minutes at most. Other 5xx, 408, 425 and
// answers that do not come in time are tried again. All else is a refusal of this event,
// redirects included: they are not followed.
//
// # Where requests go
//
// Whoever may choose the URL must not get at what only this program's machine can reach. So
// the address is looked at when it is dialled, after the name was resolved: only public
// addresses are, no loopback, private, shared, link-local, multicast or reserved ones, nor
// those of clouds' metadata, in whatever form of IPv6 they come. [Options].Allow names
// exceptions. The scheme is https, the environment's proxies are not used, and a URL with a
// user or a password is refused.
package webhook
