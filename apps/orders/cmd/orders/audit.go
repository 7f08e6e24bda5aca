package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/storeurl"
)

// Audit checks the whole log.
type Audit struct {
	Data
	JSON bool `name:"json" help:"As JSON, for programs."`
}

// errUnsound is how an audit ends that found what must not be.
var errUnsound = errors.New("the log is not as it must be")

// Run prints what the log comes to, and what in it cannot be.
func (c *Audit) Run(ctx context.Context, s *program.Streams) (err error) {
	if err := c.exists(); err != nil {
		return err
	}
	// A server that has the log open need not stop for that.
	store, err := c.log(ctx, &storeurl.Options{ReadOnly: true, Logger: s.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	a, err := orders.AuditLog(ctx, store)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.Out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(a)
	} else {
		err = a.Print(s.Out)
	}
	if err == nil && len(a.Broken) > 0 {
		err = errUnsound
	}
	return err
}
