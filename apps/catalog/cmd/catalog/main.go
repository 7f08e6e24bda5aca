// Command catalog is a shop's catalogue: it takes commands about products on one side, and
// answers questions about them on the other.
//
// Run without a verb it serves. See catalog --help.
package main

import (
	"context"
	"io"

	"github.com/daybook-es/daybook/apps/catalog/web"
	"github.com/daybook-es/daybook/apps/internal/program"
)

func main() { program.Main(new(Main).Execute) }

// Main is the program: its command line, and where it writes.
type Main struct {
	Serve  Serve  `cmd:"" default:"withargs" help:"Serve the catalogue (what happens without a verb)."`
	Import Import `cmd:"" help:"Record the products in the published tables of Olist or of Northwind."`

	Access program.AccessVerbs `cmd:"" help:"Keys of those who may use it, the audit log, and the policy."`

	program.Logging
}

// policied is the program as a policy is for it.
var policied = &program.Policied{Document: web.PolicyDocument(), Names: web.Names, Stores: stores}

// Execute runs the program with arguments until it is done or ctx ends, and returns its
// exit code: 0, 1 where it failed, 2 where it was called wrongly.
func (m *Main) Execute(ctx context.Context, args []string, out, errs io.Writer) (code int) {
	m.Access.Of = policied
	return program.Execute(ctx, "catalog", "A shop's catalogue: which products there are, what they cost, and everything that ever happened to them.\n\n"+
		"Everything is kept in a directory, DIR, and nothing else is needed: the events in DIR/log, and what questions are answered from in DIR/views. Either can be in a database of its own.",
		m, &m.Logging, args, out, errs)
}
