// Package memview keeps a read model in memory: any Go value, such as a struct of
// maps, that handlers change and readers look at.
//
// It is the simplest view and the fastest to read. It is gone with the process: the
// next one builds it again from the log, or from a snapshot that [View.Save] left in
// a file and the events since. For a read model that does not fit into memory, or
// takes too long to build, see package projection/sqlview.
package memview

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A View is a read model of type V in memory. It implements [projection.View] and
// is safe for use by many goroutines.
type View[V any] struct {
	name     string
	version  int
	handlers *projection.Handlers[*V]
	start    func() V

	mu    sync.RWMutex // guards what follows, and all that model refers to
	model V
	stand projection.Stand
	torn  bool // a handler panicked, and left the model half changed
}

// A Handler changes a read model of type V. Make it with [On].
type Handler[V any] = projection.Handler[*V]

// On returns a handler that changes the read model because of a fact of type E. It is
// also given the event that the fact was recorded as.
//
// Handlers run one at a time. What they do cannot be undone, so they return no error.
// A handler that panics ends the program; if something recovers the panic, the view
// is useless from then on, and refuses to apply or save anything.
func On[V, E any](handle func(model *V, fact E, at daybook.Recorded)) Handler[V] {
	return projection.Handle(func(model *V, fact E, at daybook.Recorded) error {
		handle(model, fact, at)
		return nil
	})
}

// New returns a view whose read model begins as the value that start returns, which
// nothing else may refer to and which is another each time, and is changed by handlers of
// facts that the codec knows. Raise the version whenever V or a handler changes. New panics
// as [projection.NewHandlers] does.
func New[V any](name string, version int, codec *daybook.Codec, start func() V, handlers ...Handler[V]) *View[V] {
	return &View[V]{
		name:     name,
		version:  version,
		handlers: projection.NewHandlers(codec, handlers...),
		start:    start,
		model:    start(),
	}
}

// Name implements [projection.View].
func (v *View[V]) Name() string { return v.name }

// Version implements [projection.View].
func (v *View[V]) Version() int { return v.version }

// Query implements [projection.View].
func (v *View[V]) Query() daybook.Query { return v.handlers.Query() }

// Parts implements [projection.View]. The read model is one value, and so one part.
func (v *View[V]) Parts() int { return 1 }

// Keys implements [projection.View]: what cannot be read holds up its stream.
func (v *View[V]) Keys(e daybook.Recorded) []string { return projection.ByStream(e) }

// Stand implements [projection.View]. It does not fail.
func (v *View[V]) Stand(context.Context, int) (projection.Stand, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	stand := v.stand
	stand.Aside, stand.Skips = slices.Clone(stand.Aside), slices.Clone(stand.Skips)
	return stand, nil
}

// Apply implements [projection.View]. Readers see the effect of all events or of none.
func (v *View[V]) Apply(_ context.Context, c projection.Change) error {
	// What can fail comes first: then nothing has to be undone.
	facts, err := v.handlers.Facts(c.Events)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.torn {
		return v.tornError()
	}
	if v.stand.Checkpoint != c.From {
		return projection.ErrMoved
	}
	v.torn = true // until all handlers have returned
	for i, e := range c.Events {
		if err := v.handlers.Apply(&v.model, facts[i], e); err != nil {
			return err
		}
	}
	v.stand, v.torn = v.stand.After(c), false
	return nil
}

// Reset implements [projection.View].
func (v *View[V]) Reset(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.model, v.stand, v.torn = v.start(), projection.Stand{}, false
	return nil
}

func (v *View[V]) tornError() error {
	return fmt.Errorf("memview: %s: a handler failed or panicked after position %d and left the read model half changed", v.name, v.stand.Position)
}

// Read calls look with the read model and the checkpoint at which it is. Look must not
// change the model, nor keep anything that the model refers to: handlers wait until
// look returns, and then change it.
func (v *View[V]) Read(look func(model V, at projection.Checkpoint)) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	look(v.model, v.stand.Checkpoint)
}
