package decider

import (
	"context"

	"github.com/daybook-es/daybook"
)

// An Option adjusts how [Decide] runs a plan.
type Option func(*settings)

// Attempts bounds how often the facts are handed to the store before Decide gives
// up. Without it, that is [DefaultAttempts].
func Attempts(n int) Option { return func(s *settings) { s.attempts = max(n, 1) } }

// DefaultAttempts is how often Decide tries without the option.
const DefaultAttempts = 25

// Recall lets Decide ask whether what it is about to decide is recorded already.
func Recall(recall func(context.Context) (daybook.Receipt, bool, error)) Option {
	return func(s *settings) { s.recall = recall }
}

// Stamp lets the caller give events their ids and metadata before they are recorded.
func Stamp(stamp func([]daybook.Event) error) Option {
	return func(s *settings) { s.stamp = stamp }
}

type settings struct {
	attempts int
	recall   func(context.Context) (daybook.Receipt, bool, error)
	stamp    func([]daybook.Event) error
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
