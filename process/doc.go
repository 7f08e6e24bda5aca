// Package process runs process managers: what happens across several streams and in the
// outside world, over minutes or months, and must not be forgotten half-way.
//
// A [Process] says how its instances react to events, to the answers of commands, to the
// results of calls to the outside, and to deadlines; and a reaction decides which
// commands to send, which effects to call and which deadlines to set ([Steps]). A
// [Runner] does the rest, and does it whatever crashes:
//
//	var Reminders = process.For("reminder", 1, Loans.Codec(),
//		process.Starts(reader, func(r *Reminder, e Borrowed, do *process.Steps) {
//			do.At("due", e.Due)
//		}),
//		process.On(reader, func(r *Reminder, e Returned, do *process.Steps) {
//			do.Done()
//		}),
//		process.Deadline("due", func(r *Reminder, do *process.Steps) {
//			do.Send(Remind{Book: do.Instance()})
//		}),
//		process.Sends[Reminder, Remind]("Remind", nil),
//	)
//
// The stream of an instance is its inbox and its outbox. One append records one input
// and what it led to, so an input is taken once and a decision is never half kept. The
// state is folded from the inputs with the same reactions, whose steps then lead to
// nothing. So a crash resumes by reading, and nothing is done again because something
// is read again.
//
// What it promises:
//
//   - Every event that reaches an instance is taken once, in the order of the log.
//   - A command is decided once: its id is that of the event that says it is to be sent.
//     Its answer is recorded, a refusal too, and is what happened.
//   - An effect is called until its result is recorded, always under the same key: once,
//     as far as a provider that goes by keys can tell. Its call is recorded before.
//   - A deadline fires once, not before its time, in order, and after every event that was
//     recorded before. When the clock was set, none fires until it is set back or somebody
//     confirms it.
//   - An instance that cannot go on is set aside, and the others go on. One whose stream
//     was tombstoned takes nothing any more, and keeps nobody.
//
// Any number of runners may run the same processes. Nothing is kept
// outside the log but, if asked for, snapshots that save time.
//
// Read process.go, handler.go and steps.go for how a process is written; record.go,
// instance.go, take.go and session.go for how it is kept.
package process
