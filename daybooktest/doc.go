// Package daybooktest is for tests of a domain: given these facts, when this is
// decided, then those facts are recorded, or that rule refuses.
//
//	daybooktest.Given(t, Orders, Placed{Cents: 2000}).
//		When(Pay).
//		Then(Paid{Cents: 2000})
//
// Nothing is simulated: facts are encoded, recorded in a store in memory, read,
// folded and decided on by the code that does so in production. So a scenario also
// fails for a fact that is not declared, or that does not survive its encoding.
//
// [Given] is for the decider of a stream, [GivenLog] for a decision over any part of
// the log, [Project] for a read model, [Process] for a process, and [Snapshots] for a
// state that is to be cached. A [Clock] shows the time that it is told to. An
// [Unreliable] store loses requests and answers, to test a program that must cope with
// that.
//
// Scenarios are for the goroutine of their test; a Clock and an Unreliable store are for
// any.
package daybooktest
