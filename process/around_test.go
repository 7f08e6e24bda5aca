package process_test

import (
	"context"
	"slices"
	"testing"

	"github.com/daybook-es/daybook/process"
)

func TestOneAroundIsWithinTheOneBefore(t *testing.T) {
	var order []string
	around := func(name string) process.Around {
		return func(ctx context.Context, c process.Call, next func(context.Context) (any, error)) (any, error) {
			order = append(order, name+" "+c.Effect)
			defer func() { order = append(order, name+" ends") }()
			return next(ctx)
		}
	}
	result, err := process.Within(nil, around("a"), around("b"), nil)(t.Context(), process.Call{Effect: "Charge"}, func(context.Context) (any, error) {
		order = append(order, "call")
		return 1, nil
	})
	if want := []string{"a Charge", "b Charge", "call", "b ends", "a ends"}; !slices.Equal(order, want) || result != 1 || err != nil {
		t.Errorf("went %v, want %v; it returned %v, %v", order, want, result, err)
	}
	if process.Within(nil) != nil {
		t.Error("there is something around, made of nothing")
	}
}
