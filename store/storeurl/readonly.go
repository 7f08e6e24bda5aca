package storeurl

import (
	"context"

	"github.com/daybook-es/daybook"
)

// guarded takes the appends from a store that is only to be read, and whose own package
// does not do that.
func (o *Options) guarded(store Store) Store {
	if !o.ReadOnly {
		return store
	}
	return readOnly{store}
}

// A readOnly store takes no appends, and has none of the other abilities of the store in it.
type readOnly struct{ Store }

// Append implements [daybook.Store]: it records nothing.
func (readOnly) Append(context.Context, []daybook.Event, daybook.Condition) (daybook.Receipt, error) {
	return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: daybook.ErrReadOnly}
}
