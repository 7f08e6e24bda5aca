package history

import (
	"errors"
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"

	"github.com/daybook-es/daybook"
)

// A step is what an operation did to one stream, or saw of it.
type step struct {
	stream string
	// add is how many events were recorded.
	add daybook.Version
	// holds and fails are clauses about the stream of which is known that they held or
	// failed when the operation took place.
	holds, fails []daybook.Clause
}

// A sight is the version of the stream after the step; known is false where the
// operation did not say.
type sight struct {
	version daybook.Version
	known   bool
}

// streamModel is a stream as far as its clients can tell: a version that grows.
var streamModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byStream := make(map[string][]porcupine.Operation)
		for _, op := range history {
			stream := op.Input.(step).stream
			byStream[stream] = append(byStream[stream], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byStream {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return daybook.Version(0) },
	Step: func(state, input, output any) (bool, any) {
		version, did, saw := state.(daybook.Version), input.(step), output.(sight)
		for _, clause := range did.holds {
			if !clauseHolds(clause, version) {
				return false, state
			}
		}
		for _, clause := range did.fails {
			if clauseHolds(clause, version) {
				return false, state
			}
		}
		version += did.add
		return !saw.known || saw.version == version, version
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

func clauseHolds(clause daybook.Clause, version daybook.Version) bool {
	switch clause.Kind {
	case daybook.StreamAt:
		return version == clause.Version
	case daybook.StreamNew:
		return version == 0
	default:
		return version > 0
	}
}

// CheckStreams returns an error if there is no order of the operations, one after
// the other and each between its call and its return, that explains what they say
// about the versions of some stream. The log is the one that [History.Check] takes:
// it tells which appends of unknown outcome were recorded.
func (h History) CheckStreams(log []daybook.Recorded) error {
	c := newChecker(log)
	var operations []porcupine.Operation
	operation := func(client int, i Interval, did step, saw sight) {
		operations = append(operations, porcupine.Operation{ClientId: client, Input: did, Output: saw, Call: i.Called, Return: i.Returned})
	}
	for i := range h.Appends {
		a := &h.Appends[i]
		var conflict *daybook.ConflictError
		var unknown *daybook.UnknownError
		switch {
		case a.Err == nil && !a.Receipt.Repeated:
			for _, did := range stepsOf(a) {
				version, written := a.Receipt.Versions[did.stream]
				operation(a.Client, a.Interval, did, sight{version, written})
			}
		case errors.As(a.Err, &conflict):
			for _, f := range conflict.Failures {
				if f.Clause.Kind != daybook.NothingSelected {
					operation(a.Client, a.Interval, step{stream: f.Clause.Stream, fails: []daybook.Clause{f.Clause}}, sight{})
				}
			}
		case errors.As(a.Err, &unknown):
			if _, recorded := c.at[a.Events[0].ID]; !recorded {
				continue
			}
			whenever := Interval{a.Called, math.MaxInt64}
			for _, did := range stepsOf(a) {
				operation(a.Client, whenever, did, sight{})
			}
		}
	}
	for _, r := range h.Reads {
		stream, whole := wholeStream(r)
		if whole {
			operation(r.Client, r.Interval, step{stream: stream}, sight{daybook.Version(len(r.Events)), true})
		}
	}
	if !porcupine.CheckOperations(streamModel, operations) {
		return errors.New("no order of the operations explains the versions of some stream")
	}
	return nil
}

// stepsOf returns what an append that was recorded did, stream by stream.
func stepsOf(a *Append) []step {
	byStream := make(map[string]*step)
	var order []string
	of := func(stream string) *step {
		if byStream[stream] == nil {
			byStream[stream] = &step{stream: stream}
			order = append(order, stream)
		}
		return byStream[stream]
	}
	for _, e := range a.Events {
		if e.Stream != "" {
			of(e.Stream).add++
		}
	}
	for _, clause := range a.Condition {
		if clause.Kind != daybook.NothingSelected {
			s := of(clause.Stream)
			s.holds = append(s.holds, clause)
		}
	}
	var steps []step
	for _, stream := range order {
		steps = append(steps, *byStream[stream])
	}
	return steps
}

// wholeStream reports whether a reading was of one stream, all of it.
func wholeStream(r Read) (string, bool) {
	if r.Err != nil || len(r.Query) != 1 || len(r.Query[0].Streams) != 1 {
		return "", false
	}
	it := r.Query[0]
	if len(it.IDs)+len(it.Categories)+len(it.Types)+len(it.Tags) > 0 {
		return "", false
	}
	span := r.Span
	span.Backward = false
	return it.Streams[0], span == daybook.Span{}
}
