package projection

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"

	"github.com/daybook-es/daybook"
)

// A Handler applies facts of one type to a T, which gives access to a read model,
// such as a pointer or a transaction. Packages memview and sqlview make theirs with
// a function On; other views use [Handle].
type Handler[T any] struct {
	fact   reflect.Type
	names  func(*daybook.Codec) []string
	handle func(target T, fact any, at daybook.Recorded) error
}

// Handle returns a handler of facts of type E. It is given the fact and the event
// that the fact was recorded as.
func Handle[T, E any](handle func(target T, fact E, at daybook.Recorded) error) Handler[T] {
	return Handler[T]{
		fact:  reflect.TypeFor[E](),
		names: daybook.NamesOf[E],
		handle: func(target T, fact any, at daybook.Recorded) error {
			return handle(target, fact.(E), at)
		},
	}
}

// Handlers are all handlers of a projection, with the codec that reads its events.
// They are for those who implement views. They never change and may be used by many
// goroutines.
type Handlers[T any] struct {
	codec  *daybook.Codec
	names  []string
	byFact map[reflect.Type]Handler[T]
}

// NewHandlers returns handlers that read events with a codec. It panics if there are
// none, if two handle the same type, or if the codec has no kind that becomes the
// type: such mistakes are found when the program starts.
func NewHandlers[T any](codec *daybook.Codec, handlers ...Handler[T]) *Handlers[T] {
	if len(handlers) == 0 {
		panic("projection: a projection without handlers shows nothing")
	}
	h := &Handlers[T]{codec: codec, byFact: make(map[reflect.Type]Handler[T], len(handlers))}
	for _, handler := range handlers {
		if _, twice := h.byFact[handler.fact]; twice {
			panic(fmt.Sprintf("projection: two handlers of %s", handler.fact))
		}
		names := handler.names(codec)
		if len(names) == 0 {
			panic(fmt.Sprintf("projection: a handler of %s, which the codec has no kind for", handler.fact))
		}
		h.byFact[handler.fact] = handler
		h.names = append(h.names, names...)
	}
	slices.Sort(h.names)
	h.names = slices.Compact(h.names)
	return h
}

// Query returns the query that selects every event that can become a fact with a
// handler.
func (h *Handlers[T]) Query() daybook.Query {
	return daybook.Query{{Types: slices.Clone(h.names)}}
}

// Fingerprint identifies what the handlers' codec knows; see
// [daybook.Codec.Fingerprint].
func (h *Handlers[T]) Fingerprint() string { return h.codec.Fingerprint() }

// Facts returns what the events say today: for each event a slice of its facts, so
// that a view can read a whole batch before it changes anything. An event that
// cannot be read is an [*EventError], the first of them if there are several.
//
// Reading an event mostly costs more than applying it to a value in memory, and a
// quarter of what it costs to apply it in SQLite: a large batch is read by all
// processors.
func (h *Handlers[T]) Facts(events []daybook.Recorded) ([][]any, error) {
	facts := make([][]any, len(events))
	shares := max(1, min(runtime.GOMAXPROCS(0), len(events)/leastShare))
	errs := make([]error, shares)
	var reading sync.WaitGroup
	for share := range shares {
		from, to := len(events)*share/shares, len(events)*(share+1)/shares
		read := func() { errs[share] = h.read(events[from:to], facts[from:to]) }
		if share == shares-1 {
			read()
			break
		}
		reading.Go(read)
	}
	reading.Wait()
	if err := cmp.Or(errs...); err != nil {
		return nil, err
	}
	return facts, nil
}

// leastShare is how many events are worth a goroutine: they take some tenths of a
// millisecond.
const leastShare = 100

// read reads events into facts.
func (h *Handlers[T]) read(events []daybook.Recorded, facts [][]any) (err error) {
	for i, e := range events {
		if facts[i], err = h.factsOf(e); err != nil {
			return &EventError{Event: e, Err: err}
		}
	}
	return nil
}

// factsOf reads one event. Code of the domain's own that panics over it fails at that
// event alone.
func (h *Handlers[T]) factsOf(e daybook.Recorded) (facts []any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading it panicked: %v", p)
		}
	}()
	return h.codec.Facts(e)
}

// Apply hands the facts of one event to their handlers, in order, and passes over a
// fact without a handler. The error of a handler comes back as an [*EventError];
// the caller then undoes what the handlers before it did to the target.
func (h *Handlers[T]) Apply(target T, facts []any, at daybook.Recorded) error {
	for _, fact := range facts {
		handler, handled := h.byFact[reflect.TypeOf(fact)]
		if !handled {
			continue
		}
		if err := handler.handle(target, fact, at); err != nil {
			return &EventError{Event: at, Err: err}
		}
	}
	return nil
}

// An EventError reports an event that a view could not apply: its handler failed,
// or it cannot be read.
type EventError struct {
	// Event is the event that cannot be applied.
	Event daybook.Recorded
	// Err is why: what the handler returned, a [*daybook.UnreadableError], or what else is
	// wrong with the event, such as that its keys belong to several parts.
	Err error
}

func (e *EventError) Error() string {
	return fmt.Sprintf("projection: %s at position %d cannot be applied: %v", e.Event.Type, e.Event.Position, e.Err)
}

// Unwrap returns what the handler returned, or why the event cannot be read.
func (e *EventError) Unwrap() error { return e.Err }
