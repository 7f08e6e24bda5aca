// Package shared is the seam between the embedded engine and a log that several nodes
// keep together. The engine, package store/logstore, is every node's copy, index and
// reads; whatever the nodes agree through, such as package store/natsstore, is a [Log].
//
// The engine calls what a Log can do, and the Log what the [Node] can. Decision 0011 says
// why the cut is here, and 0022 how JetStream fills it.
package shared

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// An Identity is what all nodes of a log have in common from its first moment.
type Identity struct {
	Log, Incarnation uuid.UUID
	// Salt begins the checksum of every frame.
	Salt uint32
}

// A Log is a log that several nodes keep: it says what is in it, in which order, and
// whose turn it is to go on. It never loses what it took, as far as its durability says.
//
// Identity, Limits, GroupBytes and Durability do not change. Follow is called once,
// before Arrived and Commit, which are called one at a time; Ready, Elsewhere, Promise
// and GiveUp may be called at any time, by many goroutines at once. Close is called last,
// when nothing else is under way.
type Log interface {
	Identity() Identity

	// Limits bound one append. A frame of an append within them has at most GroupBytes.
	Limits() daybook.Limits

	// GroupBytes is how many bytes the frames of one commit may have.
	GroupBytes() int

	// Durability is what a commit survives.
	Durability() daybook.Durability

	// Follow hands over the node, which is open.
	Follow(Node)

	// Ready returns this node's turn, or why it has none.
	Ready() (Turn, error)

	// Elsewhere returns who can be asked if this node has no turn, and nil if it has.
	Elsewhere() Colleague

	// Promise makes it durable, beyond this turn, that nothing is recorded any more at or
	// before a time, in nanoseconds since 1970.
	Promise(ctx context.Context, stamp int64) error

	// Arrived returns frames that were committed behind a position, end to end and in
	// order, or none if there are none yet. It does not wait for more. What lies at or
	// before the position may come in front of them. The bytes are not changed until the
	// next call.
	Arrived(after daybook.Position) ([]byte, error)

	// Commit makes a group the next of the log, if the turn still is in which it was begun.
	// It returns nil when the group survives what Durability says.
	Commit(Group) *Fault

	// GiveUp ends this node's turn: its own copy can take no more.
	GiveUp(err error)

	// Close ends the following of the log, and this node's turn, if it has one.
	Close() error
}

// A Turn is the time during which a node, and no other one, may sequence.
type Turn struct {
	// Epoch is a number that no other turn has. A local disk has one turn for ever, of
	// epoch zero; others are counted from 1.
	Epoch uint64
	// From is the last position that was sequenced before this turn. Everything up to
	// there has arrived when the turn begins, and what has not arrived by then of a
	// group of an earlier turn never will.
	From daybook.Position
	// Stamp is a time, in nanoseconds since 1970, at or before which nothing is recorded
	// in this turn: it was promised in an earlier one.
	Stamp int64
}

// A Group is what is committed at once: frames, end to end.
type Group struct {
	Epoch       uint64 // of the turn in which it was begun
	First, Last daybook.Position
	Frames      []byte
}

// A Fault says why a group was not committed, and what became of it.
type Fault struct {
	Err error
	// Unknown says that the group may be found in the log one day. The turn is over.
	// Otherwise it definitely is not in the log.
	Unknown bool
	// Late says that the group came after its turn. Nothing is wrong with this node.
	Late bool
}

// A Colleague is the node whose turn it is, as another one sees it.
type Colleague interface {
	// Append does what [daybook.Store.Append] does, through that node, with events and a
	// condition that [daybook.Prepare] passed. What it answers is in the log that
	// arrives here, perhaps later. Its errors are those of Append; that the node has
	// lost its turn, or cannot be asked, is *unavailable*, and that an answer was lost
	// *unknown*.
	//
	// Who asks has seen the log up to a position, and that node too has it by then: what
	// a quorum has taken may arrive with others before the node itself has learned it.
	Append(ctx context.Context, seen daybook.Position, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error)

	// Known makes sure that nothing more is recorded at or before a time, if that time
	// has come, and returns a position up to which everything lies that was.
	Known(ctx context.Context, stamp int64) (daybook.Position, error)
}

// A Node is one of those that keep a log, as the Log sees it. Its methods may be called
// by many goroutines at once.
type Node interface {
	// Append and Known do what they do for a [Colleague], on this node: they do not ask on.
	Colleague

	// Wake has the node look whether something has arrived, or its turn has come. It does
	// not wait, and may be called in vain.
	Wake()

	// Head returns the position up to which the node can be read.
	Head() daybook.Position

	// Until returns when the node can be read up to a position.
	Until(ctx context.Context, p daybook.Position) error

	// Compare compares frames of the log, end to end, with what the node keeps of them.
	// Where the node has given back the space of what is forgotten, the stub's digest is
	// compared with the event. A difference is a [*daybook.CorruptError].
	Compare(ctx context.Context, frames []byte) error

	// Frames returns frames behind a position and up to another one, end to end and as they
	// were committed: as many as follow each other there and have room in some bytes. It
	// returns none where the next one has no room, or may not be as it was committed: what is
	// still being written is kept back, and so is a segment whose space was given back. A frame
	// that is damaged is a [*daybook.CorruptError], which comes with those in front of it.
	Frames(ctx context.Context, after, to daybook.Position, most int) ([]byte, error)

	// Follows returns the last position of frames, end to end, if they can be what comes next
	// on this node, and otherwise an error that says why not. Nothing is taken in.
	Follows(frames []byte) (daybook.Position, error)
}

// RestsOn returns the position up to which a node must have read to understand what an
// append was answered: that of the receipt, or of the event that stood in its way. It is
// zero where the answer names none.
func RestsOn(receipt daybook.Receipt, err error) daybook.Position {
	var conflict *daybook.ConflictError
	var reused *daybook.ReusedError
	switch {
	case errors.As(err, &conflict):
		return conflict.At.Position
	case errors.As(err, &reused):
		return reused.Position
	}
	return receipt.Position
}
