package prommetrics

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/telemetry/internal/outcome"
)

// Command counts a command. It is for [command.Options.Around].
func (m *Metrics) Command(ctx context.Context, sent command.Sent, next func(context.Context) (daybook.Receipt, error)) (daybook.Receipt, error) {
	began := time.Now()
	receipt, err := next(ctx)
	m.took.WithLabelValues(sent.Type).Observe(time.Since(began).Seconds())
	m.commands.WithLabelValues(sent.Type, outcome.Of(receipt, err)).Inc()
	if refused := (*daybook.RefusedError)(nil); errors.As(err, &refused) {
		m.refusals.WithLabelValues(sent.Type, m.rules.label(sent.Type, refused)).Inc()
	}
	return receipt, err
}

// MostRules is how many pairs of a command and a rule are told apart.
const MostRules = 1000

// rules are the pairs that were seen.
type rules struct {
	mu   sync.Mutex
	seen map[[2]string]bool
}

// label returns the name under which a refusal of a command is counted.
func (r *rules) label(name string, refused *daybook.RefusedError) string {
	rule := (*daybook.Rule)(nil)
	if !errors.As(refused.Err, &rule) {
		return "unnamed" // its text may have anything in it
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	pair := [2]string{name, rule.Name()}
	if !r.seen[pair] {
		if len(r.seen) >= MostRules {
			return "other"
		}
		if r.seen == nil {
			r.seen = make(map[[2]string]bool)
		}
		r.seen[pair] = true
	}
	return rule.Name()
}
