package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// Repair mends a damaged log.
type Repair struct {
	Target
	From       string `placeholder:"BACKUP" help:"Directory of a backup of the same log, from which events come back that are lost."`
	Quarantine bool   `help:"Go on without the events that are lost for good."`
}

// Help returns what the flags do not say.
func (Repair) Help() string {
	return `Mends what verify finds damaged, and verifies again. What does not need the lost bytes is made anew from the rest of the log; events come from the backup, if it has them and the checksums prove that they belong there. Nothing is thrown away: files as they were are kept under names that end in ".damaged".

The exit status is 0 if the log is sound now, and 1 if something is left that a better backup is needed for. Then reads of other segments go on; if it is in the last one, the log does not open. It may be interrupted and run again.

With --quarantine the log opens and takes events all the same. Reads that may have selected something of what is lost end there with an error, and appends that may depend on it are refused.

  daybook repair LOG --from /backup/LOG
  daybook repair LOG --from /backup/LOG --quarantine`
}

// Run mends the log.
func (r *Repair) Run(ctx context.Context, c *console) error {
	dir, err := r.existing()
	if err != nil && !errors.Is(err, errNoManifest) {
		return err
	}
	var from string
	if r.From != "" {
		if from, err = (Target{r.From}).existing(); err != nil {
			return err
		}
	}
	repaired, err := logstore.Repair(ctx, dir, &logstore.RepairOptions{From: from, Quarantine: r.Quarantine})
	if repaired != nil && repaired.Now != nil {
		fmt.Fprintln(c.out, repaired)
	}
	if corrupt := (*daybook.CorruptError)(nil); errors.As(err, &corrupt) {
		return errors.Join(err, fmt.Errorf("%w; --from BACKUP brings back what is lost, --quarantine goes on without it", errDamaged))
	}
	return err
}
