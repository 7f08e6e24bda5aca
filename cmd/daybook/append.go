package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

// Append records events.
type Append struct {
	Target
	Each   bool `help:"Record each line by itself rather than all of them or none."`
	Create bool `help:"Make the log if there is none."`

	Expect  []string `group:"condition" sep:"none" placeholder:"STREAM=VERSION" help:"The stream is at this version."`
	New     []string `group:"condition" sep:"none" placeholder:"STREAM" help:"The stream has no events, or was deleted since."`
	Exists  []string `group:"condition" sep:"none" placeholder:"STREAM" help:"The stream has events."`
	Nothing []string `group:"condition" sep:"none" placeholder:"QUERY" help:"Nothing that the query selects was recorded after --after, or at all."`
	After   []string `group:"condition" sep:"none" placeholder:"POINT" help:"The point that --nothing begins after, as read --point, head and receipts say it, or a position; one for all, or one for each --nothing in their order."`
}

// Help returns what the flags do not say.
func (Append) Help() string {
	return `Reads events from standard input, one a line, with the fields type (the only one that must be there), stream, tags, data, metadata, happened_at, content_type and id. They are recorded together: all of them or none. It prints the receipt as a line of JSON.

All conditions must hold; if one does not, the exit status is 3. Give events an id of your own if you may have to append them again: an id is recorded once, and appending the same again is answered with the receipt of the first time.

` + queryHelp + `

  echo '{"stream":"order-42","type":"OrderPaid","data":{"cents":4200}}' | daybook append LOG
  daybook append LOG --expect order-42=3 < events
  daybook append LOG --nothing 'tag=seat:12A' < events
  daybook read LOG --tag seat:12A --point P; daybook append LOG --nothing tag=seat:12A --after $(cat P) < events`
}

// Run records what is on standard input. It is read and checked before the log is opened,
// so that the log is not kept from others meanwhile, nor made for what cannot be recorded.
func (a *Append) Run(ctx context.Context, c *console) (err error) {
	if a.Each && len(a.Expect)+len(a.New)+len(a.Exists)+len(a.Nothing) > 0 {
		return errors.New("--each goes without conditions: what holds for the first event may not for the second")
	}
	if err := a.ready("append", a.Create); err != nil {
		return err
	}
	if a.Each {
		return a.recordEach(ctx, c)
	}
	events, err := readAll(jsonlines.NewReader(c.input(ctx)))
	if err != nil {
		return err
	}
	if len(events)+len(a.Expect)+len(a.New)+len(a.Exists)+len(a.Nothing) == 0 {
		return c.nothingRead()
	}
	if err := a.check(events); err != nil {
		return err
	}
	store, err := a.own(ctx, c, "append", a.Create)
	if err != nil {
		return err
	}
	defer closing(store, &err)

	info, err := store.Info(ctx)
	if err != nil {
		return err
	}
	cond, err := a.condition(info.Head)
	if err != nil {
		return err
	}
	return record(ctx, c, store, events, cond)
}

// recordEach records each event by itself, as soon as its line is there.
func (a *Append) recordEach(ctx context.Context, c *console) (err error) {
	reader := jsonlines.NewReader(c.input(ctx))
	var store storeurl.Store
	defer func() {
		if store != nil {
			closing(store, &err)
		}
	}()
	for event, err := range reader.Events() {
		if err != nil {
			return err
		}
		events := []daybook.Event{event}
		if store == nil {
			if err := a.check(events); err != nil {
				return fmt.Errorf("line %d: %w", reader.Line(), err)
			}
			if store, err = a.own(ctx, c, "append", a.Create); err != nil {
				return err
			}
		}
		if err := record(ctx, c, store, events, nil); err != nil {
			return fmt.Errorf("line %d: %w", reader.Line(), err)
		}
	}
	if store == nil {
		return c.nothingRead()
	}
	return nil
}

