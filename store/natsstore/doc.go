// Package natsstore keeps a log on several machines, in a stream of NATS JetStream.
//
//	store, err := natsstore.Open(ctx, "nats://one:4222,nats://two:4222", &natsstore.Options{Dir: "data"})
//
// JetStream is the log that the machines agree on: consensus, elections and the copies on
// a quorum are its business. Every node, that is, every [Store], has a whole copy of the
// log in a directory of its own, in the format of package logstore, and reads, waits and
// checks conditions there, at the speed of the embedded store. Another node is another
// reader.
//
// One node at a time records: it holds the log's epoch, which it wins by a
// compare-and-set on the stream; no clock is involved. Appends made on other nodes are
// asked of it, and if it is gone or does not answer, the node that needs it takes the
// epoch over. A node that was thought to be gone and comes back cannot record any more.
// Each commit is one message with the events of many appends, and one is on its way at a
// time.
//
// What is read on a node may be behind what others have recorded, and says at which
// position it is. What was answered on a node can be read on it at once; what was
// answered elsewhere after a Wait for the position before.
//
// A receipt says what the servers were shown to keep: quorum, where three or more
// replicas sync before they acknowledge; disk, where one does; otherwise memory. A client
// cannot see how servers sync, so it has to be shown: see Options.Synced. Without a
// majority of the servers nothing is recorded, and reads go on.
//
// A user of NATS as whom a node connects publishes to daybook.LOG.> and $JS.API.>, and
// subscribes to daybook.LOG.> and _INBOX.>. Whoever may do that may record whatever the
// log takes, and read it all.
//
// The stream is never trimmed: a node that is new, or has lost what it had, can read all of
// it, and what is scavenged in the copies stays there. Where data has to go, it is erased
// by its key.
//
// When a node is opened far behind the end of the stream, it first asks the other nodes for
// what they have in sealed segments that were not scavenged, so that the servers need not
// deliver it once more; it goes on with the stream where they have no more. What they give
// must be what comes next, by its checksums and their chain, and not come from behind the
// end of the stream; otherwise it is refused, logged, and read from the stream.
//
// A process that needs no cluster takes a server into itself with package
// natsstore/embedded.
//
// To read the source, begin with log.go (what a turn is), publish.go (how it is found out
// whether a message is stored), epoch.go and ask.go (how nodes take turns), and
// follower.go and bootstrap.go (how a copy grows). FORMAT.md specifies every message.
package natsstore
