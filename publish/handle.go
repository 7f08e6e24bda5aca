package publish

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/daybook-es/daybook"
)

// A Handler deals with facts of one type. Make it with [On].
type Handler struct {
	fact   reflect.Type
	names  func(*daybook.Codec) []string
	handle func(ctx context.Context, fact any, m Message) error
}

// On returns a handler of facts of type E. It is called at least once for each, in order
// per key, and may be called again for one that it has dealt with: it tells by the
// message's [Message.DedupeKey], or does what is harmless to do twice. What its errors mean
// is said at [Sink].
func On[E any](handle func(ctx context.Context, fact E, m Message) error) Handler {
	return Handler{
		fact:   reflect.TypeFor[E](),
		names:  daybook.NamesOf[E],
		handle: func(ctx context.Context, fact any, m Message) error { return handle(ctx, fact.(E), m) },
	}
}

// Handlers are a [Sink] of functions that are typed by the fact that they handle. They
// never change and may be used by many goroutines.
type Handlers struct {
	codec  *daybook.Codec
	names  []string
	byFact map[reflect.Type]Handler
}

// Handle returns handlers as a sink, which reads events with a codec, those of yesterday's
// shapes as facts of today. It panics if there are none, if two handle the same type, or if
// the codec has no kind that becomes the type: such mistakes are found when the program
// starts.
func Handle(codec *daybook.Codec, handlers ...Handler) *Handlers {
	if len(handlers) == 0 {
		panic("publish: a sink of no handlers takes nothing")
	}
	h := &Handlers{codec: codec, byFact: make(map[reflect.Type]Handler, len(handlers))}
	for _, handler := range handlers {
		if _, twice := h.byFact[handler.fact]; twice {
			panic(fmt.Sprintf("publish: two handlers of %s", handler.fact))
		}
		names := handler.names(codec)
		if len(names) == 0 {
			panic(fmt.Sprintf("publish: a handler of %s, which the codec has no kind for", handler.fact))
		}
		h.byFact[handler.fact] = handler
		h.names = append(h.names, names...)
	}
	slices.Sort(h.names)
	h.names = slices.Compact(h.names)
	return h
}

// Query returns the query that selects every event that can become a fact with a handler.
func (h *Handlers) Query() daybook.Query {
	return daybook.Query{{Types: slices.Clone(h.names)}}
}

// Send implements [Sink]. An event that says several facts has their handlers called in
// order, with messages that differ by their Part; if one fails, the next attempt begins
// with the first again. A fact without a handler is passed over, and an event that cannot be
// read is refused.
func (h *Handlers) Send(ctx context.Context, m Message) error {
	facts, err := h.codec.Facts(m.Recorded)
	if err != nil {
		return Refused(err)
	}
	for part, fact := range facts {
		handler, handled := h.byFact[reflect.TypeOf(fact)]
		if !handled {
			continue
		}
		m.Part = part
		if err := handler.handle(ctx, fact, m); err != nil {
			return fmt.Errorf("publish: handle %s at position %d: %w", m.Recorded.Type, m.Recorded.Position, err)
		}
	}
	return nil
}

var _ Sink = (*Handlers)(nil)
