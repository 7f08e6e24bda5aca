package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
)

// Digest prints what stands for everything in a log.
type Digest struct {
	Target
	Until Place `placeholder:"PLACE" help:"Up to a position, a point, or a time of recording, rather than to the head."`
}

// Help returns what the flags do not say.
func (Digest) Help() string {
	return `Reads the whole log, with what is forgotten and what scavenging left of it, and prints the SHA-256 of its events' encodings, end to end: 64 hexadecimal digits. Logs with the same digest hold the same events at the same positions, to the last nanosecond, whatever stores keep them.

The digest up to a position changes only when something there is scavenged.

  daybook digest LOG
  daybook digest postgres://localhost/shop --until 4711`
}

// Run prints the digest.
func (d *Digest) Run(ctx context.Context, c *console) (err error) {
	store, err := d.look(ctx, c)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	info, err := store.Info(ctx)
	if err != nil {
		return err
	}
	upTo := info.Head.Position
	if d.Until.given {
		if upTo, err = d.Until.last(ctx, store, false); err != nil {
			return err
		}
		if upTo == 0 {
			return errors.New("no event was recorded up to there")
		}
	}

	bar := c.progress(int64(upTo), "positions")
	sum, err := daybook.DigestLog(ctx, store, upTo, bar.each())
	bar.end()
	if err != nil {
		return err
	}
	return c.printDigest(sum)
}

// printDigest prints the digest, and what it is of where it does not spoil a comparison.
func (c *console) printDigest(sum daybook.LogDigest) error {
	fmt.Fprintf(c.err, "%s, up to position %d\n", events(sum.Events), sum.UpTo)
	_, err := fmt.Fprintln(c.out, sum)
	return err
}
