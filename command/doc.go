// Package command is the front door of the write side: a [Bus] takes commands by
// name, decodes them strictly, authorises and validates them, and runs each exactly
// once, however often it is sent.
//
// A command is a plain struct that asks for something, such as PayOrder. [On] gives
// it a name and says which decision it asks for. There is no registry: a bus knows
// the handlers that it was made with.
//
// What a bus promises: a command has an id, either given or derived from the sender
// and a key of the sender's own. If a command with this id has recorded events, the
// answer is their receipt, never what would be decided now. The same id with other
// content is a [*ReusedError]. A refusal, or a decision without facts, is not
// remembered.
//
// Read id.go, handler.go and bus.go, in that order.
package command
