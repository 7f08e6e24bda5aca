package otlptraces

import (
	"encoding/hex"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// What follows is ExportTraceServiceRequest of OTLP 1.x in its JSON encoding: names in lower
// camel case, ids in hexadecimal digits, 64-bit integers as text, enumerations as numbers.
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resourceJSON `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resourceJSON struct {
		Attributes []keyValue `json:"attributes,omitempty"`
	}
	scopeSpans struct {
		Scope scopeJSON  `json:"scope"`
		Spans []spanJSON `json:"spans"`
	}
	scopeJSON struct {
		Name    string `json:"name,omitempty"`
		Version string `json:"version,omitempty"`
	}
	spanJSON struct {
		TraceID       string      `json:"traceId"`
		SpanID        string      `json:"spanId"`
		TraceState    string      `json:"traceState,omitempty"`
		ParentSpanID  string      `json:"parentSpanId,omitempty"`
		Flags         uint32      `json:"flags"`
		Name          string      `json:"name"`
		Kind          int         `json:"kind"`
		Start         string      `json:"startTimeUnixNano"`
		End           string      `json:"endTimeUnixNano"`
		Attributes    []keyValue  `json:"attributes,omitempty"`
		DroppedAttrs  int         `json:"droppedAttributesCount,omitempty"`
		Events        []eventJSON `json:"events,omitempty"`
		DroppedEvents int         `json:"droppedEventsCount,omitempty"`
		Links         []linkJSON  `json:"links,omitempty"`
		DroppedLinks  int         `json:"droppedLinksCount,omitempty"`
		Status        statusJSON  `json:"status"`
	}
	eventJSON struct {
		Time       string     `json:"timeUnixNano"`
		Name       string     `json:"name"`
		Attributes []keyValue `json:"attributes,omitempty"`
	}
	linkJSON struct {
		TraceID    string     `json:"traceId"`
		SpanID     string     `json:"spanId"`
		TraceState string     `json:"traceState,omitempty"`
		Flags      uint32     `json:"flags"`
		Attributes []keyValue `json:"attributes,omitempty"`
	}
	statusJSON struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code,omitempty"`
	}
	keyValue struct {
		Key   string    `json:"key"`
		Value valueJSON `json:"value"`
	}
	// Of a value one field is set.
	valueJSON struct {
		String *string    `json:"stringValue,omitempty"`
		Bool   *bool      `json:"boolValue,omitempty"`
		Int    *string    `json:"intValue,omitempty"`
		Double *float64   `json:"doubleValue,omitempty"`
		Array  *arrayJSON `json:"arrayValue,omitempty"`
	}
	arrayJSON struct {
		Values []valueJSON `json:"values"`
	}
)

// requestOf returns what is posted: the spans by what made them. All are of one resource,
// that of the provider.
func requestOf(spans []sdktrace.ReadOnlySpan) exportRequest {
	of := resourceSpans{Resource: resourceJSON{attributesOf(spans[0].Resource().Attributes())}}
	at := make(map[instrumentation.Scope]int)
	for _, s := range spans {
		scope := s.InstrumentationScope()
		n, known := at[scope]
		if !known {
			n = len(of.ScopeSpans)
			at[scope] = n
			of.ScopeSpans = append(of.ScopeSpans, scopeSpans{Scope: scopeJSON{scope.Name, scope.Version}})
		}
		of.ScopeSpans[n].Spans = append(of.ScopeSpans[n].Spans, spanOf(s))
	}
	return exportRequest{[]resourceSpans{of}}
}

func spanOf(s sdktrace.ReadOnlySpan) spanJSON {
	of := spanJSON{
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
		TraceState: s.SpanContext().TraceState().String(),
		Flags:      flagsOf(s.SpanContext(), s.Parent().IsRemote()),
		Name:       s.Name(), Kind: kindOf(s.SpanKind()),
		Start: nanoseconds(s.StartTime()), End: nanoseconds(s.EndTime()),
		Attributes: attributesOf(s.Attributes()), DroppedAttrs: s.DroppedAttributes(),
		DroppedEvents: s.DroppedEvents(), DroppedLinks: s.DroppedLinks(),
		Status: statusJSON{s.Status().Description, statusOf(s.Status().Code)},
	}
	if parent := s.Parent().SpanID(); parent.IsValid() {
		of.ParentSpanID = hex.EncodeToString(parent[:])
	}
	for _, e := range s.Events() {
		of.Events = append(of.Events, eventJSON{nanoseconds(e.Time), e.Name, attributesOf(e.Attributes)})
	}
	for _, l := range s.Links() {
		of.Links = append(of.Links, linkJSON{
			l.SpanContext.TraceID().String(), l.SpanContext.SpanID().String(), l.SpanContext.TraceState().String(),
			flagsOf(l.SpanContext, l.SpanContext.IsRemote()), attributesOf(l.Attributes),
		})
	}
	return of
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// flagsOf returns the flags of W3C Trace Context, and in bits 8 and 9 that it is known
// whether the parent is elsewhere, and whether it is.
func flagsOf(s trace.SpanContext, remote bool) uint32 {
	flags := uint32(s.TraceFlags()) | 1<<8
	if remote {
		flags |= 1 << 9
	}
	return flags
}

// kindOf returns the number of a kind: 1 is internal, and what has no kind is that.
func kindOf(kind trace.SpanKind) int {
	switch kind {
	case trace.SpanKindServer:
		return 2
	case trace.SpanKindClient:
		return 3
	case trace.SpanKindProducer:
		return 4
	case trace.SpanKindConsumer:
		return 5
	}
	return 1
}

func statusOf(code codes.Code) int {
	switch code {
	case codes.Ok:
		return 1
	case codes.Error:
		return 2
	}
	return 0
}

func attributesOf(attributes []attribute.KeyValue) []keyValue {
	var of []keyValue
	for _, a := range attributes {
		of = append(of, keyValue{string(a.Key), valueOf(a.Value)})
	}
	return of
}

func valueOf(v attribute.Value) valueJSON {
	switch v.Type() {
	case attribute.BOOL:
		return boolValue(v.AsBool())
	case attribute.INT64:
		return intValue(v.AsInt64())
	case attribute.FLOAT64:
		return doubleValue(v.AsFloat64())
	case attribute.BOOLSLICE:
		return arrayOf(v.AsBoolSlice(), boolValue)
	case attribute.INT64SLICE:
		return arrayOf(v.AsInt64Slice(), intValue)
	case attribute.FLOAT64SLICE:
		return arrayOf(v.AsFloat64Slice(), doubleValue)
	case attribute.STRINGSLICE:
		return arrayOf(v.AsStringSlice(), stringValue)
	}
	return stringValue(v.String()) // text, and what a later version may have besides
}

func stringValue(s string) valueJSON { return valueJSON{String: &s} }
func boolValue(b bool) valueJSON     { return valueJSON{Bool: &b} }
func intValue(n int64) valueJSON {
	text := strconv.FormatInt(n, 10)
	return valueJSON{Int: &text}
}

// doubleValue writes what JSON has no number for as text: a span with one must not keep the
// others from being sent.
func doubleValue(f float64) valueJSON {
	if f-f != 0 {
		return stringValue(strconv.FormatFloat(f, 'g', -1, 64))
	}
	return valueJSON{Double: &f}
}

func arrayOf[T any](values []T, of func(T) valueJSON) valueJSON {
	array := &arrayJSON{Values: []valueJSON{}}
	for _, v := range values {
		array.Values = append(array.Values, of(v))
	}
	return valueJSON{Array: array}
}
