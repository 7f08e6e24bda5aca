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
// A handler that fails is tried again for as long as it takes, and nothing is
// skipped: the projection is stuck until the handler succeeds, or until a program
// that has mended it is started. [Runner.Status] and the log say where a projection
// stands and what it is stuck on.
//
// A view keeps what it was told: when a stream is forgotten later, what its events did
// to the read model stays. A view that is built after that is not told of them. Raise
// its version to forget in a read model too.
//
// Handlers run in order of position, the order of recording, even if the facts
// happened in another order. They are given the recorded event, which has both
// times.
package projection
