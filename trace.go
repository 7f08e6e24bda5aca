package daybook

import (
	"context"
	"encoding/json"
)

// A Trace says who wanted something recorded, and what led to it. It travels in the
// context and is kept in the metadata of the events that are recorded.
type Trace struct {
	// Correlation is shared by everything that has one first cause, such as a request.
	Correlation string `json:"correlation_id,omitempty"`
	// Causation identifies what directly led to this: a command or an event.
	Causation string `json:"causation_id,omitempty"`
	// Actor is who wanted it.
	Actor string `json:"actor,omitempty"`
	// Parent is the span of distributed tracing in which it happened, as the header
	// traceparent of W3C Trace Context writes it; empty where nothing is traced. What is done
	// about the event later, elsewhere, can so be linked to what led to it. It changes nothing
	// else: an event that is appended again under another span is the same event.
	Parent string `json:"traceparent,omitempty"`
}

// By returns the trace of what something led to, such as an event or a command of this
// trace: with the same first cause and the same span, and by nobody in particular.
func (t Trace) By(causation string) Trace {
	return Trace{Correlation: t.Correlation, Causation: causation, Parent: t.Parent}
}

type traceKey struct{}

// WithTrace returns a context that carries a trace.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the trace that the context carries; the zero Trace if it carries
// none.
func TraceOf(ctx context.Context) Trace {
	t, _ := ctx.Value(traceKey{}).(Trace)
	return t
}

// Metadata returns the trace as an event's metadata, a JSON object. The zero Trace
// is no metadata.
func (t Trace) Metadata() []byte {
	if t == (Trace{}) {
		return nil
	}
	encoded, _ := json.Marshal(t) // strings always marshal
	return encoded
}

// Trace returns the trace in the event's metadata. Metadata of another form gives
// the zero Trace.
func (e Event) Trace() (t Trace) {
	if len(e.Metadata) == 0 || json.Unmarshal(e.Metadata, &t) != nil {
		return Trace{}
	}
	return t
}
