// Package program is what the programs of the applications have in common: a command line
// with verbs, where their settings come from, where they write and log, where they listen, and
// how they show progress.
//
// A program is a struct for package kong with a [Logging] in it, and [Execute] runs it. Every
// flag may also be set in the environment and in a file, unless it has the tag here:""; a flag
// whose whole value is secret has the tag secret:"".
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/daybook-es/daybook/telemetry/slogids"
)

// Main runs a program as a process: with its arguments and standard streams, until it is
// done or somebody interrupts or terminates it; who does so twice does not wait until it has
// finished. It exits with the code that execute returns.
func Main(execute func(ctx context.Context, args []string, out, errs io.Writer) (code int)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
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
		return slog.New(slogids.New(slog.NewJSONHandler(w, options)))
	}
	return slog.New(slogids.New(slog.NewTextHandler(w, options)))
}

// A Checker is a verb that can say what is wrong with its settings without doing anything: it
// reads files that they name, and opens nothing for writing. --check-config asks it.
type Checker interface{ Check(context.Context) error }

// Execute runs a program, main, with arguments until it is done or ctx ends, and returns its
// exit code: 0, 1 where it failed, 2 where it was called wrongly. Its verbs have methods
// Run(context.Context, *Streams) error, and those that are also a [Checker] are asked by
// --check-config.
//
// A flag that is not among the arguments is looked for in the environment and then in the file
// that --config names. What is secret in any of them, Execute keeps out of errors and the log.
func Execute(ctx context.Context, name, description string, main any, logging *Logging, args []string, out, errs io.Writer) (code int) {
	var common common
	secrets := new(Secrets)
	given := make([]string, len(args))
	var broken []error
	for i, arg := range args {
		expanded, err := secrets.Expand(arg)
		broken, given[i] = append(broken, err), expanded
		if flag, value, has := strings.Cut(expanded, "="); has && strings.HasPrefix(flag, "--") {
			expanded = value
		}
		secrets.learn(expanded)
	}
	settings := &settings{program: name, args: args, environ: os.Environ(), secrets: secrets}
	misused := func(err error) int {
		fmt.Fprintf(errs, "%s: %s\nTry %s --help.\n", name, secrets.Hide(err.Error()), name)
		return 2
	}
	if err := errors.Join(broken...); err != nil {
		return misused(err)
	}

	exited := false
	parser, err := kong.New(main,
		kong.Name(name),
		kong.Description(description+"\n\n"+fmt.Sprintf(elsewhere, settings.variable("log-level"))),
		kong.Writers(out, errs),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Embed(&common),
		kong.Vars{"version": version(name)},
		kong.DynamicCommand("probe", "Ask a server whether it is ready, for those who watch over it.", "", new(Probe)),
		kong.WithBeforeResolve(settings.prepare),
		kong.Resolvers(settings),
	)
	if err != nil {
		panic(err) // the tags of the program are wrong
	}
	verb, err := parser.Parse(given)
	if exited {
		return code // somebody asked for help
	}
	if err != nil {
		return misused(settings.blame(err))
	}
	shown, seen := settings.learn(verb)
	strangers := settings.strangers()
	if common.CheckConfig {
		return check(ctx, name, verb, shown, errors.Join(seen, strangers), secrets, out, errs)
	}
	s := &Streams{Out: out, Err: errs, Log: logging.logger(secrets.Writer(errs))}
	for _, warning := range []error{seen, strangers} {
		if warning != nil {
			s.Log.Warn("a setting is not as it should be", "error", warning)
		}
	}
	verb.BindTo(ctx, (*context.Context)(nil))
	if err := verb.Run(s); err != nil {
		fmt.Fprintf(errs, "%s: %s\n", name, secrets.Hide(err.Error()))
		return 1
	}
	return 0
}

// elsewhere says where flags may stand besides the command line.
const elsewhere = "What no flag says is looked for in the environment (%s for --log-level) and then in the file that --config names. " +
	"In any of these, ${file:PATH} stands for what is in the file PATH, such as a password."

// check prints the settings of a verb, and what is wrong with them. It returns the exit code.
func check(ctx context.Context, name string, verb *kong.Context, shown []setting, wrong error, secrets *Secrets, out, errs io.Writer) int {
	if err := printSettings(out, shown); err != nil {
		fmt.Fprintf(errs, "%s: %v\n", name, err)
		return 1
	}
	if selected := verb.Selected(); selected != nil {
		if checker, can := selected.Target.Addr().Interface().(Checker); can {
			wrong = errors.Join(wrong, checker.Check(ctx))
		}
	}
	if wrong == nil {
		return 0
	}
	for line := range strings.SplitSeq(wrong.Error(), "\n") {
		fmt.Fprintf(errs, "%s: %s\n", name, secrets.Hide(line))
	}
	return 2
}
