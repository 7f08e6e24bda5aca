package pgstore

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// A team is several stores on one log, as if in processes of their own, that are asked in
// turn: what one of them has answered the next one must know.
type team struct {
	stores []*subject
	asked  atomic.Uint64
}

func newTeam(t testing.TB, size int, url string, options Options) *team {
	team := new(team)
	for range size {
		team.stores = append(team.stores, open(t, url, options))
	}
	return team
}

func (m *team) next() *subject { return m.stores[m.asked.Add(1)%uint64(len(m.stores))] }

func (m *team) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	return m.next().Append(ctx, events, cond)
}

func (m *team) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	return m.next().Read(ctx, q, span)
}

func (m *team) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	return m.next().Wait(ctx, q, after)
}

func (m *team) Info(ctx context.Context) (daybook.Info, error) { return m.next().Info(ctx) }

// judge holds what clients were answered against the log as it is in the end.
func judge(t *testing.T, store daybook.Store, h history.History) {
	t.Helper()
	log, err := history.Log(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Check(log); err != nil {
		t.Errorf("the answers cannot be those of one log:\n%v", err)
	}
	if err := h.CheckStreams(log); err != nil {
		t.Error(err)
	}
}

func TestProcessesThatContendForOneLogKeepEveryRule(t *testing.T) {
	team := newTeam(t, 3, pgtest.Database(t), Options{})
	const clients, rounds = 24, 20
	h, tally, err := history.Boundaries(t.Context(), team, history.Workload{Clients: clients, Rounds: rounds, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if tally.Recorded == 0 || tally.Recorded+tally.Refused != clients*rounds {
		t.Errorf("of %d decisions, %d were recorded and %d refused", clients*rounds, tally.Recorded, tally.Refused)
	}
	judge(t, team, h)
}
