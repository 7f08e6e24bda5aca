package main

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook/store/logstore"
)

// Backup backs a log up.
type Backup struct {
	Target
	To   string `arg:"" name:"BACKUP" help:"Directory of the backup; made if it is not there, else brought up to date."`
	Copy bool   `help:"Copy files where they could be linked."`
}

// Help returns what the flags do not say.
func (Backup) Help() string {
	return `Makes a directory a backup of the log as it is, and verifies what is new in it. The log may be in use. The directory of the backup must be new, empty, or a backup already. A backup is a log itself: read, verify and export take it. Nothing can be recorded in it: restore makes a log of it, elsewhere.

A backup that is there already is brought up to date, and stands as it was until that is done. On the same file system, files that do not change any more are linked, which takes neither time nor room, and shares the fate of that disk: --copy copies them, and so does any other file system.

  daybook backup LOG /backup/LOG`
}

// Run makes the backup.
func (b *Backup) Run(ctx context.Context, c *console) error {
	dir, err := b.existing()
	if err != nil {
		return err
	}
	to, err := Target{b.To}.directory()
	if err != nil {
		return err
	}
	bar := c.progress(0, "bytes")
	report, err := logstore.Backup(ctx, dir, to, &logstore.BackupOptions{Copy: b.Copy, Progress: bar.setOf})
	bar.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, report)
	return err
}

// Restore makes a log of a backup.
type Restore struct {
	From string `arg:"" name:"BACKUP" help:"Directory of the backup, or of any log."`
	To   string `arg:"" name:"LOG" help:"Directory of the log, in which there is none yet."`
}

// Help returns what the flags do not say.
func (Restore) Help() string {
	return `Copies a backup and verifies every byte. It is the same log, with the same ids, positions and times, in a new incarnation: points of before, such as checkpoints, receipts and conditions, are refused, because the log had perhaps come further then. It can be run again if it was interrupted.

See import for a log under another identity.`
}

// Run restores the backup.
func (r *Restore) Run(ctx context.Context, c *console) error {
	from, err := Target{r.From}.existing()
	if err != nil {
		return err
	}
	to, err := Target{r.To}.directory()
	if err != nil {
		return err
	}
	if err := logstore.RestoreBackup(ctx, from, to); err != nil {
		return err
	}
	stats, err := logstore.ReadStats(ctx, to)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "up to position %d, in incarnation %s\n", stats.Head.Position, stats.Head.Incarnation)
	return err
}
