// Package program is what the programs of the applications have in common: a command line
// with verbs, where they write and log, where they listen, and how they show progress.
//
// A program is a struct for package kong with a [Logging] in it, and [Execute] runs it.
package program

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

// Main runs a program as a process: with its arguments and standard streams, until it is
// done or somebody interrupts or terminates it. It exits with the code that execute
// returns.
func Main(execute func(ctx context.Context, args []string, out, errs io.Writer) (code int)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Streams is where a command writes.
type Streams struct {
	Out, Err io.Writer
	Log      *slog.Logger
}

// Logging are the flags that say how a program logs.
type Logging struct {
	LogFormat string `enum:"text,json" default:"text" help:"How the log is written to standard error: ${enum}."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"What is logged: ${enum}."`
}

// logger returns the logger that the flags ask for.
func (l *Logging) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	// The command line allows only what is a level.
	_ = level.UnmarshalText([]byte(l.LogLevel))
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// Execute runs a program, main, with arguments until it is done or ctx ends, and returns its
// exit code: 0, 1 where it failed, 2 where it was called wrongly. Its verbs have methods
// Run(context.Context, *Streams) error.
func Execute(ctx context.Context, name, description string, main any, logging *Logging, args []string, out, errs io.Writer) (code int) {
	exited := false
	parser, err := kong.New(main,
		kong.Name(name),
		kong.Description(description),
		kong.Writers(out, errs),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		panic(err) // the tags of the program are wrong
	}
	verb, err := parser.Parse(args)
	if exited {
		return code // somebody asked for help
	}
	if err != nil {
		fmt.Fprintf(errs, "%s: %v\nTry %s --help.\n", name, err, name)
		return 2
	}
	s := &Streams{Out: out, Err: errs, Log: logging.logger(errs)}
	verb.BindTo(ctx, (*context.Context)(nil))
	if err := verb.Run(s); err != nil {
		fmt.Fprintf(errs, "%s: %v\n", name, err)
		return 1
	}
	return 0
}
