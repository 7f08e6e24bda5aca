package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/remote"
)

// Report prints figures.
type Report struct {
	Data
	Addr string `xor:"shop,store" placeholder:"URL" here:"" help:"Address of the server that has the shop open, instead of --data."`
	program.Bearer
	AsOf moment `placeholder:"TIME" help:"How far orders had come by then, such as \"2017-11-24 23:59:00\" (UTC)."`
	JSON bool   `name:"json" help:"As JSON, for programs."`
}

// Run prints the report.
func (c *Report) Run(ctx context.Context, s *program.Streams) error {
	report, err := c.ask(ctx, s)
	if err != nil {
		return err
	}
	if !c.JSON {
		return report.Print(s.Out)
	}
	encoder := json.NewEncoder(s.Out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

type printer interface{ Print(io.Writer) error }

// ask gets the report from the server, or from the directory.
func (c *Report) ask(ctx context.Context, s *program.Streams) (_ printer, err error) {
	if c.Addr != "" {
		shop, err := remote.Dial(c.Addr, c.Key)
		if err != nil {
			return nil, err
		}
		if c.AsOf.IsZero() {
			return shop.Report(ctx)
		}
		return shop.ReportAsOf(ctx, c.AsOf.Time)
	}
	shop, err := c.openExisting(ctx, fmt.Sprintf("orders report, process %d", os.Getpid()), s.Log)
	if err != nil {
		return nil, err
	}
	defer shop.close(&err)
	if err := shop.caughtUp(ctx); err != nil {
		return nil, err
	}
	return c.read(ctx, shop.Shop)
}

func (c *Report) read(ctx context.Context, shop *orders.Shop) (printer, error) {
	if c.AsOf.IsZero() {
		report, _, err := shop.Report(ctx)
		return report, err
	}
	report, _, err := shop.ReportAsOf(ctx, c.AsOf.Time)
	return report, err
}

// A moment is a time on the command line. Without a zone it is in UTC, and a date is
// its first moment.
type moment struct{ time.Time }

// UnmarshalText reads the time.
func (m *moment) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateTime, time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, string(text)); err == nil && !t.IsZero() {
			m.Time = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("%q is not a time such as \"2017-11-24 23:59:00\"", text)
}
