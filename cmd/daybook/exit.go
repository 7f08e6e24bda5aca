package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// How the program ends. People's scripts depend on these.
const (
	exitDone        = 0
	exitDamaged     = 1 // what is stored is damaged
	exitFailed      = 2 // wrong usage, or it could not be done or told
	exitConflict    = 3 // a condition did not hold
	exitUnknown     = 4 // it may have been recorded
	exitInterrupted = 130
)

// errDamaged is the end of a verb that has reported damage.
var errDamaged = errors.New("what is stored is damaged")

// belowZero is what the parser says of a number below zero, which it takes for a flag.
var belowZero = regexp.MustCompile(`expected \w+ value but got "(-\d+)" \(short flag\).*`)

// misused reports a command line that is not understood.
func (c *console) misused(err error) int {
	help := "daybook --help"
	if parse := (*kong.ParseError)(nil); errors.As(err, &parse) && parse.Context.Command() != "" {
		help = "daybook " + strings.Fields(parse.Context.Command())[0] + " --help"
	}
	what := belowZero.ReplaceAllString(err.Error(), "$1 is below zero")
	fmt.Fprintf(c.err, "daybook: %s\nTry %s.\n", what, help)
	return exitFailed
}

// exit reports the error that a verb ended with, if any, and returns the exit status.
func (c *console) exit(ctx context.Context, err error) int {
	conflict, unknown, corrupt := (*daybook.ConflictError)(nil), (*daybook.UnknownError)(nil), (*daybook.CorruptError)(nil)
	locked, differs := (*logstore.LockedError)(nil), (*daybook.DifferenceError)(nil)
	code, hint := exitFailed, ""
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // who reads the output has enough
		return exitDone
	case errors.As(err, &conflict):
		code = exitConflict
	case errors.As(err, &unknown):
		code = exitUnknown
	case errors.Is(err, errDamaged), errors.As(err, &differs):
		code = exitDamaged
	case errors.As(err, &corrupt):
		code, hint = exitDamaged, "of a log in a directory, verify says all that is damaged, and repair mends it"
	case errors.As(err, &locked):
		hint = "this needs the log to itself; read, follow, export, digest, backup, verify and stats do not, nor does copy from it"
	case ctx.Err() != nil:
		fmt.Fprintln(c.err, "daybook: interrupted")
		return exitInterrupted
	}
	// Each package says whose error it is; here that is known.
	for line := range strings.Lines(strings.ReplaceAll(err.Error(), "daybook: ", "")) {
		fmt.Fprintf(c.err, "daybook: %s\n", strings.TrimSuffix(line, "\n"))
	}
	if hint != "" {
		fmt.Fprintf(c.err, "daybook: %s\n", hint)
	}
	return code
}
