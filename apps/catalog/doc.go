// Package catalog is a shop's catalogue as events: which products there are, what they are
// called, what they cost and ever cost, for ever.
//
// It has two sides, which have nothing in common but the log. [NewBus] takes the commands in
// commands.go and decides on them by the rules in offer.go and listing.go. A [Showcase]
// answers questions, from a database of its own.
//
// Read events.go, offer.go, listing.go and commands.go, in that order, for what is written,
// and display.go, showcase.go and list.go for what is read.
package catalog
