// Command daybook looks after logs: it reads, follows and appends to them, copies them,
// and finds and mends damage. See daybook --help.
//
// Each of its verbs is a type in the file of its name. This file puts them together;
// target.go opens what a verb is about, and exit.go says how the program ends.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A reader of the output that has enough is told by an error, rather than by the end
	// of the program in the middle of something.
	signal.Ignore(syscall.SIGPIPE)
	code := new(Main).Execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Main is the program: its verbs.
type Main struct {
	Read   Read   `cmd:"" group:"events" help:"Print events, as lines of JSON."`
	Follow Follow `cmd:"" group:"events" help:"Print events as they are recorded, until interrupted."`
	Append Append `cmd:"" group:"events" help:"Record the events on standard input, under conditions if there are any."`
	Head   Head   `cmd:"" group:"events" help:"Print the point that the log has come to."`

	Truncate  Truncate  `cmd:"" group:"forget" help:"Forget the events of a stream below a version."`
	Delete    Delete    `cmd:"" group:"forget" help:"Forget the events of a stream; it is new again."`
	Tombstone Tombstone `cmd:"" group:"forget" help:"Forget the events of a stream, which takes none any more."`
	Scavenge  Scavenge  `cmd:"" group:"forget" help:"Give back the room that forgotten events take."`

	Export  Export  `cmd:"" group:"copy" help:"Print everything in the log, as lines of JSON."`
	Import  Import  `cmd:"" group:"copy" help:"Record what export printed, in a new log or one that was begun so."`
	Copy    Copy    `cmd:"" group:"copy" help:"Copy everything to another store, and compare."`
	Digest  Digest  `cmd:"" group:"copy" help:"Print what stands for everything in the log, to compare copies."`
	Backup  Backup  `cmd:"" group:"copy" help:"Make or update a backup, while the log is in use."`
	Restore Restore `cmd:"" group:"copy" help:"Make the same log again from a backup."`

	Verify   Verify   `cmd:"" group:"care" help:"Read every byte, and say what is damaged and where."`
	Stats    Stats    `cmd:"" group:"care" help:"Say which log it is, how far it has come and how large it is."`
	Repair   Repair   `cmd:"" group:"care" help:"Mend what is damaged; a backup gives back events that are lost."`
	Compress Compress `cmd:"" group:"care" help:"Compress the segments that do not change any more."`
	Dump     Dump     `cmd:"" group:"care" help:"Show what is in a file of a log, for people."`

	Version kong.VersionFlag `help:"Print the version of the program, and exit."`
}

// groups are the headings of the help.
var groups = []kong.Group{
	{Key: "events", Title: "Reading and recording:"},
	{Key: "forget", Title: "Forgetting:"},
	{Key: "copy", Title: "Copying:"},
	{Key: "care", Title: "Looking after it:"},
	{Key: "filter", Title: "Which events:"},
	{Key: "span", Title: "From where to where:"},
	{Key: "condition", Title: "On which condition:"},
}

const description = `Look after logs of events.

LOG is the directory in which a log is kept, or the URL of its store: log://DIR, postgres://HOST/DATABASE or nats://HOST?dir=DIR. Commands about files take directories only. Each command has a help of its own: daybook COMMAND --help.

  echo '{"stream":"order-42","type":"OrderPlaced","data":{"cents":4200}}' | daybook append LOG --create
  daybook read LOG --stream order-42

Exit status: 0 done; 1 what is stored is damaged; 2 it could not be done; 3 a condition did not hold, and nothing was recorded; 4 it is not known whether it was recorded; 130 interrupted.`

// A console is where a verb reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// input returns what is written to the program, until ctx ends: somebody who presses
// Ctrl-C while it waits for more is not kept waiting.
func (c *console) input(ctx context.Context) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(w, c.in)
		w.CloseWithError(err)
	}()
	return r
}

// Execute runs the program with arguments until it is done or ctx ends, and returns its
// exit status.
func (m *Main) Execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) (code int) {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	exited := false
	parser, err := kong.New(m,
		kong.Name("daybook"),
		kong.Description(description),
		kong.Writers(out, errs),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.ExplicitGroups(groups),
		kong.Vars{"version": version()},
	)
	if err != nil {
		panic(err) // the tags above are wrong
	}
	c := &console{in, out, errs}
	verb, err := parser.Parse(args)
	if exited {
		return code // somebody asked for help
	}
	if err != nil {
		return c.misused(err)
	}
	verb.BindTo(ctx, (*context.Context)(nil))
	return c.exit(ctx, verb.Run(c))
}

// version returns the version that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "daybook, of unknown version"
	}
	version := "daybook " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && info.Main.Version == "(devel)" {
			version += " " + s.Value[:12]
		}
	}
	return version + ", " + info.GoVersion
}
