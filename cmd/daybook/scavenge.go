package main

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook/store/logstore"
)

// Scavenge gives back the room of what is forgotten.
type Scavenge struct {
	Target
	Newest bool    `help:"Also in the newest segment, which is sealed for that; otherwise its turn comes when it is full."`
	Least  float64 `placeholder:"PART" help:"Leave a segment as it is if less than this part of it, between 0 and 1, would be given back."`
}

// Help returns what the flags do not say.
func (Scavenge) Help() string {
	return `Leaves of each forgotten event a stub: its id, its stream, its place, its time and hashes of the names that it carried. What it said is gone, in this log; backups and exports of before still have it. Ids stay taken and conditions are answered as if nothing had been forgotten.

One segment after the other is written anew, for which there has to be room on the disk. It may be interrupted, and goes on when it is run again.`
}

// Run scavenges the log.
func (s *Scavenge) Run(ctx context.Context, c *console) (err error) {
	store, err := s.ownDirectory(c, "scavenge")
	if err != nil {
		return err
	}
	defer closing(store, &err)
	bar := c.progress(0, "segments")
	done, err := store.Scavenge(ctx, &logstore.ScavengeOptions{
		Newest: s.Newest, Least: s.Least,
		Progress: func(done logstore.Scavenged) { bar.set(int64(done.Segments)) },
	})
	bar.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, done)
	return err
}
