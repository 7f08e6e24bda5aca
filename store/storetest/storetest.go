// Package storetest states what every store promises, each promise as a sentence
// and a test that bears the sentence as its name. Run it over a store of your own,
// or over a wrapper around one, before you trust either:
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
// [Subject]. A promise whose hook is missing is skipped, and says so; so is one
// that the store does not make, with the reason that it gives.
//
// [Compare] holds a store against a model: the same random history must get the
// same answers from both. The chapters of the suite are files: order.go, names.go,
// conflict.go and so on, each with its promises in front.
package storetest

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
)

// A Subject is the store under test, as the suite needs to handle it. Only Open is
// required.
type Subject struct {
	// Open returns an empty store, another log each time. The suite closes it.
	Open func(t testing.TB) daybook.Store

	// Close closes a store; nil means that the store's own Close method does, if it
	// is an [io.Closer].
	Close func(daybook.Store) error

	// Reopen closes a store, as far as it is still open, and opens what it kept. Nil
	// means that it keeps nothing.
	Reopen func(t testing.TB, s daybook.Store) daybook.Store

	// NewIncarnation returns the store after what begins a new incarnation of its
	// log, such as a restore of all its events; s itself is closed or becomes useless.
	// Nil means that it cannot be brought about here.
	NewIncarnation func(t testing.TB, s daybook.Store) daybook.Store

	// OpenAt returns an empty store as Open does, which records by this clock. Nil means
	// that the store's clock cannot be set.
	OpenAt func(t testing.TB, now func() time.Time) daybook.Store

	// OpenFaulty returns an empty store as Open does, with a switch: while it is on,
	// what the store stands on (its disk, its database, its network) fails every
	// write. The suite switches it off before it reopens or closes the store. Nil
	// means that nothing can fail.
	OpenFaulty func(t testing.TB) (s daybook.Store, fail func(on bool))

	// LoseAnswer hands an append over to the store in such a way that it may be
	// recorded and its answer is lost, and returns what Append returned. Nil means
	// that no answer can be lost.
	LoseAnswer func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error

	// NotPromised are the sentences that the store does not promise, each with the
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
	lostAnswers    = hook{func(s Subject) bool { return s.LoseAnswer != nil }, "the subject has no LoseAnswer hook: no answer can be lost"}
)

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
		followPromises,
		concurrencyPromises,
		errorPromises,
		identityPromises,
		durablePromises,
		faultPromises,
		lostAnswerPromises,
	)
}

// Sentences returns every promise, in the order of the suite. The documentation
// lists the same.
func Sentences() []string {
	var sentences []string
	for _, p := range chapters() {
		sentences = append(sentences, p.sentence)
	}
	return sentences
}

// Run tries every promise on a store of its own, each as a subtest whose name is
// the sentence.
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

// RunFaults tries only what is promised while the disk fails. It is for a store that
// has passed Run, with an OpenFaulty that fails in yet another way: a disk can refuse
// a write, do half of it, or do it and say that it did not.
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