// readAll returns the events of an append that is not too large. No store takes more than
// that of a directory; one that takes less says so itself.
func readAll(reader *jsonlines.Reader) (events []daybook.Event, err error) {
	most := logstore.Limits().AppendEvents
	for event, err := range reader.Events() {
		if err != nil {
			return nil, err
		}
		if events = append(events, event); len(events) > most {
			return nil, fmt.Errorf("there are more than %s events, and nothing was recorded: part them, or use --each", count(most))
		}
	}
	return events, nil
}

// check returns what is wrong with an append whatever the log, and with its condition if
// there is no log yet.
func (a *Append) check(events []daybook.Event) error {
	var cond daybook.Condition
	_, elsewhere := a.elsewhere()
	if _, none := a.existing(); none != nil && !elsewhere {
		var err error
		if cond, err = a.condition(daybook.Point{}); err != nil {
			return err
		}
	}
	_, err := daybook.Prepare(events, cond, logstore.Limits())
	return err
}

// nothingRead says that there is nothing to be recorded.
func (c *console) nothingRead() error {
	_, err := fmt.Fprintln(c.err, "There are no events on standard input, and nothing was recorded.")
	return err
}

// record appends events and prints the receipt.
func record(ctx context.Context, c *console, store daybook.Store, events []daybook.Event, cond daybook.Condition) error {
	receipt, err := store.Append(ctx, events, cond)
	if err != nil {
		return err
	}
	return c.printReceipt(receipt, len(events))
}

// condition returns the condition that the flags state. Positions are of the log as it
// is now.
func (a *Append) condition(head daybook.Point) (daybook.Condition, error) {
	var cond daybook.Condition
	for _, expected := range a.Expect {
		i := strings.LastIndexByte(expected, '=')
		if i < 0 {
			return nil, fmt.Errorf("--expect %q is not STREAM=VERSION", expected)
		}
		version, err := strconv.ParseUint(expected[i+1:], 10, 63)
		if err != nil {
			return nil, fmt.Errorf("--expect %q is not STREAM=VERSION, with a whole number", expected)
		}
		cond = append(cond, daybook.At(expected[:i], daybook.Version(version))...)
	}
	for _, stream := range a.New {
		cond = append(cond, daybook.New(stream)...)
	}
	for _, stream := range a.Exists {
		cond = append(cond, daybook.Exists(stream)...)
	}
	if n := len(a.After); n > 1 && n != len(a.Nothing) || n > 0 && len(a.Nothing) == 0 {
		return nil, fmt.Errorf("--after says where --nothing begins: there are %d --after for %d --nothing, and there can be one for all, or one for each", n, len(a.Nothing))
	}
	for i, text := range a.Nothing {
		query, err := parseQuery(text)
		if err != nil {
			return nil, err
		}
		var after daybook.Point
		if len(a.After) > 0 {
			if after, err = parsePoint(a.After[min(i, len(a.After)-1)], head); err != nil {
				return nil, err
			}
		}
		cond = append(cond, daybook.Nothing(query, after)...)
	}
	return cond, nil
}

// parsePoint reads a point, or a position of the log that has come to head. Nothing was
// recorded after a position that there is not yet, so one that is mistyped would let
// everything pass.
func parsePoint(text string, head daybook.Point) (daybook.Point, error) {
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		at := head.At(daybook.Position(n))
		return at, at.Precedes(head)
	}
	return daybook.ParsePoint(text)
}

// printReceipt prints a receipt as a line of JSON.
func (c *console) printReceipt(r daybook.Receipt, events int) error {
	printed := struct {
		Events     int                        `json:"events"`
		Position   daybook.Position           `json:"position"`
		Versions   map[string]daybook.Version `json:"versions,omitempty"`
		RecordedAt *time.Time                 `json:"recorded_at,omitempty"`
		Durability daybook.Durability         `json:"durability"`
		Repeated   bool                       `json:"repeated,omitempty"`
		Point      daybook.Point              `json:"point"`
	}{Events: events, Position: r.Position, Versions: r.Versions, Durability: r.Durability, Repeated: r.Repeated, Point: r.Point}
	if !r.RecordedAt.IsZero() {
		printed.RecordedAt = &r.RecordedAt
	}
	encoder := json.NewEncoder(c.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(printed)
}
