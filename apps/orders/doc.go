// Package orders is a shop's order management: orders are placed, paid, shipped,
// delivered, cancelled, returned and refunded; what is in stock is kept for them; the shop
// sees to them by itself, if it is asked to; and nothing that happened is ever changed.
//
// Read events.go first: it is what can happen to an order and to an article, in the
// shop's words. Then order.go, the rules; commands.go, what people may ask for; stock.go
// and reservation.go, the rules of the warehouse, and warehouse.go, its commands;
// fulfilment.go, how the shop sees to an order by itself, with the providers that
// providers.go asks for; shop.go, which puts all that to work on a store and keeps the
// views that answer questions; overview.go and its neighbours, those views; audit.go, what
// must be so of the whole log. import.go brings in the history of a shop that kept it in
// tables.
//
// A [Shop] is all that a web page or a program needs. Open one on any
// [daybook.Store].
package orders
