package main

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
)

// Export prints everything in a log.
type Export struct {
	Target
	After Place `placeholder:"PLACE" help:"Only what comes after a position, a point, or a time of recording: what is new since an export."`
}

// Help returns what the flags do not say.
func (Export) Help() string {
	return `Prints all events up to the head, each as a line of JSON, with what is forgotten and what scavenging left of it. Nothing is lost: import makes the same log of the lines, under another identity, and its export is the same bytes.

  daybook export LOG > events.jsonl
  daybook export LOG --after 1000 >> events.jsonl
  daybook export LOG | zstd > events.jsonl.zst`
}

// Run prints the log.
func (e *Export) Run(ctx context.Context, c *console) (err error) {
	store, err := e.look(ctx, c)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	after, err := e.After.begin(ctx, store, false)
	if err != nil {
		return err
	}
	info, err := store.Info(ctx)
	if err != nil {
		return err
	}

	n := 0
	bar := c.progress(int64(info.Head.Position), "positions")
	show := bar.each()
	point, err := jsonlines.Export(ctx, c.out, store, after, func(event daybook.Recorded) { n++; show(event) })
	bar.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "%s events, up to position %d\n", count(n), point.Position)
	return nil
}
