// Package apikey authenticates by keys that programs and people carry: issued to a principal
// with roles, perhaps with a scope and an end, and revocable at once.
//
// A key is two parts, an id and a secret: dbk_4f1c9d0e7a2b6c38_mzxw6… The secret is 256 random
// bits that are shown once, when the key is issued. What is kept is its SHA-256. That is
// enough, and no slower hash would be better: there is no list of likely secrets to try, and
// to find one of 2^256 is out of reach however fast the hash is.
//
// Which keys there are, and which are revoked, are facts in a log of their own, in any store.
// Every process that shares the store knows a key, and no longer takes one that was revoked,
// with the next request: [Keys] looks whether the log has grown each time it is asked. A
// request that began before may still be answered. Where each process reads a copy of its own,
// as of a log in NATS JetStream, it is so as soon as the copy has come that far.
//
// Begin with [Open].
package apikey
