package history

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/anishathalye/porcupine"

	"github.com/daybook-es/daybook"
)

// A step is what an operation did to one stream, or saw of it.
type step struct {
	stream string
	// events are what was recorded, in the stream or about it.
	events []daybook.Event
	// holds and fails are clauses about the stream of which is known that they held or
	// failed when the operation took place.
	holds, fails []daybook.Clause
}

// A sight is what an operation said of the stream as it was after the step: its version,
// or the version of the newest event that it showed, zero if it showed none.
type sight struct {
	version, shown         daybook.Version
	knowsVersion, hasShown bool
}

// A state is a stream as far as its clients can tell: a version that grows, and what of
// it is forgotten. Its positions count what was recorded in it and about it.
type state struct {
	daybook.StreamState
	count daybook.Position
}

// after returns the state after an event in the stream or about it.
func (s state) after(stream string, e daybook.Event) state {
	s.count++
	if e.Stream == stream {
		s.Version, s.Newest = s.Version+1, s.count
	} else {
		s.Horizon = s.Horizon.With(daybook.Recorded{Event: e, Position: s.count})
	}
	return s
}

// shown returns the version of the newest event that a reading of the stream yields.
func (s state) shown() daybook.Version {
	if s.Horizon.Hides(s.Version, s.Newest) {
		return 0
	}
	return s.Version
}

// streamModel is one stream.
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
	Init: func() any { return state{} },
	Step: func(before, input, output any) (bool, any) {
		now, did, saw := before.(state), input.(step), output.(sight)
		for _, clause := range did.holds {
			if holds, _ := clause.Holds(now.StreamState); !holds {
				return false, before
			}
		}
		for _, clause := range did.fails {
			if holds, _ := clause.Holds(now.StreamState); holds {
				return false, before
			}
		}
		for _, e := range did.events {
			if e.Stream == did.stream && now.Horizon.Tombstoned > 0 {
				return false, before
			}
			now = now.after(did.stream, e)
		}
		return (!saw.knowsVersion || saw.version == now.Version) && (!saw.hasShown || saw.shown == now.shown()), now
	},
	Equal:             func(a, b any) bool { return reflect.DeepEqual(a, b) },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
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
				operation(a.Client, a.Interval, did, sight{version: version, knowsVersion: written})
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
			saw := sight{hasShown: true}
			for _, e := range r.Events {
				saw.shown = max(saw.shown, e.Version)
			}
			operation(r.Client, r.Interval, step{stream: stream}, saw)
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
			s := of(e.Stream)
			s.events = append(s.events, e)
		}
		if stream, about := daybook.AboutStream(e.Stream); about {
			s := of(stream)
			s.events = append(s.events, e)
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
