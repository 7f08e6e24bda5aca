// Package daybook is event sourcing for Go: a log of events, and the vocabulary
// for recording them and asking about them.
//
// An [Event] is a fact somebody decided to keep. A [Store] puts events in one
// order and gives each a [Position]. A [Query] names the events that matter to
// somebody; reading them gives a [Reading], which holds the events, the [Point]
// at which they were read and the [Condition] under which a decision made on
// them may be kept: nothing that was asked for has been recorded since. What was
// recorded is stated by a [Receipt], the token with which anybody may ask to see
// it.
//
// Everything else in this module is built from those ideas. Read event.go,
// query.go, reading.go, condition.go and store.go, in that order; they are short.
//
// Most programs touch this package at its edges only. They declare facts and
// decide on them with package decider, send commands with package command, and
// read what came of it with package projection. They open a store with package
// store/logstore, which keeps one directory on the local disk, or with
// store/memstore, which keeps nothing past the process.
//
// What every store promises is stated here in prose, and in package
// store/storetest as tests that every store of this module passes.
package daybook
