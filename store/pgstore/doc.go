// Package pgstore keeps a log in a PostgreSQL database, for teams that run one: any number
// of processes append to it and read it, and whatever keeps the database keeps the log.
//
//	store, err := pgstore.Open(ctx, "postgres://app@db.example.com/shop", nil)
//
// It needs PostgreSQL 15 or later, makes its tables in a schema of its own, and passes
// package store/storetest like every store of this module.
//
// # Order
//
// One row for each log is its lock, its counter and its clock. Whoever appends locks it
// first, in a statement of its own so that the next one sees what was committed until then;
// checks ids, streams and conditions; inserts; writes the row; and commits. So positions rise
// in the order of commits and have no gaps, whatever rolls back or is slow: a reader that
// asks for what is behind the last position skips nothing. Appends that wait at the same
// time in one process share a transaction, of two round trips, and each has its own answer.
//
// A process that is stopped in the middle holds the others up for two seconds, after which
// the server ends its transaction. Its append is then tried again, or answered
// [daybook.UnavailableError].
//
// # Outcome
//
// The connection can be lost between a commit and its answer. The store then connects again
// and locks the row, for which it waits until the transaction that was lost has ended; then
// it looks for the ids, and answers what it finds. Only what cannot be found out within half
// a minute, or before the caller's context ends, is answered [daybook.UnknownError].
//
// # Durability
//
// Receipts state what the server is set up for: quorum where a commit waits until a
// synchronous standby has flushed it, else disk, and memory with fsync or synchronous_commit
// off, as each group of appends finds it. [Options.Require] refuses less. A standby is
// refused: a reader there may see what never happened.
//
// # Time
//
// RecordedAt is the server's clock, read once the row is locked, and always above the time
// before; the clocks of clients do not matter. A server's clock that is set forwards is
// followed, unlike that of store/logstore, since no one process can decide for all; when it is
// set back, or another server's is behind, times go on a nanosecond apart until it has caught
// up, and [Store.Health] says so.
//
// # Incarnations
//
// A database that was restored, recovered to a moment in the past, or promoted from a
// standby may have lost what others have seen. The row keeps by which cluster, timeline, database and
// table it was written; where a new connection finds others, and where the log ends before
// what this process has seen, a new incarnation begins. [Store.NewIncarnation] is for what
// cannot be seen. An upgrade by dump or pg_upgrade begins one, too.
//
// # Read models
//
// A read model of package projection/sqlview can lie in the same database and follow the log
// like any other. One that is [Synchronous] is changed in the transaction that records an
// event, and can refuse it.
//
// # Tables
//
// Times are nanoseconds in a bigint, data and metadata bytea, names in collation "C". What
// was appended may be looked at with SQL in the table daybook_event, where stream, type and
// tags are plain columns; it must not be changed there.
package pgstore
