package program

import (
	"errors"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// Health returns what tells why a store records nothing until somebody does something about
// it, or nil while it does. A disk that is full may have room again, and only the next
// command can tell; with a clock that jumped the store goes on, and its log says so. Of a
// store that does not know, nothing is known.
func Health(store daybook.Store) func() error {
	return func() error {
		unwell, knows := store.(interface{ Health() error })
		if !knows {
			return nil
		}
		err := unwell.Health()
		if ill := (*logstore.HealthError)(nil); errors.As(err, &ill) && !ill.ReadOnly {
			return nil
		}
		if clock := (*logstore.ClockError)(nil); errors.As(err, &clock) {
			return nil
		}
		return err
	}
}
