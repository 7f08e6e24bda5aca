// Package around is what stores have in common that see what goes through them to another
// one, and change nothing of it.
package around

import (
	"context"
	"io"

	"github.com/daybook-es/daybook"
)

// A Store hands everything on to the store in it. What is put around a store embeds it, and
// has methods of its own for what it sees to.
type Store struct{ daybook.Store }

// Unwrap implements [daybook.Wrapper].
func (s Store) Unwrap() daybook.Store { return s.Store }

// Close closes the store in it, if it can be closed.
func (s Store) Close() error {
	if closer, can := daybook.As[io.Closer](s.Store); can {
		return closer.Close()
	}
	return nil
}

// A Wrapper is what has a Store embedded.
type Wrapper interface {
	daybook.Wrapper
	io.Closer
}

// Restoring returns what was put around a store, which restores if that store does: whoever
// asserts that a store is a [daybook.Restorer] need not know of [daybook.As].
func Restoring(w Wrapper) daybook.Store {
	if restorer, is := w.Unwrap().(daybook.Restorer); is {
		return &restoring{w, restorer}
	}
	return w
}

// restoring is a wrapper around a store that restores.
type restoring struct {
	Wrapper
	restorer daybook.Restorer
}

// Restore implements [daybook.Restorer].
func (r *restoring) Restore(ctx context.Context, events []daybook.Recorded) error {
	return r.restorer.Restore(ctx, events)
}
