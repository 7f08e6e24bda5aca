// Package otlptraces sends spans to a collector: over HTTP, as OTLP in JSON.
//
// [Open] makes a provider for package oteltraces, with OpenTelemetry's own batches around an
// exporter of ours. That of OpenTelemetry speaks gRPC and protobuf and draws in several
// hundred packages, which every program would link; OTLP in JSON is one POST of one
// document, and every collector takes it.
//
// Spans are not worth waiting for: those that a collector does not take in time are dropped,
// and so are those that come faster than it takes them. The log says so.
//
// What is linked is sampled with what it is linked to: a trace that is kept is whole, from
// the request to what a process did about it.
package otlptraces
