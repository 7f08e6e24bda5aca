// Package command is the front door of the write side: a [Bus] takes commands by
// name, decodes them strictly, authorises and validates them, and runs each exactly
// once, whatever is retried.
//
// A command is a plain struct that asks for something, such as PayOrder. [On] says
// how it is called and which decision it is; there is no registry but the bus that
// the handlers are given to.
//
// What a bus promises: a command has an id, given or derived from whoever sends it
// and a key of theirs. If events of a command with this id are recorded, the answer
// is the receipt of those, never of what would be decided now. The same id with
// another content is a [*ReusedError]. A refusal is not remembered.
//
// Read id.go, handler.go and bus.go, in that order.
package command
