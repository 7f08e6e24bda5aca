package decider

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Decide reads what the plan is about, makes the decision, and records the facts
// that it returned, if nothing it rests on was recorded in the meantime.
func Decide(ctx context.Context, store daybook.Store, plan Plan, options ...Option) (daybook.Receipt, error) {
	s := settle(options)
	for attempt := 1; ; attempt++ {
		if receipt, recorded, err := s.recall(ctx); recorded || err != nil {
			return receipt, err
		}
		d, err := decide(ctx, store, plan, s)
		if err != nil {
			return daybook.Receipt{}, err
		}
		if len(d.events) == 0 && len(plan.final) == 0 {
			return daybook.Receipt{Point: d.at}, nil
		}
		receipt, err := store.Append(ctx, d.events, d.condition)
		conflict := (*daybook.ConflictError)(nil)
		if !errors.As(err, &conflict) || attempt == s.attempts {
			return receipt, err
		}
	}
}

type decided struct {
	events    []daybook.Event
	condition daybook.Condition
	at        daybook.Point
}

func decide(ctx context.Context, store daybook.Store, plan Plan, s settings) (decided, error) {
	if plan.begin == nil {
		return decided{}, &daybook.InvalidError{What: "plan", Reason: "is empty"}
	}
	if plan.invalid != nil {
		return decided{}, plan.invalid
	}
	reading, err := store.Read(ctx, plan.query, daybook.Span{})
	if err != nil {
		return decided{}, err
	}
	subject := plan.begin()
	for event, err := range reading.Events() {
		if err == nil {
			err = subject.fold(event)
		}
		if err != nil {
			return decided{}, fmt.Errorf("decider: read %s: %w", plan.about, err)
		}
	}
	d := decided{at: reading.Snapshot(), condition: append(plan.final, reading.Condition()...)}
	facts, err := subject.decided()
	if err != nil {
		return decided{}, daybook.Refused(err, d.at)
	}
	metadata := daybook.TraceOf(ctx).Metadata()
	for _, fact := range facts {
		event, err := subject.event(fact)
		if err != nil {
			return decided{}, err
		}
		if event.ID, err = uuid.NewV7(); err != nil {
			return decided{}, err
		}
		event.Metadata = metadata
		d.events = append(d.events, event)
	}
	return d, s.stamp(d.events)
}
