package decider

import (
	"context"

	"github.com/daybook-es/daybook"
)

// An Option adjusts how [Decide] runs a plan. Options change how fast and how often,
// never what a decision means.
type Option func(*settings)

// DefaultAttempts is how often Decide hands what it decided to the store before it
// gives up, without the option [Attempts]. The pauses between so many take about
// four seconds.
const DefaultAttempts = 25

// Attempts bounds how often Decide hands what it decided to the store. Anything
// below one is one.
func Attempts(n int) Option { return func(s *settings) { s.attempts = max(n, 1) } }

// Recall tells Decide how to find out whether what is to be decided is recorded
// already. It is asked before the first decision, and again before any answer but
// that the events were recorded just now. If it reports true, Decide returns its
// receipt and its error and does nothing more; an error with false says that it
// could not find out.
//
// With [Stamp], it is how package command decides every command once.
func Recall(recall func(context.Context) (daybook.Receipt, bool, error)) Option {
	return func(s *settings) { s.recall = recall }
}

// Stamp is called with the events of every decision before they are recorded, to
// give them ids and metadata. An error ends Decide.
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
