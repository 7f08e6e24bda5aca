// Package slogids puts into every line of a log the ids by which it belongs together with
// other lines, with events and with spans: those of the trace that the line's context
// carries.
//
//	log := slog.New(slogids.New(slog.NewJSONHandler(os.Stderr, nil)))
//	log.InfoContext(ctx, "command", …)
//
// The line then has correlation (the correlation id, which is in the metadata of the events,
// too), trace_id and span_id (of the span that it was logged in, or that led to the event
// that it is about), as far as the context has them; see [daybook.TraceOf]. The packages of
// Daybook log with such contexts.
package slogids

import (
	"context"
	"log/slog"
	"strings"

	"github.com/daybook-es/daybook"
)

// The names of what is added to a line.
const (
	Correlation = "correlation"
	TraceID     = "trace_id"
	SpanID      = "span_id"
)

// handler is a handler around another one.
type handler struct{ inner slog.Handler }

// New returns a handler that adds the ids in front of what is logged, and hands it to
// another handler. What names an id itself keeps it. Within a group of attributes the ids
// are part of the group.
func New(inner slog.Handler) slog.Handler {
	if _, is := inner.(*handler); is {
		return inner
	}
	return &handler{inner}
}

// Enabled implements [slog.Handler].
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	ids := idsOf(daybook.TraceOf(ctx))
	if len(ids) == 0 {
		return h.inner.Handle(ctx, r)
	}
	with := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	for _, id := range ids {
		named := false
		r.Attrs(func(a slog.Attr) bool {
			named = a.Key == id.Key
			return !named
		})
		if !named {
			with.AddAttrs(id)
		}
	}
	r.Attrs(func(a slog.Attr) bool {
		with.AddAttrs(a)
		return true
	})
	return h.inner.Handle(ctx, with)
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.inner.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(name string) slog.Handler { return &handler{h.inner.WithGroup(name)} }

// idsOf returns the ids that a trace has.
func idsOf(t daybook.Trace) []slog.Attr {
	var ids []slog.Attr
	if t.Correlation != "" {
		ids = append(ids, slog.String(Correlation, t.Correlation))
	}
	// Version, id of the trace, id of the span, flags; a later version may have more.
	if parts := strings.Split(t.Parent, "-"); len(parts) >= 4 && len(parts[1]) == 32 && len(parts[2]) == 16 {
		ids = append(ids, slog.String(TraceID, parts[1]), slog.String(SpanID, parts[2]))
	}
	return ids
}
