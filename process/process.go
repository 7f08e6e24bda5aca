package process

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
)

// A Process says how instances of one kind react: which events begin them and reach
// them, which commands and effects they may ask for, and what they do with the answers.
// Its instances have a state of type S. Make it with [For]. It never changes and may
// be used by many goroutines.
type Process[S any] struct{ definition *definition }

// A Definition is a [Process] of any state.
type Definition interface{ defined() *definition }

func (p *Process[S]) defined() *definition { return p.definition }

// For declares a process: its name, for ever; its version; the codec of the facts that
// it reacts to; and its handlers. The state of a new instance is the zero S.
//
// An instance stays with the version that began it. Raise the version when reactions
// change in a way that those who have begun must not notice, and hand the runner both
// until the last of the old instances is finished.
//
// For panics if the name cannot be part of a stream's, if something is declared twice, or
// if the codec has no kind that becomes a fact that is reacted to: such mistakes are
// found when the program starts.
func For[S any](name string, version int, codec *daybook.Codec, handlers ...Handler[S]) *Process[S] {
	d := &definition{
		name:      name,
		version:   version,
		codec:     codec,
		begin:     func() any { return new(S) },
		events:    make(map[reflect.Type]eventHandler),
		requests:  make(map[reflect.Type]*requestHandler),
		commands:  make(map[string]*requestHandler),
		effects:   make(map[string]*requestHandler),
		deadlines: make(map[string]func(any, *Steps)),
	}
	switch {
	case name == "" || strings.ContainsAny(name, "-$"):
		panic(fmt.Sprintf("process: a process cannot be called %q: its name is part of a category", name))
	case daybook.Stream(streamOf(name, "x")).Validate() != nil:
		panic(fmt.Sprintf("process: a process cannot be called %q: %v", name, daybook.Stream(streamOf(name, "x")).Validate()))
	case version < 1:
		panic(fmt.Sprintf("process: the version of %s is %d, and versions begin with 1", name, version))
	}
	for _, p := range handlers {
		p.declare(d)
	}
	if !slices.ContainsFunc(d.all(), func(e eventHandler) bool { return e.starts }) {
		panic(fmt.Sprintf("process: nothing starts an instance of %s", name))
	}
	slices.Sort(d.names)
	d.names = slices.Compact(d.names)
	return &Process[S]{definition: d}
}

// A definition is a process without its type of state.
type definition struct {
	name    string
	version int
	codec   *daybook.Codec
	begin   func() any // a new state: a pointer to S

	events    map[reflect.Type]eventHandler // by fact
	names     []string                      // the types of events that can become such facts, sorted
	requests  map[reflect.Type]*requestHandler
	commands  map[string]*requestHandler
	effects   map[string]*requestHandler
	deadlines map[string]func(state any, do *Steps)
}

func (d *definition) all() []eventHandler {
	all := make([]eventHandler, 0, len(d.events))
	for _, e := range d.events {
		all = append(all, e)
	}
	return all
}

// correlate returns the instance that a fact reaches; empty if none. It also says
// whether the fact begins it.
func (d *definition) correlate(fact any, at daybook.Recorded) (id string, starts bool) {
	handler, reacts := d.events[reflect.TypeOf(fact)]
	if !reacts {
		return "", false
	}
	return handler.correlate(fact, at), handler.starts
}

// request returns the handler of a command or an effect, which is declared under its Go
// type. Anything else is the mistake of whoever wrote the reaction.
func (d *definition) request(value any) *requestHandler {
	handler, declared := d.requests[reflect.TypeOf(value)]
	if !declared {
		panic(fmt.Sprintf("process %s version %d declares neither a command nor an effect of type %T", d.name, d.version, value))
	}
	return handler
}
