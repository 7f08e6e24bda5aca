// Package library is a library as events: which books it has, who has them at home, and
// what happened to each, for ever.
//
// It has two sides, which meet in the store alone. [NewBus] takes the commands in
// commands.go and decides on them by the rules in book.go and lending.go. An [Inventory]
// follows the log and answers questions. Package web has both over HTTP, as two services
// that are started and scaled on their own.
//
// Read events.go, book.go, lending.go and commands.go, in that order, for what is written,
// and shelves.go, inventory.go, questions.go and past.go for what is read.
package library
