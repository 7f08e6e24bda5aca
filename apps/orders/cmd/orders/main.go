// Command orders is the shop: it serves its page and its API, imports and simulates
// orders, and reports what they add up to.
//
// Run without a verb it serves. See orders --help.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := new(Main).Execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Main is the program: its command line, and where it writes.
type Main struct {
	Serve    Serve    `cmd:"" default:"withargs" help:"Serve the page and the API (what happens without a verb)."`
	Import   Import   `cmd:"" help:"Record the orders that are kept in Olist's public tables anywhere below FROM."`
	Report   Report   `cmd:"" help:"Print what the orders add up to."`
	Audit    Audit    `cmd:"" help:"Check the whole log: that stock, money and orders are as they must be."`
	Simulate Simulate `cmd:"" help:"Keep the shop busy: place, pay, ship, deliver and cancel orders."`

	LogFormat string `enum:"text,json" default:"text" help:"How the log is written to standard error: ${enum}."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"What is logged: ${enum}."`
}

// streams is where a command writes.
type streams struct {
	out, err io.Writer
	log      *slog.Logger
}

// Execute runs the program with arguments until it is done or ctx ends, and returns its
// exit code: 0, 1 where it failed, 2 where it was called wrongly.
func (m *Main) Execute(ctx context.Context, args []string, out, errs io.Writer) (code int) {
	exited := false
	parser, err := kong.New(m,
		kong.Name("orders"),
		kong.Description("A shop's orders, from the basket to the door, and everything that ever happened to them.\n\n"+
			"Everything is kept in a directory, DIR, and nothing else is needed. One program at a time has it open; the others talk to it with --addr."),
		kong.Writers(out, errs),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		panic(err) // the tags above are wrong
	}
	verb, err := parser.Parse(args)
	if exited {
		return code // somebody asked for help
	}
	if err != nil {
		fmt.Fprintf(errs, "orders: %v\nTry orders --help.\n", err)
		return 2
	}
	s := &streams{out: out, err: errs, log: m.logger(errs)}
	verb.BindTo(ctx, (*context.Context)(nil))
	if err := verb.Run(s); err != nil {
		fmt.Fprintf(errs, "orders: %v\n", err)
		return 1
	}
	return 0
}

func (m *Main) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	// The command line allows only what is a level.
	_ = level.UnmarshalText([]byte(m.LogLevel))
	options := &slog.HandlerOptions{Level: level}
	if m.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
