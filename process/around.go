package process

import "context"

// An Around is called for a call of an effect, and calls next to make it; see
// [Options.Around].
type Around func(ctx context.Context, c Call, next func(context.Context) (any, error)) (any, error)

// Within returns an Around that is several, each within the one before. Those that are nil
// are left out; if all are, so is what is returned.
func Within(arounds ...Around) Around {
	var all Around
	for n := len(arounds) - 1; n >= 0; n-- {
		outer, inner := arounds[n], all
		switch {
		case outer == nil:
		case inner == nil:
			all = outer
		default:
			all = func(ctx context.Context, c Call, next func(context.Context) (any, error)) (any, error) {
				return outer(ctx, c, func(ctx context.Context) (any, error) { return inner(ctx, c, next) })
			}
		}
	}
	return all
}
