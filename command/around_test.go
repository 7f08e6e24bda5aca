package command_test

import (
	"context"
	"slices"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
)

func TestOneAroundIsWithinTheOneBefore(t *testing.T) {
	var order []string
	around := func(name string) command.Around {
		return func(ctx context.Context, sent command.Sent, next func(context.Context) (daybook.Receipt, error)) (daybook.Receipt, error) {
			order = append(order, name+" "+sent.Type)
			defer func() { order = append(order, name+" ends") }()
			return next(ctx)
		}
	}
	next := func(context.Context) (daybook.Receipt, error) {
		order = append(order, "run")
		return daybook.Receipt{Repeated: true}, nil
	}
	receipt, err := command.Within(nil, around("a"), nil, around("b"), around("c"), nil)(t.Context(), command.Sent{Type: "Place"}, next)
	if !receipt.Repeated || err != nil {
		t.Errorf("the answer is %v, %v", receipt, err)
	}
	if want := []string{"a Place", "b Place", "c Place", "run", "c ends", "b ends", "a ends"}; !slices.Equal(order, want) {
		t.Errorf("went %v, want %v", order, want)
	}
	if command.Within(nil, nil) != nil || command.Within() != nil {
		t.Error("there is something around, made of nothing")
	}
}
