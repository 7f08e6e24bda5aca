package command_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
)

// The tests' domain: jars of sweets.
type (
	Filled struct{ Sweets int }
	Eaten  struct{ Sweets int }
)

type Jar struct{ Sweets int }

var Jars = decider.For("jar",
	decider.On("JarFilled", func(j *Jar, e Filled) { j.Sweets += e.Sweets }),
	decider.On("SweetsEaten", func(j *Jar, e Eaten) { j.Sweets -= e.Sweets }),
)

var errEmpty = daybook.NewRule("jar-empty", "nobody eats more than there is")

type (
	FillJar struct {
		Jar    string `json:"jar"`
		Sweets int    `json:"sweets"`
		Note   string `json:"note,omitempty"`
	}
	EatSweets struct {
		Jar    string `json:"jar"`
		Sweets int    `json:"sweets"`
	}
	// NewJar fills a jar that it gives an id to.
	NewJar struct{}
	// Grab takes some: how many, and in how many handfuls, is another each time it is
	// decided.
	Grab struct {
		Jar string `json:"jar"`
	}
)

var errTooMany = errors.New("too many sweets")

func (c FillJar) Validate() error {
	if c.Sweets > 1000 {
		return errTooMany
	}
	return nil
}

// Validate is found although it belongs to the pointer.
func (c *EatSweets) Validate() error {
	if c.Sweets < 0 {
		return &daybook.InvalidError{What: "sweets", Reason: "is negative"}
	}
	return nil
}

// grabbed counts decisions, so that no two are the same.
var grabbed atomic.Int64

var handlers = []command.Handler{
	command.On("FillJar", func(c FillJar, _ command.ID) decider.Plan {
		return Jars.At(c.Jar, func(Jar) ([]any, error) { return []any{Filled{c.Sweets}}, nil })
	}),
	command.On("EatSweets", func(c EatSweets, _ command.ID) decider.Plan {
		return Jars.At(c.Jar, func(j Jar) ([]any, error) {
			switch {
			case c.Sweets == 0:
				return nil, nil
			case c.Sweets > j.Sweets:
				return nil, errEmpty
			}
			return []any{Eaten{c.Sweets}}, nil
		})
	}),
	command.On("NewJar", func(_ NewJar, id command.ID) decider.Plan {
		return Jars.At(id.Derive("jar"), func(Jar) ([]any, error) { return []any{Filled{1}}, nil })
	}),
	command.On("Grab", func(c Grab, _ command.ID) decider.Plan {
		return Jars.At(c.Jar, func(Jar) ([]any, error) {
			n := grabbed.Add(1)
			handfuls := make([]any, 1+n%3)
			for i := range handfuls {
				handfuls[i] = Eaten{int(n)}
			}
			return handfuls, nil
		})
	}),
}

// all returns everything that a store has recorded.
func all(t testing.TB, store daybook.Store) []daybook.Recorded {
	t.Helper()
	reading, err := store.Read(context.Background(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatalf("read everything: %v", err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatalf("read everything: %v", err)
	}
	return events
}

// must returns a value and fails the test on an error that it does not expect:
// must(f())(t).
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// as finds an error of a type.
func as[E error](t testing.TB, err error) E {
	t.Helper()
	var found E
	if !errors.As(err, &found) {
		t.Fatalf("the error is %v, want a %T", err, found)
	}
	return found
}

// same reports whether two receipts are of the same events.
func same(a, b daybook.Receipt) bool {
	if a.Point != b.Point || !a.RecordedAt.Equal(b.RecordedAt) || a.Durability != b.Durability || len(a.Versions) != len(b.Versions) {
		return false
	}
	for stream, version := range a.Versions {
		if b.Versions[stream] != version {
			return false
		}
	}
	return true
}
