// Package daybook is event sourcing for Go: a log of events, and the vocabulary
// for recording them and asking about them.
//
// An [Event] is a fact somebody decided to keep. A [Store] puts events in one
// order and gives each a [Position]. A [Query] names the events that matter to
// somebody. Reading them gives a [Reading], which holds the events, the [Point]
// at which they were read, and the [Condition] under which a decision based on
// them may be recorded: nothing that the query selects has been recorded since. A
// [Receipt] says where something was recorded; it is also the token with which
// anybody may ask to see it.
//
// Everything else in this module is built from those ideas. Read event.go,
// query.go, reading.go, condition.go and store.go, in that order; they are short.
//
// Forgetting is recorded too: [Truncated], [Deleted] and [Tombstoned] make the events
// that hide what a stream held, and scavenging, where a store has it, leaves a [Stub]
// of each. Ids stay taken and conditions stay answered as if nothing had been
// forgotten.
//
// Most programs use this package at their edges only. They declare facts and decide
// on them with package decider, take commands from outside with package command, build
// read models with package projection, and tell others what was recorded with package
// publish. They open a store with package store/storeurl, which takes its URL, or with the
// package of one kind: store/logstore for a directory on the local disk, store/pgstore for
// a PostgreSQL database, store/natsstore for NATS JetStream, store/memstore for memory.
//
// What every store promises is stated here in prose, and in package
// store/storetest as tests that every store of this module passes.
//
// # Errors
//
// A program acts differently on each kind of error, so each is a type or a value
// that errors.As or errors.Is finds:
//
//   - [*ConflictError]: the condition did not hold; nothing was recorded.
//   - [*RefusedError]: the domain said no; nothing was recorded.
//   - [*InvalidError]: it can never be recorded or asked as it is.
//   - [*ReusedError]: an id is taken by another event; nothing was recorded.
//   - [*UnavailableError]: definitely not recorded; trying later may help.
//   - [*UnknownError]: it may be recorded; read by id, or append it again.
//   - [*CorruptError]: what is stored is damaged, and where.
//   - [*LifeError]: a point is of another log or incarnation.
//   - [*UnreadableError]: this program has no kind for a recorded event.
//   - [*DifferenceError]: two logs that were compared do not hold the same.
//   - [ErrReadOnly]: the store is open for reading; it is wrapped in an UnavailableError.
//   - [ErrClosed]: this program has closed the store.
package daybook
