// Package decider is the write side of event sourcing: state is folded from
// events, and a decision is a pure function from that state to new facts or to a
// refusal.
//
// A [Decider] is about one stream, such as one order: [For] says in one place what
// each fact is called, for ever, and how it changes the state. A [Boundary] is about
// whatever a query selects, such as the loans of a book together with those of a
// reader: [Over] folds facts that a codec names. Either binds a [Decision] to what
// it is about, which gives a [Plan], and [Decide] runs the plan against a store.
//
// What Decide promises: the facts are recorded, all of them or none, only if nothing
// that the decision depends on was recorded in the meantime. If something was, the
// decision is made again on the new state. A decision may therefore be called
// several times, and must do nothing but decide.
//
// Read fact.go, decider.go, boundary.go, plan.go and decide.go, in that order.
package decider
