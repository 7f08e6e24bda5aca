package orders

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"sync"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/check"
)

// A History is what happened to one order while another system kept it, in the order
// in which it happened. Recording it decides nothing: what happened, happened.
type History struct {
	Order string  `json:"order"`
	Facts []Dated `json:"facts"`
}

// A Dated is a fact of a history: a value of one of the types in events.go, and when
// it happened; the zero time means that nobody said.
type Dated struct {
	Fact any
	At   time.Time
}

// writtenFact is how a [Dated] is written in JSON.
type writtenFact struct {
	Type string          `json:"type"`
	At   time.Time       `json:"at,omitzero"`
	Data json.RawMessage `json:"data"`
}

// MarshalJSON writes the fact under the name that it is recorded under.
func (d Dated) MarshalJSON() ([]byte, error) {
	event, err := Orders.Codec().Event(d.Fact)
	if err != nil {
		return nil, err
	}
	return json.Marshal(writtenFact{event.Type, d.At, event.Data})
}

// UnmarshalJSON reads what [Dated.MarshalJSON] wrote, and nothing else: a misspelt
// amount must not be recorded for ever as none.
func (d *Dated) UnmarshalJSON(data []byte) error {
	var w writtenFact
	if err := strict.Unmarshal(data, &w, strict.RejectUnknownMembers(true)); err != nil {
		return err
	}
	facts, err := Orders.Codec().Facts(daybook.Recorded{Event: daybook.Event{Type: w.Type, Data: w.Data}})
	if unreadable := (*daybook.UnreadableError)(nil); errors.As(err, &unreadable) {
		if unreadable.Err == nil {
			return fmt.Errorf("there is no fact of type %q", w.Type)
		}
		return fmt.Errorf("a fact of type %s: %w", w.Type, unreadable.Err)
	}
	if err != nil {
		return err
	}
	again := reflect.New(reflect.TypeOf(facts[0]))
	if err := strict.Unmarshal(w.Data, again.Interface(), strict.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("a fact of type %s: %w", w.Type, err)
	}
	// A system that does not know an amount writes null, which would be read as nothing.
	tokens := jsontext.NewDecoder(bytes.NewReader(w.Data))
	for token, err := tokens.ReadToken(); err == nil; token, err = tokens.ReadToken() {
		if token.Kind() == 'n' {
			return fmt.Errorf("a fact of type %s: %s is null; leave out what there is not", w.Type, tokens.StackPointer())
		}
	}
	d.Fact, d.At = facts[0], w.At
	return nil
}

// imported is the namespace of the ids of imported events: a UUID made up once, for
// ever.
var imported = uuid.MustParse("2b1d6a0c-8a1e-4d0e-9c53-7f4f4c1b9e06")

// events returns the history as events to be recorded. Their ids derive from the
// order's, so that whoever imports it again finds them there.
func (h History) events() ([]daybook.Event, error) {
	if err := check.Text("order", h.Order, check.Required); err != nil {
		return nil, &daybook.InvalidError{What: "history", Reason: err.Error()}
	}
	if len(h.Facts) == 0 {
		return nil, &daybook.InvalidError{What: "history of order", Value: h.Order, Reason: "has no facts"}
	}
	seed := daybook.DeriveID(imported, h.Order)
	metadata := daybook.Trace{Actor: "import", Correlation: seed.String()}.Metadata()
	events := make([]daybook.Event, len(h.Facts))
	placed := false
	for i, dated := range h.Facts {
		event, err := Orders.Codec().Event(dated.Fact)
		if err != nil {
			return nil, err
		}
		err = dated.validate()
		if _, places := dated.Fact.(OrderPlaced); places && err == nil {
			if placed {
				err = errors.New("the order was placed before")
			}
			placed = true
		}
		if err != nil {
			return nil, &daybook.InvalidError{What: fmt.Sprintf("history of order %s, fact %d (%s):", h.Order, i+1, event.Type), Reason: err.Error()}
		}
		event.ID = daybook.EventID(seed, i)
		event.Stream = Orders.Stream(h.Order)
		event.HappenedAt = dated.At
		event.Metadata = metadata
		events[i] = event
	}
	return events, nil
}

