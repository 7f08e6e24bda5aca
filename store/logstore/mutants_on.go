//go:build mutants

package logstore

import "os"

// Mutants are the bugs that can be planted, each a mistake that somebody has made in a
// store.
var Mutants = []string{
	"acknowledge-before-sync",
	"answered-before-it-has-arrived",
	"arrivals-not-checked",
	"chain-not-kept",
	"checksum-not-verified-on-reading",
	"commit-in-a-later-turn",
	"condition-checked-outside-the-sequencer",
	"conflict-answered-before-its-group-is-durable",
	"cut-at-the-first-bad-record-in-the-middle",
	"failed-write-not-cut-back",
	"full-disk-ends-all-writing",
	"ids-not-checked-in-the-sequencer",
	"ignore-expected-version",
	"ignore-position-and-chain-in-a-frame",
	"jump-of-the-clock-followed",
	"last-group-not-written-again",
	"manifest-not-written-again",
	"manifest-replaced-without-sync",
	"mark-of-closing-not-taken-away",
	"misplaced-frame-found",
	"misplaced-frame-read",
	"missing-segment-not-noticed",
	"next-generation-not-synced",
	"no-directory-sync",
	"nobody-woken-by-what-arrives",
	"other-generation-removed-before-the-manifest-is-durable",
	"place-in-a-rewritten-segment-believed",
	"promise-forgotten-by-the-next-turn",
	"publish-before-sync",
	"retry-a-failed-sync",
	"reuse-stamp-after-restart",
	"sealed-footer-before-sync",
	"segment-removed-before-the-manifest-names-the-next",
	"stub-not-found-by-its-tags",
	"stubs-do-not-count",
	"tombstone-not-checked-in-the-sequencer",
	"torn-group-not-kept",
	"turn-begun-before-all-is-here",
	"unknown-answered-as-unavailable",
	"unknown-beyond-its-turn",
}

var mutant = os.Getenv("DAYBOOK_MUTANT")

// planted reports whether a known bug is planted here: the one that the environment
// variable DAYBOOK_MUTANT names. It exists to show that the tests catch it.
func planted(name string) bool { return name == mutant }
