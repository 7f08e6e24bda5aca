package process

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	strict "github.com/go-json-experiment/json"

	"github.com/daybook-es/daybook"
)

// A Handler declares one thing that a [Process] of state S reacts to or asks for. Make it
// with [Starts], [On], [Sends], [Calls] or [Deadline].
//
// The reactions that it is given are pure functions of the state, of what they react to
// and of the [Steps]: they are run again whenever the state is folded anew, with steps
// that lead to nothing. So they ask no clock but [Steps.Now], and call nobody. A
// reaction that panics sets its instance aside.
type Handler[S any] struct{ declare func(*definition) }

// Starts declares that a fact begins an instance and how it reacts. Correlate returns
// the id of the instance, or "" if the fact concerns none: any text that can be part of
// a stream's name. It is a pure function of the fact and its event. An instance that
// has begun reacts to such a fact as to any other.
//
// Versions of a process must agree on which instance a fact begins.
func Starts[S, E any](correlate func(fact E, at daybook.Recorded) string, react func(s *S, fact E, do *Steps)) Handler[S] {
	return onFact(true, correlate, react)
}

// On declares that a fact reaches an instance that has begun, and how it reacts. It is
// nothing to an instance that has not begun, or is done. Correlate is as for [Starts].
func On[S, E any](correlate func(fact E, at daybook.Recorded) string, react func(s *S, fact E, do *Steps)) Handler[S] {
	return onFact(false, correlate, react)
}

// eventHandler is what a process does with one type of fact.
type eventHandler struct {
	starts    bool
	correlate func(fact any, at daybook.Recorded) string
	react     func(state, fact any, do *Steps)
}

func onFact[S, E any](starts bool, correlate func(E, daybook.Recorded) string, react func(*S, E, *Steps)) Handler[S] {
	return Handler[S]{func(d *definition) {
		fact := reflect.TypeFor[E]()
		if _, twice := d.events[fact]; twice {
			panic(fmt.Sprintf("process: %s reacts to %s twice", d.name, fact))
		}
		names := daybook.NamesOf[E](d.codec)
		if len(names) == 0 {
			panic(fmt.Sprintf("process: %s reacts to %s, which its codec has no kind for", d.name, fact))
		}
		d.names = append(d.names, names...)
		d.events[fact] = eventHandler{
			starts:    starts,
			correlate: func(fact any, at daybook.Recorded) string { return correlate(fact.(E), at) },
			react:     func(state, fact any, do *Steps) { react(state.(*S), fact.(E), do) },
		}
	}}
}

// Sends declares that the process sends commands of type C, which the bus knows under
// this name, and how it reacts to the answer; nil means not at all. A reaction is given
// the command that was answered.
func Sends[S, C any](name string, react func(s *S, c C, a Answer, do *Steps)) Handler[S] {
	return Handler[S]{func(d *definition) {
		handler := &requestHandler{name: name, encode: encodeCommand}
		handler.value = func(data []byte) (any, error) { return readCommand[C](name, data) }
		if react != nil {
			handler.react = func(state any, data []byte, in outcome, do *Steps) error {
				c, err := readCommand[C](name, data)
				if err != nil {
					return err
				}
				react(state.(*S), c, in.answer, do)
				return nil
			}
		}
		d.declare(reflect.TypeFor[C](), handler, d.commands)
	}}
}

// Calls declares an effect, which is a call to the outside such as to a payment
// provider, and how the process reacts to what comes of it. The effect is a value of
// type E, which [Steps.Ask] asks for; its name stands for it in the log, for ever. E and
// R are types that encoding/json writes and reads back as they were.
//
// Call is called once, unless it fails or the process ends before its result is
// recorded: then it is called again, with the same key. Whoever is at the other end
// must do the same thing once however often it is asked under one key. An error is
// tried again with growing pauses (see [Options]), unless it is [Permanent]. It is
// called by many goroutines, and should heed its context.
func Calls[S, E, R any](name string, call func(ctx context.Context, key string, e E) (R, error), react func(s *S, e E, r Result[R], do *Steps)) Handler[S] {
	return Handler[S]{func(d *definition) {
		handler := &requestHandler{name: name, effect: true, encode: json.Marshal}
		handler.call = func(ctx context.Context, key string, e any) (any, error) { return call(ctx, key, e.(E)) }
		handler.value = func(data []byte) (any, error) { return readEffect[E](name, data) }
		if react != nil {
			handler.react = func(state any, data []byte, in outcome, do *Steps) error {
				e, err := readEffect[E](name, data)
				if err != nil {
					return err
				}
				r := Result[R]{Failure: in.failure}
				if in.failure == "" {
					if err := json.Unmarshal(in.result, &r.Value); err != nil {
						return fmt.Errorf("read the result of %s: %w", name, err)
					}
				}
				react(state.(*S), e, r, do)
				return nil
			}
		}
		d.declare(reflect.TypeFor[E](), handler, d.effects)
	}}
}

func readEffect[E any](name string, data []byte) (E, error) {
	var e E
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("read the effect %s: %w", name, err)
	}
	return e, nil
}

func readCommand[C any](name string, data []byte) (C, error) {
	var c C
	if err := strict.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("read the command %s: %w", name, err)
	}
	return c, nil
}

// encodeCommand writes a command as the bus reads it.
func encodeCommand(c any) ([]byte, error) { return strict.Marshal(c, strict.Deterministic(true)) }

// requestHandler is what a process does about one type of command or effect.
type requestHandler struct {
	name   string
	effect bool
	encode func(any) ([]byte, error)
	value  func(data []byte) (any, error)
	call   func(ctx context.Context, key string, e any) (any, error)
	react  func(state any, data []byte, in outcome, do *Steps) error
}

func (d *definition) declare(of reflect.Type, handler *requestHandler, byName map[string]*requestHandler) {
	switch {
	case handler.name == "":
		panic(fmt.Sprintf("process: %s has no name in %s", of, d.name))
	case byName[handler.name] != nil:
		panic(fmt.Sprintf("process: %s declares %q twice", d.name, handler.name))
	case d.requests[of] != nil:
		panic(fmt.Sprintf("process: %s calls %s %q and %q", d.name, of, d.requests[of].name, handler.name))
	}
	byName[handler.name], d.requests[of] = handler, handler
}

// Deadline declares a deadline of this name and how the process reacts when it is due.
// See [Steps.At].
func Deadline[S any](name string, react func(s *S, do *Steps)) Handler[S] {
	return Handler[S]{func(d *definition) {
		if name == "" || d.deadlines[name] != nil {
			panic(fmt.Sprintf("process: %s declares the deadline %q twice, or without a name", d.name, name))
		}
		d.deadlines[name] = func(state any, do *Steps) { react(state.(*S), do) }
	}}
}
