package logstore

import "github.com/daybook-es/daybook"

// A journal is where groups of frames become durable. The sequencer decides what is in
// the log and in which order; the journal makes it so, and knows when it cannot. The
// journal here is the local disk ([disk]); one that asks a quorum of machines has its
// place behind the same methods. Frames that others have sequenced do not come in
// through it yet.
type journal interface {
	// recover returns the log as it is durable, from which the sequencer goes on. It is
	// called first and once. What of it this node alone could have lost, such as the
	// unsynced tail of its own disk, is made durable before it is returned.
	recover() (*view, error)

	// ready returns why nothing can be recorded here now, or nil: on a local disk, that
	// it has failed for good. Where machines take turns, it is not this one's.
	ready() error

	// commit makes a group's frames durable, behind those of the group before. Groups
	// come one at a time. When it returns nil, they survive what the store promises,
	// and are readable at their place in the segment. Otherwise the fault says what
	// became of the group.
	commit(g *group) *fault

	// close ends the journal, and all reading of segments. Nothing is being committed.
	close() error
}

// A group is the frames that are made durable together: one write, one sync. The
// sequencer fills it; from the moment it is handed to the journal it does not change,
// except for the answers, which remain the sequencer's.
type group struct {
	segment *segment
	offset  int64 // where in the segment's file it begins
	bytes   []byte
	opens   bool // it is the first of its segment, which is not there yet

	// durable is the position that is durable when the group is written, and after the
	// log as it is once the group is durable.
	durable daybook.Position
	after   view

	requests []*request
	// resting are answers that rest on this group.
	resting []resting
}

// A resting answer is one to a request that recorded nothing. It rests on what is not
// yet durable, and is given when it is.
type resting struct {
	request *request
	receipt daybook.Receipt
	err     error
}

// A fault says why a group was not made durable, and what became of it.
type fault struct {
	err error
	// unknown says that the group may be found durable one day. Otherwise it definitely
	// is not in the log.
	unknown bool
	// fatal says that the journal takes nothing any more.
	fatal bool
}
