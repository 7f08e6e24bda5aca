package command

import (
	"context"

	"github.com/daybook-es/daybook"
)

// An Around is called for a command, and calls next to run it; see [Options.Around].
type Around func(ctx context.Context, sent Sent, next func(context.Context) (daybook.Receipt, error)) (daybook.Receipt, error)

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
			all = func(ctx context.Context, sent Sent, next func(context.Context) (daybook.Receipt, error)) (daybook.Receipt, error) {
				return outer(ctx, sent, func(ctx context.Context) (daybook.Receipt, error) { return inner(ctx, sent, next) })
			}
		}
	}
	return all
}
