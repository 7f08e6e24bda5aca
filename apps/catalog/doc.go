// Package catalog is a shop's catalogue as events: which products there are, what they are
// called, what they cost and ever cost, for ever.
//
// [NewBus] takes the commands in commands.go and decides on them by the rules in offer.go
// and listing.go.
//
// Read events.go, offer.go, listing.go and commands.go, in that order.
package catalog
