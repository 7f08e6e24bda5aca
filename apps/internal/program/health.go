package program

import (
	"errors"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// Health returns what tells why a store records nothing until somebody does something about
// it, or nil while it does. That is a disk that has failed. What passes by itself is no
// reason to ask a service for nothing: a disk that is full may have room again, and only the
// next command can tell; a server that is away comes back, and until then what is shown can
// be read; and with a clock that jumped or is behind the store goes on.
func Health(store daybook.Store) func() error {
	return func() error {
		unwell, knows := daybook.As[interface{ Health() error }](store)
		if !knows {
			return nil
		}
		err := unwell.Health()
		if ill := (*logstore.HealthError)(nil); errors.As(err, &ill) && ill.ReadOnly {
			return err
		}
		return nil
	}
}
