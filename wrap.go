package daybook

// A Wrapper is a store around another one, such as one that counts what goes through it.
// Its answers are those of the store in it, so what else that store can do is true of the
// wrapper too; [As] finds it. A store that must not be got around, such as one that
// refuses, is no Wrapper.
type Wrapper interface {
	Store
	// Unwrap returns the store that it is around.
	Unwrap() Store
}

// As returns a store as something that not every store is, such as a [Restorer] or an
// interface with a method Health: the store itself, or the first below it that is, as far
// as stores are Wrappers. It reports whether there is one.
func As[T any](store Store) (found T, is bool) {
	for store != nil {
		if found, is = store.(T); is {
			return found, true
		}
		around, wraps := store.(Wrapper)
		if !wraps {
			break
		}
		store = around.Unwrap()
	}
	return found, false
}
