package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook/store/logstore"
)

// Verify reads every byte of a log and says what is damaged.
type Verify struct {
	Target
	Indexes bool `help:"Also compare each index with one that is made anew, which takes several times as long."`
}

// Help returns what the flags do not say.
func (Verify) Help() string {
	return `Reads every byte, and says of each damage in which file and at which bytes it is, which positions cannot be read, and what comes of it:

  harmless   nothing is lost, and nobody need do anything
  blocking   no event is lost, but the log does not open: see repair
  loss       events are lost, unless a backup has them: see repair

The log may be in use meanwhile. The exit status is 0 if there is nothing worse than harmless, 1 if there is, and 2 if it could not be told.`
}

// Run verifies the log.
func (v *Verify) Run(ctx context.Context, c *console) error {
	dir, err := v.existing()
	if err != nil && !errors.Is(err, errNoManifest) {
		return err
	}
	bar := c.progress(0, "bytes")
	found, err := logstore.Verify(ctx, dir, &logstore.VerifyOptions{Indexes: v.Indexes, Progress: bar.setOf})
	bar.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, found)
	if !found.Sound() {
		return fmt.Errorf("%w; repair mends it, and --from BACKUP brings back what is lost", errDamaged) // also if nobody reads to the end
	}
	return err
}
