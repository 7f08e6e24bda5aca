package access

import (
	"context"

	"github.com/daybook-es/daybook"
)

// What a guarded store has administrators do.
const (
	// AppendEvents is to append events without sending a command.
	AppendEvents = "AppendEvents"
	// ReadForgotten is to read what is forgotten.
	ReadForgotten = "ReadForgotten"
)

// Store returns a store over a store, which refuses to read what the context's principal may
// not: [daybook.Store.Read] and [daybook.Store.Wait], and so [daybook.Follow], return a
// [*DeniedError]. It never leaves events out: the condition of a reading that was filtered
// would be a lie. To read what is forgotten, which a span asks for and an item that names ids
// does too, one must also be allowed to administer [ReadForgotten].
//
// An append is an act of administering, [AppendEvents], and its condition needs what reading
// does, since a conflict tells what is recorded. So commands are decided on the store itself,
// not on this one. Info is not guarded: it says how far the log has come, and nothing about
// any event.
//
// It is decided when a call begins. A reading may be ranged over as long as one has it.
// Whatever else the store can do, such as to scavenge, is not reached through this one.
func (g *Guard) Store(store daybook.Store) daybook.Store { return &guardedStore{g, store} }

type guardKey struct{}

// WithGuard returns a context in which events are read under a guard, by those who read them
// with [StoreFor].
func WithGuard(ctx context.Context, g *Guard) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

// StoreFor returns the store to read from in a context: [Guard.Store] of the guard that it
// carries or, where it carries none, the store itself. It is for what is asked by strangers
// and by the program itself, such as the history of something: a server puts its guard into
// the contexts of requests.
func StoreFor(ctx context.Context, store daybook.Store) daybook.Store {
	if g, _ := ctx.Value(guardKey{}).(*Guard); g != nil {
		return g.Store(store)
	}
	return store
}

type guardedStore struct {
	guard *Guard
	store daybook.Store
}

var _ daybook.Store = (*guardedStore)(nil)

// Append implements [daybook.Store].
func (s *guardedStore) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	for _, clause := range cond {
		about := clause.Query
		if clause.Kind != daybook.NothingSelected {
			about = daybook.Stream(clause.Stream)
		}
		if err := s.mayRead(ctx, about, false); err != nil {
			return daybook.Receipt{}, err
		}
	}
	if err := s.guard.Check(ctx, Administer(AppendEvents)); err != nil {
		return daybook.Receipt{}, err
	}
	return s.store.Append(ctx, events, cond)
}

// Read implements [daybook.Store].
func (s *guardedStore) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if err := s.mayRead(ctx, q, span.Forgotten); err != nil {
		return daybook.Reading{}, err
	}
	return s.store.Read(ctx, q, span)
}

// Wait implements [daybook.Store].
func (s *guardedStore) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	if err := s.mayRead(ctx, q, false); err != nil {
		return 0, err
	}
	return s.store.Wait(ctx, q, after)
}

// Info implements [daybook.Store].
func (s *guardedStore) Info(ctx context.Context) (daybook.Info, error) { return s.store.Info(ctx) }

// mayRead returns nil if the context's principal may read all that a query selects.
func (s *guardedStore) mayRead(ctx context.Context, q daybook.Query, forgotten bool) error {
	if err := q.Validate(); err != nil {
		return err
	}
	if err := s.guard.Check(ctx, Read(q)); err != nil {
		return err
	}
	for _, item := range q {
		forgotten = forgotten || len(item.IDs) > 0
	}
	if forgotten {
		return s.guard.Check(ctx, Administer(ReadForgotten))
	}
	return nil
}
