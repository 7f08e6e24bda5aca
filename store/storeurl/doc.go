// Package storeurl opens the store that a URL names, so that which store a program keeps
// its events in is one word of its configuration:
//
//	data/orders                  a directory, kept by package logstore
//	log:///var/lib/orders        the same; parameter compress=true
//	postgres://localhost/shop    a PostgreSQL database; parameters log and schema, and those of the driver
//	nats://one:4222,two:4222?log=orders&dir=data
//	                             a JetStream cluster; for the parameters see package natsstore
//	mem://                       memory, gone with the program
//
// [Open] knows all of these. A program that wants fewer of them, or one more, has a
// [Registry] of its own, which is a map from schemes to functions.
//
// Every store takes the parameter require=DURABILITY, one of memory, disk and quorum: one
// that promises less is refused when it is opened. A parameter that a store does not know is
// an error that says which it knows, and so is one that is given twice.
//
// A URL may hold a secret, such as a password. Neither an error of this package nor what
// [URL.String] returns has it in it.
package storeurl
