package main

import (
	"context"
	"fmt"
)

// Compress compresses the sealed segments of a log.
type Compress struct {
	Target
}

// Help returns what the flags do not say.
func (Compress) Help() string {
	return `Compresses the segments that do not change any more and become a tenth smaller by it, one after the other, for each of which there has to be room on the disk. They are read as before. It may be interrupted, and goes on when it is run again.`
}

// Run compresses the log.
func (s *Compress) Run(ctx context.Context, c *console) (err error) {
	store, err := s.ownDirectory(c, "compress")
	if err != nil {
		return err
	}
	defer closing(store, &err)
	done, err := store.Compress(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, done)
	return err
}
