package main

import (
	"context"
	"fmt"
	"os"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
)

// Read prints events.
type Read struct {
	Target
	Filter
	Start
	End
	AfterVersion  uint64 `group:"span" placeholder:"N" help:"Those after a version; with one --stream."`
	BeforeVersion uint64 `group:"span" placeholder:"N" help:"Those before a version; with one --stream."`
	KnownAt       Moment `group:"span" placeholder:"TIME" help:"Those that were recorded by then."`
	AsOf          Moment `group:"span" placeholder:"TIME" help:"Those that had happened by then, whenever they were recorded."`
	Backward      bool   `group:"span" help:"The newest first."`
	Limit         Limit  `group:"span" placeholder:"N" help:"At most so many."`
	Forgotten     bool   `help:"Print what is forgotten too, and what scavenging left of it."`
	Point         string `type:"path" placeholder:"FILE" help:"Write the point up to which was read to a file, for append --after."`
}

// Help returns what the flags do not say.
func (Read) Help() string {
	return `Prints the events that are selected, each as a line of JSON, in the order in which they were recorded. Without flags that say which, it prints all of them.

` + queryHelp + `

  daybook read LOG --stream order-42
  daybook read LOG --category order --type OrderPaid --after 2026-11-01
  daybook read LOG --tag customer:ada --backward --limit 10
  daybook read LOG --stream order-42 --as-of 2026-11-21T12:00:00Z`
}

// Run prints the events.
func (r *Read) Run(ctx context.Context, c *console) (err error) {
	if r.Point != "" && r.Limit > 0 {
		return fmt.Errorf("--point and --limit exclude each other: not all is read up to the point")
	}
	query, err := r.query()
	if err != nil {
		return err
	}
	store, err := r.look(ctx, c)
	if err != nil {
		return err
	}
	defer closing(store, &err)

	span, err := r.span(ctx, store)
	if err != nil {
		return err
	}
	reading, err := store.Read(ctx, query, span)
	if err != nil {
		return err
	}
	if by := r.AsOf.Time; !by.IsZero() {
		reading = part(reading, func(e daybook.Recorded) bool { return !e.Happened().After(by) }, int(r.Limit))
	}
	if err := jsonlines.Write(c.out, reading, nil); err != nil {
		return err
	}
	if r.Point != "" {
		// #nosec G306 -- a position is no secret; the umask decides
		return os.WriteFile(r.Point, []byte(reading.Snapshot().String()+"\n"), 0o666)
	}
	return nil
}

// span returns what the flags say of it.
func (r *Read) span(ctx context.Context, store daybook.Store) (span daybook.Span, err error) {
	span = daybook.Span{
		AfterVersion:  daybook.Version(r.AfterVersion),
		BeforeVersion: daybook.Version(r.BeforeVersion),
		KnownAt:       r.KnownAt.Time,
		Backward:      r.Backward,
		Forgotten:     r.Forgotten,
		Borrowed:      true,
	}
	if r.AsOf.IsZero() { // otherwise the limit counts what had happened
		span.Limit = int(r.Limit)
	}
	if span.After, err = r.after(ctx, store); err != nil {
		return span, err
	}
	span.Before, err = r.before(ctx, store)
	return span, err
}

// part returns a reading of the events of another one that are to be kept, at most as
// many as the limit, if it is not zero.
func part(reading daybook.Reading, keep func(daybook.Recorded) bool, limit int) daybook.Reading {
	return daybook.NewReading(nil, daybook.Span{}, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
		n := 0
		for e, err := range reading.Events() {
			if err == nil && !keep(e) {
				continue
			}
			if !yield(e, err) {
				return
			}
			if n++; n == limit {
				return
			}
		}
	})
}
