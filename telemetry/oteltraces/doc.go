// Package oteltraces makes OpenTelemetry spans of what a program does with its logs, and
// joins those of what is done later to those that led to it: a request, its command, the
// append of its events; and then, linked to the command, the batch in which a read model
// shows them, what a process does about them, and the message that tells others.
//
// What joins them travels in the events: the span of a command is the Parent of their
// [daybook.Trace], in the form of the header traceparent of W3C Trace Context, and so in
// their metadata. It is no part of a command and changes neither its id nor its digest.
//
// [New] makes [Traces] with a provider of the program's own, which decides what is sampled
// and where spans go; this package has nothing but OpenTelemetry's interface. Package
// otlptraces has a provider. Methods of Traces are the options of other packages:
//
//	traces := oteltraces.New(provider)
//	store = traces.Store("shop", store)
//	bus := command.NewBus(store, handlers, &command.Options{Around: traces.Command})
//	runner := projection.NewRunner(store, view, &projection.Options{Around: traces.Batch})
//	processes := process.NewRunner(store, bus, all, &process.Options{Reacting: traces.Reaction, Around: traces.Call})
//	publisher := publish.New(store, query, traces.Sink("hook", sink), bookmark, nil)
//
// # What is a child, and what is linked
//
// What somebody waits for is a child: a command of its request, an append of its command.
// What happens afterwards, for any number of commands at once or much later, is the
// beginning of a trace of its own with links to the spans that led to it. The steps of an
// instance of a process belong to the trace of the event or deadline that it reacted to.
package oteltraces
