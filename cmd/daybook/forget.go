package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/daybook-es/daybook"
)

// A Forgetting is the stream that is to be forgotten, and whether to ask.
type Forgetting struct {
	Target
	Stream string `arg:"" help:"Name of the stream."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

// Truncate forgets the events of a stream below a version.
type Truncate struct {
	Forgetting
	Before uint64 `required:"" placeholder:"VERSION" help:"The first version that is kept."`
}

// Delete forgets the events of a stream.
type Delete struct {
	Forgetting
}

// Tombstone forgets the events of a stream for good.
type Tombstone struct {
	Forgetting
}

// forgettingHelp is said of all three.
const forgettingHelp = ` Reads do not show them from then on, ids stay taken, and conditions are answered as if nothing had been forgotten; scavenge then gives back their room. That they are forgotten is an event in the stream "$$STREAM", and cannot be undone.

It says what will be forgotten and asks, and does nothing if that is nothing or the stream changes meanwhile. It prints the receipt.`

// Help returns what the flags do not say.
func (Truncate) Help() string {
	return `Forgets the events of a stream that have a lower version.` + forgettingHelp
}

// Help returns what the flags do not say.
func (Delete) Help() string {
	return `Forgets the events that a stream has. It is new again, for conditions too, and its versions go on.` + forgettingHelp
}

// Help returns what the flags do not say.
func (Tombstone) Help() string {
	return `Forgets the events that a stream has, and ends it: it takes no event any more.` + forgettingHelp
}

// Run truncates the stream.
func (t *Truncate) Run(ctx context.Context, c *console) error {
	if t.Before == 0 {
		return errors.New("--before must be a version above zero")
	}
	before := daybook.Version(t.Before)
	return t.forget(ctx, c, "truncate", daybook.Truncated(t.Stream, before), before)
}

// Run deletes the stream.
func (d *Delete) Run(ctx context.Context, c *console) error {
	return d.forget(ctx, c, "delete", daybook.Deleted(d.Stream), 0)
}

// Run tombstones the stream.
func (t *Tombstone) Run(ctx context.Context, c *console) error {
	return t.forget(ctx, c, "tombstone", daybook.Tombstoned(t.Stream), 0)
}

// forget records an event about the stream that hides its events below a version, or all
// of them if that is zero.
func (f *Forgetting) forget(ctx context.Context, c *console, verb string, event daybook.Event, before daybook.Version) (err error) {
	store, err := f.own(ctx, c, verb, false)
	if err != nil {
		return err
	}
	defer closing(store, &err)

	reading, err := store.Read(ctx, daybook.Stream(f.Stream), daybook.Span{Borrowed: true})
	if err != nil {
		return err
	}
	var all, hidden int
	var first, last daybook.Version
	for e, err := range reading.Events() {
		if err != nil {
			return err
		}
		all++
		if before > 0 && e.Version >= before {
			continue
		}
		if hidden++; hidden == 1 {
			first = e.Version
		}
		last = e.Version
	}
	if hidden == 0 && event.Type != daybook.TypeTombstoned {
		what := "no events"
		if all > 0 {
			what = fmt.Sprintf("%s, and none of a version below %d", events(all), before)
		}
		_, err := fmt.Fprintf(c.err, "Stream %s has %s: there is nothing to forget, and nothing was recorded.\n", f.Stream, what)
		return err
	}
	what := fmt.Sprintf("Stream %s has no events.", f.Stream)
	switch {
	case hidden == 1:
		what = fmt.Sprintf("Stream %s has %s; the one of version %d will be forgotten.", f.Stream, events(all), first)
	case hidden > 1:
		what = fmt.Sprintf("Stream %s has %s; the %s of versions %d to %d will be forgotten.", f.Stream, events(all), count(hidden), first, last)
	}
	if event.Type == daybook.TypeTombstoned {
		what += " It will take no event any more."
	}
	fmt.Fprintln(c.err, what)
	if !f.Yes {
		if err := c.confirm(ctx, f.Stream); err != nil {
			return err
		}
	}
	return record(ctx, c, store, []daybook.Event{event}, reading.Condition())
}

func events(n int) string {
	if n == 1 {
		return "1 event"
	}
	return count(n) + " events"
}

// confirm asks whoever is at the terminal for the name of what is to be forgotten.
func (c *console) confirm(ctx context.Context, name string) error {
	if file, ok := c.in.(*os.File); !ok || !isatty.IsTerminal(file.Fd()) {
		return errors.New("nothing was done: there is no terminal to ask at, and --yes was not given")
	}
	fmt.Fprintf(c.err, "Type its name to go on: ")
	answer, err := bufio.NewReader(c.input(ctx)).ReadString('\n')
	if ctx.Err() != nil {
		fmt.Fprintln(c.err)
		return ctx.Err()
	}
	if err != nil || strings.TrimSpace(answer) != name {
		return errors.New("nothing was done: that is not its name")
	}
	return nil
}
