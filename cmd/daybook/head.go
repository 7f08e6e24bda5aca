package main

import (
	"context"
	"fmt"
)

// Head prints the point that the log has come to.
type Head struct {
	Target
}

// Help returns what the flags do not say.
func (Head) Help() string {
	return `A point is POSITION.INCARNATION.LOG. The flags --after of read, follow and append take it, and refuse it if the log was restored since.`
}

// Run prints the point.
func (h *Head) Run(ctx context.Context, c *console) (err error) {
	store, err := h.look(ctx, c)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	info, err := store.Info(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, info.Head)
	return err
}
