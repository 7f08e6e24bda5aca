package daybook

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestConditionValidate(t *testing.T) {
	here := Point{Log: uuid.New(), Incarnation: uuid.New(), Position: 7}
	paid := Query{{Types: []string{"Paid"}}}
	for _, valid := range []Condition{nil, {}, At("a", 0), At("$$a", 3), New("a"), Exists("a"), Nothing(paid, Point{}), Nothing(paid, here), Nothing(All(), here.At(0)), append(At("a", 1), New("a")...)} {
		if err := valid.Validate(); err != nil {
			t.Errorf("%v: %v", valid, err)
		}
	}
	partial := Nothing(paid, here)
	partial[0].Partial = true
	for _, c := range []struct {
		cond Condition
		says string
	}{
		{New(""), "condition clause 1: stream is empty"},
		{append(New("a"), At("a\x00", 1)...), "condition clause 2: stream"},
		{Nothing(nil, here), "guards nothing"},
		{Nothing(Query{}, Point{}), "guards nothing"},
		{Nothing(Query{{}}, here), "condition clause 1: query item 1 names nothing"},
		{partial, "half a past"},
		{Nothing(paid, Point{Position: 7}), "names position 7 without the log and incarnation"},
		{Nothing(paid, Point{Log: here.Log, Position: 7}), "without the log and incarnation"},
		{Condition{{}}, "of kind 0"},
		{Condition{{Kind: 9, Stream: "a"}}, "of kind 9"},
	} {
		err := c.cond.Validate()
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v is answered %v, want %q", c.cond, err, c.says)
		}
	}
}

func TestConflictError(t *testing.T) {
	err := &ConflictError{Failures: []Failure{
		{At("order-42", 3)[0], 9}, {New("order-43")[0], 12}, {Exists("order-44")[0], 0}, {Nothing(All(), Point{Position: 4})[0], 11}, {Clause{Kind: 9}, 0},
	}}
	const want = "daybook: conflict: expected stream order-42 to be at version 3 (see position 9), " +
		"and stream order-43 to be new (see position 12), and stream order-44 to exist, " +
		"and nothing selected by the query to be recorded after position 4 (see position 11), and clause of kind 9"
	if err.Error() != want {
		t.Errorf("the error says\n%s\nwant\n%s", err, want)
	}
	if err.Position() != 12 {
		t.Errorf("the newest position is %d, want 12", err.Position())
	}
	if (&ConflictError{Failures: []Failure{{Exists("a")[0], 0}}}).Position() != 0 {
		t.Error("a conflict that no event made has a position")
	}
}