// Imported facts happened between these. No shop is older, and the time between any two
// of them can be reckoned in 64 bits of nanoseconds, as the views do.
var (
	firstImported = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	lastImported  = time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC)
)

// validate returns what is wrong with a fact that no shop can have kept, naming the
// field. It asks nothing of the order's past: that is as it is. But what is recorded
// stays, and an amount that does not add up in 64 bits, or a text without end, would be
// in the way of the views for ever.
func (d Dated) validate() error {
	if err := datable("at", d.At); err != nil {
		return err
	}
	switch e := d.Fact.(type) {
	case OrderPlaced:
		return e.validate()
	case FulfilmentRequested:
		return errors.New("is no fact of a history: what happened elsewhere is not fulfilled here")
	case PaymentReceived:
		if e.Installments < 0 || e.Installments > MaxInstallments {
			return fmt.Errorf("installments: are %d, and must be from 0 to %d", e.Installments, MaxInstallments)
		}
		return cmp.Or(amount("amount", e.Amount), check.Text("method", e.Method, check.Optional))
	case OrderShipped:
		return cmp.Or(check.Text("carrier", e.Carrier, check.Optional), check.Text("tracking", e.Tracking, check.Optional))
	case OrderCancelled:
		return check.Text("reason", e.Reason, check.Optional)
	case OrderReturned:
		return check.Text("reason", e.Reason, check.Optional)
	case PaymentRefunded:
		return cmp.Or(amount("amount", e.Amount), check.Text("reason", e.Reason, check.Optional))
	}
	return nil
}

func (e OrderPlaced) validate() error {
	if e.Currency != Currency {
		return fmt.Errorf("currency: is %.40q, and %w", e.Currency, ErrOtherCurrency)
	}
	if len(e.Lines) > MaxLines {
		return fmt.Errorf("lines: are %d, and %d are allowed", len(e.Lines), MaxLines)
	}
	for i, l := range e.Lines {
		if err := l.validate(); err != nil {
			return fmt.Errorf("lines[%d].%w", i, err)
		}
	}
	return cmp.Or(amount("total", e.Total), datable("promised_for", e.PromisedFor), e.Customer.validate())
}

func amount(field string, c Cents) error {
	if c < 0 || c > MaxCents {
		return fmt.Errorf("%s: is %d, and must be from 0 to %d", field, c, MaxCents)
	}
	return nil
}

func datable(field string, t time.Time) error {
	if !t.IsZero() && (t.Before(firstImported) || !t.Before(lastImported)) {
		return fmt.Errorf("%s: is %s, and must be from %s to %s", field, t.Format(time.RFC3339), firstImported.Format(time.DateOnly), lastImported.Format(time.DateOnly))
	}
	return nil
}

// Kept counts which of the histories that were handed over are recorded now.
type Kept struct {
	// Added orders and Events were recorded now; Repeated orders had been before.
	Added    int `json:"added"`
	Events   int `json:"events"`
	Repeated int `json:"repeated"`
	// Different are orders that are there already with another history. They were left
	// as they are.
	Different []string `json:"different,omitempty"`
}

// Plus returns the sum of two counts.
func (r Kept) Plus(other Kept) Kept {
	r.Added += other.Added
	r.Events += other.Events
	r.Repeated += other.Repeated
	r.Different = append(r.Different[:len(r.Different):len(r.Different)], other.Different...)
	return r
}

// A Recorder keeps histories: a [Shop], or one at the other end of a wire.
type Recorder interface {
	// Record keeps each history that is not there already, whole. After an error some
	// may have been kept and some not; doing it again is safe, and adds only the rest.
	Record(ctx context.Context, histories []History) (Kept, error)
}

// appendsAtOnce is how many histories are handed to the store at the same time. A
// store that syncs once for all who wait has the more of them in each sync.
const appendsAtOnce = 64

