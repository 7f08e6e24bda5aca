// Package logstore is the embedded store: a directory, and no server. Every event that
// it acknowledged survives a crash of the program and a loss of power.
//
//	store, err := logstore.Open("data", nil)
//
// One process at a time may have a directory open; see [LockedError]. [Store] is a
// [daybook.Store], whose contract is written there. Events are acknowledged when the
// disk has confirmed them. Appends that arrive while the disk is busy are made durable
// together, and whoever was answered and appends again at once is in time for the next
// sync: so many goroutines appending at once cost little more than one. Reads do not wait
// for the disk to confirm appends.
//
// If the disk fails, the store becomes read-only and says so in [Store.Health]. If it
// is full, appends are refused, and are taken again when there is room. FORMAT.md
// beside this file specifies every byte that is written, and how a crash is recovered
// from.
//
// A log is looked after while it is in use: [Store.Scavenge] and [Store.Compress] give
// space back, [Backup] copies the log, [Verify], [ReadStats] and [Dump] look at it from
// outside, and a [Reader] in another process reads on as it grows. [RestoreBackup] and
// [Repair] need a directory for themselves. Command daybook does all of this at a shell.
//
// To read the source, begin with journal.go, sequencer.go and view.go: what is made
// durable together, in which order, and what a reader sees. disk.go and recover.go are
// about the local disk; check.go, read.go and wait.go find what is asked for. scavenge.go
// and rewrite.go replace segments; reader.go, backup.go, verify.go and repair.go are what
// is done beside a store. replica.go and node.go are a copy of a log that several nodes
// share. Where it says planted, a test may plant the bug of that name; in a program that
// people run it is false.
package logstore
