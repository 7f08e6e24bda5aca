package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
)

// Follow prints events as they are recorded.
type Follow struct {
	Target
	Filter
	Start
	Limit      Limit  `group:"span" placeholder:"N" help:"End after so many."`
	Checkpoint string `type:"path" placeholder:"FILE" help:"Keep in a file how far it has come, and go on from there if the file is there."`
}

// Help returns what the flags do not say.
func (Follow) Help() string {
	return `Prints the events that are there, then those that are recorded, each as a line of JSON, until it is interrupted or whoever reads its output ends. Both are its proper ends.

With --checkpoint, an event may be printed twice if the program is stopped between printing it and keeping that, and none is left out.

` + queryHelp + `

  daybook follow LOG --after $(daybook head LOG)
  daybook follow LOG --type OrderPaid --checkpoint paid.point | ./ship`
}

// Run prints events until ctx ends.
func (f *Follow) Run(ctx context.Context, c *console) (err error) {
	query, err := f.query()
	if err != nil {
		return err
	}
	store, err := f.look(ctx, c)
	if err != nil {
		return err
	}
	defer closing(store, &err)

	after, err := f.begin(ctx, store)
	if err != nil {
		return err
	}
	left := int(f.Limit)
	for reading, err := range daybook.Follow(ctx, store, query, after) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if f.Limit > 0 {
			reading = part(reading, func(daybook.Recorded) bool { return true }, left)
		}
		last, n := daybook.Position(0), 0
		err = jsonlines.Write(c.out, reading, func(e daybook.Recorded) { last, n = e.Position, n+1 })
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		left -= n
		done := f.Limit > 0 && left == 0
		if after = reading.Snapshot(); done {
			after = after.At(last)
		}
		if err := f.keep(after); err != nil || done {
			return err
		}
	}
	return nil
}

// begin returns the point after which to begin.
func (f *Follow) begin(ctx context.Context, store daybook.Store) (daybook.Point, error) {
	if f.Checkpoint != "" {
		kept, err := os.ReadFile(f.Checkpoint)
		if err == nil {
			point, err := daybook.ParsePoint(strings.TrimSpace(string(kept)))
			if err != nil {
				return point, fmt.Errorf("%s: %w", f.Checkpoint, err)
			}
			return point, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return daybook.Point{}, err
		}
	}
	position, err := f.after(ctx, store)
	if err != nil || position == 0 {
		return daybook.Point{}, err
	}
	info, err := store.Info(ctx)
	return info.Head.At(position), err
}

// keep writes down how far it has come, so that the file is there whole whenever the
// program is stopped.
func (f *Follow) keep(point daybook.Point) error {
	if f.Checkpoint == "" {
		return nil
	}
	next := f.Checkpoint + ".next"
	// #nosec G306 -- a position is no secret; the umask decides
	if err := os.WriteFile(next, []byte(point.String()+"\n"), 0o666); err != nil {
		return err
	}
	return os.Rename(next, f.Checkpoint)
}