// Record implements [Recorder]. Each history is one append: all of it is recorded, or
// nothing.
func (s *Shop) Record(ctx context.Context, histories []History) (Kept, error) {
	var mu sync.Mutex
	var sum Kept
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(appendsAtOnce)
	for _, h := range histories {
		group.Go(func() error {
			one, err := s.record(ctx, h)
			mu.Lock()
			defer mu.Unlock()
			sum = sum.Plus(one)
			return err
		})
	}
	return sum, group.Wait()
}

func (s *Shop) record(ctx context.Context, h History) (Kept, error) {
	events, err := h.events()
	if err != nil {
		return Kept{}, err
	}
	receipt, err := s.store.Append(ctx, events, daybook.New(Orders.Stream(h.Order)))
	var reused *daybook.ReusedError
	var conflict *daybook.ConflictError
	switch {
	case errors.As(err, &reused), errors.As(err, &conflict):
		return Kept{Different: []string{h.Order}}, nil
	case err != nil:
		return Kept{}, fmt.Errorf("record order %s: %w", h.Order, err)
	case !receipt.Repeated:
		return Kept{Added: 1, Events: len(events)}, nil
	}
	same, err := s.begins(ctx, events)
	switch {
	case err != nil:
		return Kept{}, fmt.Errorf("compare order %s: %w", h.Order, err)
	case !same:
		return Kept{Different: []string{h.Order}}, nil
	}
	return Kept{Repeated: 1}, nil
}

// begins reports whether an order's history begins with these events, forgotten or not. A
// store takes events with the same ids and types for the same; what they say can be
// another thing, unless nothing is left of it to compare.
func (s *Shop) begins(ctx context.Context, events []daybook.Event) (bool, error) {
	reading, err := s.store.Read(ctx, daybook.Stream(events[0].Stream), daybook.Span{Limit: len(events), Forgotten: true})
	if err != nil {
		return false, err
	}
	n := 0
	for recorded, err := range reading.Events() {
		if err != nil {
			return false, err
		}
		if recorded.Stub != nil && recorded.ID == events[n].ID {
			n++
			continue
		}
		facts, err := Orders.Codec().Facts(recorded)
		if err != nil {
			return false, err
		}
		again, err := Orders.Codec().Event(facts[0]) // as it would be written today
		if err != nil {
			return false, err
		}
		if recorded.ID != events[n].ID || !recorded.HappenedAt.Equal(events[n].HappenedAt) || !bytes.Equal(again.Data, events[n].Data) {
			return false, nil
		}
		n++
	}
	return n == len(events), nil
}

// maxHistoryBytes bounds a line of [ReadHistories]. A store takes about as much in
// one append.
const maxHistoryBytes = 1 << 20

// WriteHistories writes histories as JSON Lines: one of them in each line.
func WriteHistories(w io.Writer, histories []History) error {
	encoder := json.NewEncoder(w)
	for _, h := range histories {
		if err := encoder.Encode(h); err != nil {
			return err
		}
	}
	return nil
}

// ReadHistories yields what [WriteHistories] wrote. A line that is no history is a
// [*daybook.InvalidError] that names it, and ends the reading.
func ReadHistories(r io.Reader) iter.Seq2[History, error] {
	return func(yield func(History, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxHistoryBytes)
		for n := 1; lines.Scan(); n++ {
			var h History
			if err := strict.Unmarshal(lines.Bytes(), &h, strict.RejectUnknownMembers(true)); err != nil {
				yield(History{}, &daybook.InvalidError{What: fmt.Sprintf("line %d", n), Reason: err.Error()})
				return
			}
			if !yield(h, nil) {
				return
			}
		}
		if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
			yield(History{}, &daybook.InvalidError{What: "a line", Reason: fmt.Sprintf("is longer than %d bytes", maxHistoryBytes)})
		} else if err != nil {
			yield(History{}, err)
		}
	}
}
