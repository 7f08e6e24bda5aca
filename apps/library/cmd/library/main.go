// Command library is a library in two services: write takes what happens at the desk, and
// read answers what people ask. They meet in the store alone.
//
// library demo runs both, with a few books. See library --help.
package main

import (
	"context"
	"io"

	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/library/web"
)

func main() { program.Main(new(Main).Execute) }

// Main is the program: its command line, and where it writes.
type Main struct {
	Demo   Demo   `cmd:"" help:"Run both services with a few books, and print where the desk is."`
	Write  Write  `cmd:"" help:"Run a write service: it takes commands."`
	Read   Read   `cmd:"" help:"Run a read service: it answers questions, and has the desk's pages."`
	Import Import `cmd:"" help:"Record the books of the goodbooks-10k catalogue that is in a file, or anywhere below a directory."`

	Access program.AccessVerbs `cmd:"" help:"Keys of those who may use it, the audit log, and the policy."`

	program.Logging
}

// policied is the program as a policy is for it.
var policied = &program.Policied{Document: web.PolicyDocument(), Names: web.Names, Stores: stores}

// Execute runs the program with arguments until it is done or ctx ends, and returns its
// exit code: 0, 1 where it failed, 2 where it was called wrongly.
func (m *Main) Execute(ctx context.Context, args []string, out, errs io.Writer) (code int) {
	m.Access.Of = policied
	return program.Execute(ctx, "library", "A library: which books there are, who has them, and everything that ever happened to them.\n\n"+
		"Any number of write and read services work on one store. A directory is one for a single write service, and for any number of read services on the same machine.",
		m, &m.Logging, args, out, errs)
}
