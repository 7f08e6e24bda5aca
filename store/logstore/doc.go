// Package logstore is the embedded store: a directory, no server. It keeps every event
// that was acknowledged through a crash of the program and a loss of power.
//
//	store, err := logstore.Open("data", nil)
//
// [Open] takes the directory for itself, and [Store] is a [daybook.Store]; its contract
// is written there. Events are acknowledged when the disk has confirmed them. Appends
// that arrive while the disk is busy are made durable together, so many goroutines
// appending at once cost little more than one. Reads never wait for appends.
//
// When a disk fails, the store becomes read-only and says so in [Store.Health]; when it
// is full, appends are refused and go on by themselves when there is room again.
// FORMAT.md beside this file is every byte that is written, and how a crash is
// recovered from.
//
// To read the source, begin with journal.go, sequencer.go and view.go: what is made
// durable together, in which order, and what a reader sees. disk.go and recover.go are
// the local disk; check.go, read.go and wait.go are the questions.
package logstore
