package main

import (
	"context"
	"errors"
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

In a directory, one segment after the other is written anew, for which there has to be room on the disk. Of a log in NATS, this node's copy is scavenged, and neither the servers' nor that of other nodes. It may be interrupted, and goes on when it is run again.`
}

// Run scavenges the log.
func (s *Scavenge) Run(ctx context.Context, c *console) (err error) {
	store, err := s.own(ctx, c, "scavenge", false)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	if rows, is := store.(interface {
		Scavenge(context.Context) (int, error)
	}); is {
		if s.Newest || s.Least > 0 {
			return errors.New("--newest and --least are about segments, and this store has none")
		}
		n, err := rows.Scavenge(ctx)
		if err == nil {
			_, err = fmt.Fprintf(c.out, "%s became stubs\n", events(n))
		}
		return err
	}
	segments, is := store.(interface {
		Scavenge(context.Context, *logstore.ScavengeOptions) (*logstore.Scavenged, error)
	})
	if !is {
		return errors.New("this store gives no room back")
	}
	bar := c.progress(0, "segments")
	done, err := segments.Scavenge(ctx, &logstore.ScavengeOptions{
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
