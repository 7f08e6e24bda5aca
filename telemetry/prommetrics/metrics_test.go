package prommetrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

// told returns what the metrics tell, as Prometheus reads it.
func told(t *testing.T, m *prommetrics.Metrics) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func wants(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, line := range want {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("the metrics do not have %s:\n%s", line, got)
		}
	}
}

func TestWhatGoesThroughAStoreIsCounted(t *testing.T) {
	inner, err := logstore.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	m := prommetrics.New()
	store := m.Store("shop", inner)
	events := []daybook.Event{{Stream: "a-1", Type: "Noted", Data: []byte(`{"n":1}`)}, {Stream: "a-2", Type: "Noted", Data: []byte(`{"n":2}`)}}
	ctx := t.Context()
	if _, err := store.Append(ctx, events, daybook.New("a-1")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(ctx, events[:1], daybook.New("a-1")); err == nil {
		t.Fatal("there was no conflict")
	}
	reading, err := store.Read(ctx, daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		bytes += e.Size()
	}
	if _, err := store.Read(ctx, daybook.Query{{}}, daybook.Span{}); err == nil {
		t.Fatal("a query that names nothing was asked")
	}
	got := told(t, m)
	wants(t, got,
		`daybook_appends_total{log="shop",outcome="recorded"} 1`,
		`daybook_appends_total{log="shop",outcome="conflict"} 1`,
		`daybook_appends_total{log="shop",outcome="failed"} 0`,
		`daybook_append_seconds_count{log="shop"} 2`,
		`daybook_appended_events_total{log="shop"} 2`,
		fmt.Sprintf(`daybook_appended_bytes_total{log="shop"} %d`, events[0].Size()+events[1].Size()),
		`daybook_reads_total{log="shop",outcome="ok"} 1`,
		`daybook_reads_total{log="shop",outcome="failed"} 1`,
		`daybook_read_events_total{log="shop"} 2`,
		fmt.Sprintf(`daybook_read_bytes_total{log="shop"} %d`, bytes),
		`daybook_log_head_position{log="shop"} 2`,
		`daybook_store_up{log="shop"} 1`,
		`daybook_store_unhealthy{log="shop"} 0`,
		`daybook_store_sealed{log="shop"} 0`,
		`daybook_syncs_total{log="shop"} 1`,
	)
	for _, name := range []string{"daybook_sync_seconds_total", "daybook_synced_bytes_total"} {
		if !regexp.MustCompile(`(?m)^` + name + `\{log="shop"\} [0-9.e-]*[1-9]`).MatchString(got) {
			t.Errorf("%s is nothing", name)
		}
	}
}

// ill is a store with something wrong with it.
type ill struct {
	daybook.Store
	health, info error
}

func (i ill) Health() error { return i.health }
func (i ill) Info(ctx context.Context) (daybook.Info, error) {
	if i.info != nil {
		return daybook.Info{}, i.info
	}
	return i.Store.Info(ctx)
}

func TestAStoreThatIsIllIsToldFromOneThatIsSealed(t *testing.T) {
	trouble := errors.New("trouble")
	m := prommetrics.New()
	m.Store("full", ill{Store: memstore.New(), health: &logstore.HealthError{Err: trouble}})
	m.Store("failed", ill{Store: memstore.New(), health: fmt.Errorf("node: %w", &logstore.HealthError{ReadOnly: true, Err: trouble})})
	m.Store("away", ill{Store: memstore.New(), info: trouble})
	told(t, m)
	got := told(t, m)
	wants(t, got,
		`daybook_store_unhealthy{log="full"} 1`, `daybook_store_sealed{log="full"} 0`, `daybook_store_up{log="full"} 1`,
		`daybook_store_unhealthy{log="failed"} 1`, `daybook_store_sealed{log="failed"} 1`,
		`daybook_store_unhealthy{log="away"} 0`, `daybook_store_up{log="away"} 0`,
		`daybook_status_failures_total{of="log away"} 2`, `daybook_status_failures_total{of="log full"} 0`,
	)
	if strings.Contains(got, `daybook_log_head_position{log="away"}`) {
		t.Error("there is a head of a log that nobody can ask")
	}
}

func TestCommandsAreCountedByWhatCameOfThem(t *testing.T) {
	m := prommetrics.New()
	soldOut := daybook.NewRule("sold-out", "there is none left")
	run := func(name string, err error) {
		receipt := daybook.Receipt{RecordedAt: time.Unix(1, 0)}
		got, gotErr := m.Command(t.Context(), command.Sent{Type: name}, func(context.Context) (daybook.Receipt, error) { return receipt, err })
		if got.RecordedAt != receipt.RecordedAt || gotErr != err {
			t.Errorf("what came of it was changed to %v, %v", got, gotErr)
		}
	}
	run("Place", nil)
	run("Place", nil)
	run("Place", daybook.Refused(fmt.Errorf("boots: %w", soldOut), daybook.Point{}))
	run("Place", daybook.Refused(errors.New("ada@example.org has no credit"), daybook.Point{}))
	run("Pay", &daybook.UnavailableError{Err: errors.New("away")})
	got := told(t, m)
	wants(t, got,
		`daybook_commands_total{command="Place",outcome="recorded"} 2`,
		`daybook_commands_total{command="Place",outcome="refused"} 2`,
		`daybook_commands_total{command="Pay",outcome="unavailable"} 1`,
		`daybook_command_seconds_count{command="Place"} 4`,
		`daybook_refusals_total{command="Place",rule="sold-out"} 1`,
		`daybook_refusals_total{command="Place",rule="unnamed"} 1`,
	)
	if strings.Contains(got, "ada@") {
		t.Error("a label has what a decision made up")
	}
}

func TestLabelsAreBounded(t *testing.T) {
	m := prommetrics.New()
	for n := range prommetrics.MostRules + 50 {
		rule := daybook.NewRule(fmt.Sprintf("rule-%d", n), "made up on the way")
		_, _ = m.Command(t.Context(), command.Sent{Type: "Place"}, func(context.Context) (daybook.Receipt, error) {
			return daybook.Receipt{}, daybook.Refused(rule, daybook.Point{})
		})
	}
	got := told(t, m)
	wants(t, got, `daybook_refusals_total{command="Place",rule="other"} 50`)
	if n := strings.Count(got, "daybook_refusals_total{"); n != prommetrics.MostRules+1 {
		t.Errorf("there are %d refusals that are told apart", n)
	}
}

func TestWhatIsAskedIsTold(t *testing.T) {
	m := prommetrics.New()
	ago := time.Now().Add(-time.Hour)
	m.Projections(func(context.Context) ([]prommetrics.Projection, error) {
		return []prommetrics.Projection{
			{Status: projection.Status{Name: "list", Version: 3, Lag: 7, Age: 2 * time.Second, Applied: 9, Rate: 1.5, Aside: 4, Waiting: 1,
				Checkpoint: projection.Checkpoint{Point: daybook.Point{Position: 12}}, Stuck: &projection.Stuck{}, Paused: "compared"}, Edition: 2, Answers: true},
			{Status: projection.Status{Name: "shelves", Version: 1, Parts: []projection.PartStatus{{Position: 5}, {Position: 6, Aside: 1, Stuck: &projection.Stuck{}}}}},
		}, nil
	})
	m.Processes(func(context.Context) ([]process.Status, error) {
		return []process.Status{{Process: "fulfil", Ready: true, Lag: 3, Live: map[int]int{1: 2, 2: 3}, Done: 4, Lacking: 1, Open: 6,
			Oldest: ago, Deadlines: 2, NextDue: ago, SetAside: make([]process.Aside, 2), Clock: errors.New("jumped"), Stuck: errors.New("stuck")},
			{Process: "remind", NextDue: time.Now().Add(time.Hour)}}, errors.New("the store is away")
	})
	m.Publisher("hook", func(context.Context) (publish.Status, error) {
		return publish.Status{Running: true, Lag: 8, Sent: 10, Failures: 2, InHand: 3, Oldest: &publish.Waiting{RecordedAt: ago},
			Mark: publish.Mark{Point: daybook.Point{Position: 4}, Aside: make([]publish.Aside, 1)}, Stuck: &publish.Stuck{}}, nil
	})
	m.Disk("data", t.TempDir())
	m.Disk("gone", t.TempDir()+"/nowhere")
	_, _ = m.Call(t.Context(), process.Call{Process: "fulfil", Effect: "Charge"}, func(context.Context) (any, error) { return 1, nil })
	_, _ = m.Call(t.Context(), process.Call{Process: "fulfil", Effect: "Charge"}, func(context.Context) (any, error) { return nil, errors.New("away") })
	_, _ = m.Call(t.Context(), process.Call{Process: "fulfil", Effect: "Charge"}, func(context.Context) (any, error) {
		return nil, process.Permanent(errors.New("declined"))
	})
	told(t, m)
	got := told(t, m)
	list, parts := `{edition="2",projection="list",version="3"}`, `{edition="",part="1",projection="shelves",version="1"}`
	wants(t, got,
		"daybook_projection_position"+list+" 12", "daybook_projection_lag_positions"+list+" 7", "daybook_projection_age_seconds"+list+" 2",
		"daybook_projection_applied_total"+list+" 9", "daybook_projection_events_per_second"+list+" 1.5", "daybook_projection_set_aside"+list+" 4",
		"daybook_projection_set_aside_waiting"+list+" 1", "daybook_projection_stuck"+list+" 1", "daybook_projection_paused"+list+" 1", "daybook_projection_answers"+list+" 1",
		"daybook_projection_part_position"+parts+" 6", "daybook_projection_part_set_aside"+parts+" 1", "daybook_projection_part_stuck"+parts+" 1",
		`daybook_process_ready{process="fulfil"} 1`, `daybook_process_lag_positions{process="fulfil"} 3`, `daybook_process_live{process="fulfil"} 5`,
		`daybook_process_done{process="fulfil"} 4`, `daybook_process_lacking{process="fulfil"} 1`, `daybook_process_open_steps{process="fulfil"} 6`,
		`daybook_process_deadlines{process="fulfil"} 2`, `daybook_process_set_aside{process="fulfil"} 2`, `daybook_process_clock_stopped{process="fulfil"} 1`,
		`daybook_process_stuck{process="fulfil"} 1`, `daybook_process_deadline_late_seconds{process="remind"} 0`, `daybook_process_oldest_step_seconds{process="remind"} 0`,
		`daybook_status_failures_total{of="processes"} 2`, `daybook_status_failures_total{of="disk gone"} 2`,
		`daybook_publisher_running{publisher="hook"} 1`, `daybook_publisher_position{publisher="hook"} 4`, `daybook_publisher_lag_positions{publisher="hook"} 8`,
		`daybook_publisher_sent_total{publisher="hook"} 10`, `daybook_publisher_failures_total{publisher="hook"} 2`, `daybook_publisher_in_hand{publisher="hook"} 3`,
		`daybook_publisher_set_aside{publisher="hook"} 1`, `daybook_publisher_stuck{publisher="hook"} 1`,
		`daybook_effects_total{effect="Charge",outcome="ok",process="fulfil"} 1`, `daybook_effects_total{effect="Charge",outcome="failed",process="fulfil"} 1`,
		`daybook_effects_total{effect="Charge",outcome="permanent",process="fulfil"} 1`, `daybook_effect_seconds_count{effect="Charge",process="fulfil"} 3`,
	)
	for _, late := range []string{`daybook_process_deadline_late_seconds{process="fulfil"}`, `daybook_process_oldest_step_seconds{process="fulfil"}`, `daybook_publisher_oldest_seconds{publisher="hook"}`} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(late) + ` 3[6-9]\d\d`).MatchString(got) {
			t.Errorf("%s is not about an hour", late)
		}
	}
	if !regexp.MustCompile(`(?m)^daybook_disk_free_bytes\{disk="data"\} [1-9]`).MatchString(got) {
		t.Error("the disk has no room")
	}
}
