// Package projection is the read side: it keeps what readers want to know, a read
// model, in step with a log of events.
//
// A projection is a name, a version, a query and handlers, each typed by the fact
// that it handles. What they build is a [View]: in memory with package
// projection/memview, in a database with package projection/sqlview. A [Runner]
// reads the log and hands the view batches of events, in order of position. The
// view keeps a [Checkpoint] that says how far it has come, and keeps it together
// with what the events changed, all or nothing. So each event is applied exactly
// once, whatever crashes and however many runners there are.
//
//	runner := projection.NewRunner(store, view, nil)
//	go runner.Run(ctx)
//	…
//	receipt, err := Orders.Decide(ctx, store, "42", Pay(total))
//	err = runner.Wait(ctx, receipt.Point) // the view now shows the payment
//
// An event that cannot be applied is set aside with those that follow it under the same
// key, by default the stream, and all others go on. It is tried again with growing
// pauses, by every program that is started, and when somebody calls [Runner.Retry]; or
// it is done without ([Runner.Skip]). Whoever waits for such an event is told so.
// What is wrong with no event in particular, such as a database that is away, is tried
// again for as long as it takes. [Runner.Status] and the log say where a projection
// stands, what is set aside and what it is stuck on.
//
// A view can have parts, which are moved at the same time, each in order; processes that
// share a view take turns at them. [Versions] keeps an older and a newer version of a
// read model side by side: the newer one is built while the older one answers, and
// readers are switched when it shows as much. [Build] brings a view to a moment of the
// past.
//
// A view keeps what it was told: when a stream is forgotten later, what its events did
// to the read model stays. A view that is built after that is not told of them. Raise
// its version to forget in a read model too.
//
// The events of one key are applied in the order in which they were recorded, even if the
// facts happened in another. They are given the recorded event, which has both
// times.
package projection
