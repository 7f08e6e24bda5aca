// Package storetest states what every store promises: each promise is a sentence, and
// a test of that name. Run it over a store of your own, or over a wrapper around one,
// before you trust it:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Subject{
//			Open: func(t testing.TB) daybook.Store { return new(memstore.Store) },
//		})
//	}
//
// A store that forgets its conditions then fails as
// TestStore/an_append_whose_condition_does_not_hold_records_nothing.
//
// What only some stores can do, such as being opened again, is a hook of the
// [Subject]. A promise whose hook is missing is skipped, and so is one that the store
// does not make; the test's output gives the reason.
//
// [Compare] compares a store with a model: the same random history must get the same
// answers from both. The chapters of the suite are files: order.go, names.go,
// conflict.go and so on, each with its promises in front.
package storetest

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
)

// A Subject tells the suite how to handle the store under test. Only Open is required.
// A function that cannot do what it should ends the test itself.
type Subject struct {
	// Open returns an empty store, a new log each time. The suite closes it.
	Open func(t testing.TB) daybook.Store

	// Close closes a store. Nil means that the store's own Close method is called, if it
	// is an [io.Closer].
	Close func(daybook.Store) error

	// Reopen closes a store, unless it is closed already, and returns a store opened on
	// what it kept. Nil means that it keeps nothing.
	Reopen func(t testing.TB, s daybook.Store) daybook.Store

	// NewIncarnation begins a new incarnation of a store's log, such as by restoring all
	// its events, and returns the store of that. It may close s or make it useless. Nil
	// means that a new incarnation cannot be begun here.
	NewIncarnation func(t testing.TB, s daybook.Store) daybook.Store

	// OpenAt returns an empty store as Open does, one that records by the clock now. Nil
	// means that the store's clock cannot be set.
	OpenAt func(t testing.TB, now func() time.Time) daybook.Store

	// OpenFaulty returns an empty store as Open does, and a switch: while it is on,
	// whatever the store writes to (disk, database, network) fails every write. The
	// suite switches it off before it reopens or closes the store. Nil means that
	// nothing can fail.
	OpenFaulty func(t testing.TB) (s daybook.Store, fail func(on bool))

	// LoseAnswer appends events in such a way that they may be recorded and the answer
	// is lost, and returns the error that Append returned. Nil means that no answer can
	// be lost.
	LoseAnswer func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error

	// Scavenge gives back the space of what is forgotten in a store, wherever it may be,
	// and leaves stubs. Nil means that the store does not scavenge.
	Scavenge func(t testing.TB, s daybook.Store)

	// NotPromised holds the sentences that the store does not promise, each with the
	// reason.
	NotPromised map[string]string
}

// A promise is one sentence of the contract.
type promise struct {
	sentence string
	check    func(*trial)
	// needs is the hook without which the promise cannot be tried.
	needs hook
}

// A hook is something optional in a Subject.
type hook struct {
	has     func(Subject) bool
	without string // what is so where it is missing
}

var (
	reopening      = hook{func(s Subject) bool { return s.Reopen != nil }, "the subject has no Reopen hook: the store keeps nothing past the process"}
	newIncarnation = hook{func(s Subject) bool { return s.NewIncarnation != nil }, "the subject has no NewIncarnation hook"}
	clocks         = hook{func(s Subject) bool { return s.OpenAt != nil }, "the subject has no OpenAt hook: the clock of its stores cannot be set"}
	faults         = hook{func(s Subject) bool { return s.OpenFaulty != nil }, "the subject has no OpenFaulty hook: nothing can fail"}
	faultsReopened = hook{func(s Subject) bool { return s.OpenFaulty != nil && s.Reopen != nil }, "the subject lacks an OpenFaulty or a Reopen hook"}
	scavenging     = hook{func(s Subject) bool { return s.Scavenge != nil }, "the subject has no Scavenge hook"}
	lostAnswers    = hook{func(s Subject) bool { return s.LoseAnswer != nil }, "the subject has no LoseAnswer hook: no answer can be lost"}
)

// scavengingReopened is what both hooks need.
var scavengingReopened = hook{func(s Subject) bool { return s.Scavenge != nil && s.Reopen != nil }, "the subject lacks a Scavenge or a Reopen hook"}

// chapters are all promises, in the order in which one would explain them.
func chapters() []promise {
	return slices.Concat(
		orderPromises,
		versionPromises,
		namePromises,
		contentPromises,
		readingPromises,
		spanPromises,
		conflictPromises,
		idempotencePromises,
		forgetPromises,
		scavengePromises,
		restorePromises,
		followPromises,
		concurrencyPromises,
		errorPromises,
		identityPromises,
		durablePromises,
		faultPromises,
		lostAnswerPromises,
	)
}

// Sentences returns the sentences of all promises, in the order of the suite.
func Sentences() []string {
	var sentences []string
	for _, p := range chapters() {
		sentences = append(sentences, p.sentence)
	}
	return sentences
}

// Run tries every promise, each on a new store and in a subtest whose name is the
// sentence.
func Run(t *testing.T, subject Subject) {
	for sentence := range subject.NotPromised {
		if !slices.Contains(Sentences(), sentence) {
			t.Errorf("NotPromised has %q, which is no sentence of this suite", sentence)
		}
	}
	for _, p := range chapters() {
		p.run(t, subject)
	}
}

// RunFaults tries only the promises about failing writes. It is for a store that has
// passed Run, with an OpenFaulty that fails in yet another way: a disk can refuse a
// write, do half of it, or do all of it and report an error.
func RunFaults(t *testing.T, subject Subject) {
	for _, p := range faultPromises {
		p.run(t, subject)
	}
}

// run tries the promise as a subtest, or skips it with the reason.
func (p promise) run(t *testing.T, subject Subject) {
	t.Run(p.sentence, func(t *testing.T) {
		if reason, not := subject.NotPromised[p.sentence]; not {
			t.Skip(reason)
		}
		if p.needs.has != nil && !p.needs.has(subject) {
			t.Skip(p.needs.without)
		}
		p.try(t, subject, patience)
	})
}

// try checks the promise on a store of its own.
func (p promise) try(tb testing.TB, subject Subject, patience time.Duration) {
	t := newTrial(tb, subject, patience)
	t.use(subject.Open(tb))
	p.check(t)
}

// closes returns what closes a store, or nil if nothing can.
func (s Subject) closes(store daybook.Store) func() error {
	if s.Close != nil {
		return func() error { return s.Close(store) }
	}
	if closer, ok := store.(io.Closer); ok {
		return closer.Close
	}
	return nil
}
