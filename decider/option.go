package decider

import (
	"context"

	"github.com/daybook-es/daybook"
)

// An Option adjusts how [Decide] runs a plan. Options change how often and how fast
// it tries, never what a decision means.
type Option func(*settings)

// DefaultAttempts is how often Decide tries to record a decision before it gives up,
// without the option [Attempts]. The pauses between so many attempts add up to about
// four seconds.
const DefaultAttempts = 25

// Attempts bounds how often Decide tries to record a decision. Less than one means
// one.
func Attempts(n int) Option { return func(s *settings) { s.attempts = max(n, 1) } }

// Recall tells Decide how to find out whether the decision is recorded already. It is
// called before the first attempt, and again after every attempt that did not record
// the events just then. If it reports true, Decide returns its receipt and its error
// and does nothing more. An error with false says that it could not find out.
//
// Recall and [Stamp] are how package command decides every command once.
func Recall(recall func(context.Context) (daybook.Receipt, bool, error)) Option {
	return func(s *settings) { s.recall = recall }
}

// Stamp is called with the events of every attempt before they are recorded, to give
// them ids and metadata in place. Decide returns an error of it.
func Stamp(stamp func([]daybook.Event) error) Option {
	return func(s *settings) { s.stamp = stamp }
}

type settings struct {
	attempts  int
	recall    func(context.Context) (daybook.Receipt, bool, error)
	stamp     func([]daybook.Event) error
	snapshots snapshots
}

func settle(options []Option) settings {
	s := settings{
		attempts: DefaultAttempts,
		recall:   func(context.Context) (daybook.Receipt, bool, error) { return daybook.Receipt{}, false, nil },
		stamp:    func([]daybook.Event) error { return nil },
	}
	for _, option := range options {
		option(&s)
	}
	return s
}
