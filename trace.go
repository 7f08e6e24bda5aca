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
	encoded, _ := json.Marshal(t) // three strings always marshal
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
