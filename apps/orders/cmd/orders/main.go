// Command orders is the shop: it serves its page and its API, imports and simulates
// orders, and reports what they add up to.
//
// Run without a verb it serves. See orders --help.
package main

import (
	"context"
	"io"

	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/orders/web"
)

func main() { program.Main(new(Main).Execute) }

// Main is the program: its command line, and where it writes.
type Main struct {
	Serve    Serve    `cmd:"" default:"withargs" help:"Serve the page and the API (what happens without a verb)."`
	Import   Import   `cmd:"" help:"Record the orders that are kept in Olist's public tables anywhere below FROM."`
	Report   Report   `cmd:"" help:"Print what the orders add up to."`
	Audit    Audit    `cmd:"" help:"Check the whole log: that stock, money and orders are as they must be."`
	Simulate Simulate `cmd:"" help:"Keep the shop busy: place, pay, ship, deliver and cancel orders."`

	Access program.AccessVerbs `cmd:"" help:"Keys of those who may use it, the audit log, and the policy."`

	program.Logging
}

// policied is the program as a policy is for it.
var policied = &program.Policied{Document: web.PolicyDocument(), Names: web.Names, Stores: stores}

// Execute runs the program with arguments until it is done or ctx ends, and returns its
// exit code: 0, 1 where it failed, 2 where it was called wrongly.
func (m *Main) Execute(ctx context.Context, args []string, out, errs io.Writer) (code int) {
	m.Access.Of = policied
	return program.Execute(ctx, "orders", "A shop's orders, from the basket to the door, and everything that ever happened to them.\n\n"+
		"Everything is kept in a directory, DIR, and nothing else is needed. One program at a time has it open; the others talk to it with --addr.",
		m, &m.Logging, args, out, errs)
}
