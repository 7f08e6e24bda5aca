package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
)

// Copy copies a log to another store.
type Copy struct {
	From string `arg:"" name:"FROM" help:"Directory of the log, or the URL of its store."`
	To   string `arg:"" name:"TO" help:"Directory or URL of the store that it is copied to; made if there is none."`
}

// Help returns what the flags do not say.
func (Copy) Help() string {
	return `Copies everything in a log, from any store to any other: ids, positions with their gaps, versions, times, bytes, what is forgotten and what scavenging left of it. FROM may be in use, and is copied up to where it stands when the command begins. TO is new, or holds what FROM begins with: a copy that was interrupted goes on when it is run again, and what FROM has recorded since is added.

Then both are read and compared, event by event, and it prints the digest, as daybook digest does.

It is another log than the one that was copied: points and checkpoints of that one do not belong to it, so read models are built anew. To move a program, copy while it runs; stop it, copy the rest, and start it with the other URL.

  daybook copy data/orders/log 'postgres://localhost/shop?log=orders'
  daybook copy 'postgres://localhost/shop?log=orders' log:///backup/orders`
}

// Run copies the log.
func (cp *Copy) Run(ctx context.Context, c *console) (err error) {
	if to, elsewhere := (Target{cp.To}).elsewhere(); elsewhere && to.Scheme == "mem" {
		return fmt.Errorf("%s: what is copied there is gone when the command ends", to)
	}
	from, err := Target{cp.From}.look(ctx, c)
	if err != nil {
		return err
	}
	defer closing(from, &err)
	store, err := Target{cp.To}.own(ctx, c, "copy", true)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	to, err := restorer(store)
	if err != nil {
		return err
	}
	begin, err := cp.compare(ctx, from, to)
	if err != nil {
		return err
	}

	bar := c.progress(int64(begin.Position), "positions copied")
	point, err := daybook.Copy(ctx, &watchedRestorer{to, bar}, from)
	bar.end()
	if err != nil {
		return cp.stopped(ctx, c, to, err)
	}
	if point.Position == 0 {
		_, err := fmt.Fprintln(c.err, "There are no events to copy.")
		return err
	}

	bar = c.progress(int64(point.Position), "positions compared")
	both, err := daybook.CompareLogs(ctx, from, store, point.Position, bar.each())
	bar.end()
	if differs := (*daybook.DifferenceError)(nil); err != nil && !errors.As(err, &differs) {
		return fmt.Errorf("everything up to position %d is copied, but not compared: %w", point.Position, err)
	}
	if err != nil {
		return err
	}
	if both.Stubs > 0 {
		fmt.Fprintf(c.err, "%s only in one of the two: it was scavenged, and the other was not; the digest is that of the copy\n", stubs(both.Stubs))
	}
	return c.printDigest(both.Other)
}

// compare returns the head of the log to be copied, and an error if both are one log.
func (cp *Copy) compare(ctx context.Context, from, to daybook.Store) (daybook.Point, error) {
	a, err := from.Info(ctx)
	if err != nil {
		return a.Head, err
	}
	b, err := to.Info(ctx)
	if err == nil && a.Head.Log == b.Head.Log {
		err = errors.New("both are the same log")
	}
	return a.Head, err
}

// stopped says how far a copy came that ended with an error.
func (cp *Copy) stopped(ctx context.Context, c *console, to daybook.Store, err error) error {
	if ctx.Err() != nil {
		fmt.Fprintln(c.err, "stopped; run it again to go on")
		return ctx.Err()
	}
	if invalid := (*daybook.InvalidError)(nil); errors.As(err, &invalid) {
		if info, failed := to.Info(ctx); failed == nil && info.Head.Position > 0 {
			return fmt.Errorf("%w\n%s goes up to position %d already: it takes a copy only of a log that begins with what it has, and %s does not", err, Target{cp.To}, info.Head.Position, Target{cp.From})
		}
	}
	return fmt.Errorf("%w\nrun it again to go on", err)
}

func stubs(n int) string {
	if n == 1 {
		return "1 event is a stub"
	}
	return count(n) + " events are stubs"
}

// A watchedRestorer shows how far a copy has come.
type watchedRestorer struct {
	daybook.Restorer
	progress *progress
}

func (w *watchedRestorer) Restore(ctx context.Context, events []daybook.Recorded) error {
	if err := w.Restorer.Restore(ctx, events); err != nil || len(events) == 0 {
		return err
	}
	w.progress.set(int64(events[len(events)-1].Position))
	return nil
}
