package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
)

// Import records what an export printed.
type Import struct {
	Target
	UpTo uint64 `placeholder:"POSITION" help:"The position that the lines go up to, as export said it. Otherwise an end that was cut off is not noticed."`
	Gaps bool   `help:"Take lines whose positions have gaps between them: those of a log that has such gaps itself."`
}

// Help returns what the flags do not say.
func (Import) Help() string {
	return `Reads the lines of an export from standard input, and records the events with the ids, positions, versions and times that they have. The log is made if there is none; otherwise it holds what the lines begin with, which is compared and passed over, so an import that was interrupted goes on when it is run again.

A line that is missing is told by the gap between the positions of those around it, and nothing behind the gap is recorded. Lines do not say how many they are: give --up-to to be sure that none is missing at the end.

It is another log than the one that was exported: points and checkpoints of that one do not belong to it. See restore for the same log in another place.

  daybook import COPY --up-to 4711 < events.jsonl
  daybook export LOG | daybook import COPY`
}

// Run records the lines.
func (i *Import) Run(ctx context.Context, c *console) (err error) {
	store, err := i.own(ctx, c, "import", true)
	if err != nil {
		return err
	}
	defer closing(store, &err)

	to, err := restorer(store)
	if err != nil {
		return err
	}
	bar := c.progress(c.size(), "bytes")
	head, lines, err := jsonlines.Import(ctx, to, bar.reader(c.input(ctx)), &jsonlines.ImportOptions{Gaps: i.Gaps, UpTo: daybook.Position(i.UpTo)})
	bar.end()
	if ctx.Err() != nil { // whether the last lines are recorded does not matter: they are compared
		fmt.Fprintf(c.err, "stopped after %s events; run it again with the same lines to go on\n", count(lines))
		return ctx.Err()
	}
	if missing := (*jsonlines.MissingError)(nil); errors.As(err, &missing) && !missing.End {
		err = fmt.Errorf("%w; if the log that was exported has that gap itself, --gaps takes it", err)
	}
	if err != nil {
		if info, failed := store.Info(ctx); failed == nil && info.Head.Position > 0 {
			err = fmt.Errorf("%w\nthe log goes up to position %d; run it again with the right lines to go on", err, info.Head.Position)
		}
		return err
	}
	fmt.Fprintf(c.err, "%s events, up to position %d\n", count(lines), head.Position)
	return nil
}

// size returns the size of standard input if it is a file, or zero.
func (c *console) size() int64 {
	file, ok := c.in.(*os.File)
	if !ok {
		return 0
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}
