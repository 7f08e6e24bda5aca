package logstore

import (
	"context"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/internal/shared"
)

// A journal is where groups of frames become durable. The sequencer decides what is in
// the log and in which order; the journal makes it so, and knows when it cannot. It also
// knows whether the sequencer of this node is the one that decides: where several nodes
// keep one log they take turns, and what the others have sequenced comes in through the
// journal.
//
// The journal of this package is the local disk ([disk]), where it is always this node's
// turn. The other one is a node's ([replica]): its copy of a log that several nodes share.
//
// recover, follow and close are each called once, in this order; ready, elsewhere and
// promise may be called at any time between recover and close, by many goroutines at
// once; the sequencer calls the others, one at a time.
type journal interface {
	// recover returns the log as it is durable, as far as this node has it, from which
	// the sequencer goes on. What of it this node alone could have lost, such as the
	// unsynced tail of its own disk, is made durable before it is returned. What others
	// have too may be missing at its end: it arrives later. A segment that is damaged is
	// an error where nobody else has it; a journal that can get it again sets it aside,
	// and returns the log in front of it.
	recover() (*view, error)

	// follow has the journal call wake whenever something has arrived. Wake does not
	// wait, and may be called from any goroutine, in vain too.
	follow(wake func())

	// durability is what a group survives that was committed.
	durability() daybook.Durability

	// ready returns this node's turn to sequence, or why nothing can be recorded through
	// it now: on a local disk, that it has failed for good; where nodes take turns, that
	// it is another one's, and whose.
	ready() (shared.Turn, error)

	// elsewhere returns the node whose turn it is, if it is not this one's and somebody
	// can be asked; otherwise nil.
	elsewhere() shared.Colleague

	// promise makes it durable, beyond this turn, that nothing is recorded any more at
	// or before a time, which the turns after this one then begin with. Those who ask
	// what was known at that time are answered when it returns nil.
	promise(ctx context.Context, stamp int64) error

	// arrived returns frames that another node has sequenced, or that this one has in a
	// group of which it did not learn what became: the next ones behind a position, end
	// to end, with the bytes that every node has. They are durable. It returns nothing
	// if there are none yet, and does not wait for more. The bytes are not changed until
	// the next call.
	arrived(after daybook.Position) ([]byte, error)

	// commit makes a group's frames durable, behind those of the group before, and only
	// if the turn still is in which the group was begun. Groups come one at a time.
	// When it returns nil, they survive what durability says, and are readable at their
	// place in the segment. Otherwise the fault says what became of the group. If that
	// is unknown, the turn is over.
	//
	// A group that has arrived is durable already, and is made readable.
	commit(g *group) *fault

	// close ends the journal, and all reading of segments. Nothing is being committed.
	close() error

	// abandon is close for a journal that could not recover: it lets go of what is open,
	// and leaves the log as it is.
	abandon() error
}

// A group is the frames that are made durable together: one write, one sync. The
// sequencer fills it; from the moment it is handed to the journal it does not change,
// except for the answers, which remain the sequencer's.
type group struct {
	segment *segment
	offset  int64 // where in the segment's file it begins
	bytes   []byte
	opens   bool   // it is the first of its segment, which is not there yet
	epoch   uint64 // of the turn in which it was begun
	arrived bool   // others sequenced it, or it was found to be durable after all

	// durable is the position that is durable when the group is written, and after the
	// log as it is once the group is durable.
	durable daybook.Position
	after   view

	errand *errand // what is done in place of writing the group, which is empty

	requests []*request
	terms    []uint64 // of the events of a group that has arrived
	heads    []head   // that the streams of those have after it
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
	// late says that the group came after its turn. Nothing is wrong with this node.
	late bool
}
