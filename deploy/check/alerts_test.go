package check

import (
	"log/slog"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// alerts returns the rules of the tree by their names.
func alerts(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	path := found(t, "alerts/daybook.yml")[0]
	groups, errs := rulefmt.ParseFile(path, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	all := make(map[string]rulefmt.Rule)
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if _, twice := all[r.Alert]; twice || r.Alert == "" {
				t.Errorf("the alert %q is there twice, or is none", r.Alert)
			}
			all[r.Alert] = r
		}
	}
	return all
}

func TestAlertsAskForWhatProgramsTell(t *testing.T) {
	all := scrape(t)
	for name, rule := range alerts(t) {
		for _, wrong := range all.missing(t, parsed(t, name, rule.Expr)) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
	for _, expr := range []string{"daybook_store_healed == 1", `daybook_store_up{lag="orders"}`, "sum by (stream) (daybook_store_up)", "daybook_publisher_sent", `daybook_publisher_lag_positions{log="a"}`} {
		if len(all.missing(t, parsed(t, "a mistake", expr))) == 0 {
			t.Errorf("%s passes", expr)
		}
	}
}

func TestEachAlertSaysHowUrgentItIsAndWhatToDo(t *testing.T) {
	guide := read(t, filepath.Join(root, "docs/guides/operations.md"))
	const where = "https://github.com/daybook-es/daybook/blob/main/docs/guides/operations.md#"
	all := alerts(t)
	for name, rule := range all {
		if s := rule.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s has severity %q", name, s)
		}
		if rule.Annotations["summary"] == "" {
			t.Errorf("%s has no summary", name)
		}
		if got := rule.Annotations["runbook_url"]; got != where+strings.ToLower(name) {
			t.Errorf("%s leads to %s", name, got)
		}
		if !strings.Contains(guide, "\n### "+name+"\n") {
			t.Errorf("the guide has no heading %s", name)
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (Daybook\w+)$`).FindAllStringSubmatch(guide, -1) {
		if _, is := all[heading[1]]; !is {
			t.Errorf("the guide says what to do about %s, and there is no such alert", heading[1])
		}
	}
}

// A trouble is what an alert is for: series of an hour, of a sample each minute, in which it
// begins, and others in which all is well. Series are written as Prometheus's own tests write
// them, and of is labels that an alert has.
type trouble struct {
	begins string
	not    string
	of     string
}

const usual = `
  up{job="orders", instance="a"} 1x60
  daybook_store_up{log="orders"} 1x60
  daybook_store_sealed{log="orders"} 0x60
  daybook_store_unhealthy{log="orders"} 0x60
  daybook_disk_size_bytes{disk="data"} 1000x60
  daybook_disk_free_bytes{disk="data"} 900-0.1x60
  daybook_appends_total{log="orders", outcome="recorded"} 0+600x60
  daybook_appends_total{log="orders", outcome="conflict"} 0+30x60
  daybook_appends_total{log="orders", outcome="failed"} 0x60
  daybook_appends_total{log="audit", outcome="failed"} 0x60
  daybook_append_seconds_bucket{log="orders", le="0.01"} 0+600x60
  daybook_append_seconds_bucket{log="orders", le="1"} 0+600x60
  daybook_append_seconds_bucket{log="orders", le="+Inf"} 0+600x60
  daybook_syncs_total{log="orders"} 0+100x60
  daybook_sync_seconds_total{log="orders"} 0+1x60
  daybook_commands_total{command="PlaceOrder", outcome="recorded"} 0+600x60
  daybook_commands_total{command="PlaceOrder", outcome="refused"} 0+300x60
  daybook_commands_total{command="PlaceOrder", outcome="failed"} 0x60
  daybook_command_seconds_bucket{command="PlaceOrder", le="0.01"} 0+600x60
  daybook_command_seconds_bucket{command="PlaceOrder", le="2.5"} 0+600x60
  daybook_command_seconds_bucket{command="PlaceOrder", le="+Inf"} 0+600x60
  orders_http_requests_total{route="POST /orders", status="201"} 0+600x60
  orders_http_requests_total{route="POST /orders", status="503"} 0+1x60
  orders_http_request_seconds_bucket{route="POST /orders", le="0.01"} 0+600x60
  orders_http_request_seconds_bucket{route="POST /orders", le="5"} 0+600x60
  orders_http_request_seconds_bucket{route="POST /orders", le="+Inf"} 0+600x60
  orders_http_shed_total{problem="too-many"} 0+1x60
  daybook_projection_stuck{projection="list"} 0x60
  daybook_projection_answers{projection="list"} 1x60
  daybook_projection_age_seconds{projection="list"} 2x60
  daybook_projection_lag_positions{projection="list"} 20000-1000x20 0x40
  daybook_projection_set_aside_waiting{projection="list"} 0x60
  daybook_projection_paused{projection="list"} 0x10 1x30 0x20
  daybook_process_stuck{process="fulfilment"} 0x60
  daybook_process_set_aside{process="fulfilment"} 0x60
  daybook_process_deadline_late_seconds{process="fulfilment"} 0x60
  daybook_process_clock_stopped{process="fulfilment"} 0x60
  daybook_process_oldest_step_seconds{process="fulfilment"} 30x60
  daybook_process_lacking{process="fulfilment"} 0x60
  daybook_effects_total{process="fulfilment", effect="charge", outcome="ok"} 0+60x60
  daybook_effects_total{process="fulfilment", effect="charge", outcome="failed"} 0+6x60
  daybook_publisher_running{publisher="hook"} 1x60
  daybook_publisher_stuck{publisher="hook"} 0x60
  daybook_publisher_oldest_seconds{publisher="hook"} 1x60
  daybook_publisher_set_aside{publisher="hook"} 0x60
  daybook_status_failures_total{of="projections"} 0x60
  daybook_expires_timestamp_seconds{what="certificate"} 99999999x60
`

// instead returns the usual series with some in place of theirs.
func instead(series string) string {
	replaced := make(map[string]bool)
	name := func(line string) string {
		of, _, _ := strings.Cut(strings.TrimSpace(line), "} ")
		return of
	}
	for line := range strings.Lines(series) {
		if strings.TrimSpace(line) != "" {
			replaced[name(line)] = true
		}
	}
	var all []string
	for line := range strings.Lines(usual) {
		if strings.TrimSpace(line) != "" && !replaced[name(line)] {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return "load 1m\n  " + strings.Join(all, "\n  ") + "\n  " + strings.TrimSpace(series) + "\n"
}

// troubles has one for each alert. They begin at minute 20 at the latest.
var troubles = map[string]trouble{
	"DaybookDown":           {begins: `up{job="orders", instance="a"} 1x10 0x50`, not: `up{job="somebody-else", instance="a"} 0x60`, of: `job="orders"`},
	"DaybookStoreSealed":    {begins: "daybook_store_sealed{log=\"orders\"} 0x10 1x50\n  daybook_store_unhealthy{log=\"orders\"} 0x10 1x50", of: `log="orders"`},
	"DaybookStoreUnhealthy": {begins: `daybook_store_unhealthy{log="orders"} 0x10 1x50`, not: `daybook_store_unhealthy{log="orders"} 0x10 1x3 0x47`, of: `log="orders"`},
	"DaybookStoreAway":      {begins: `daybook_store_up{log="orders"} 1x10 0x50`, of: `log="orders"`},
	"DaybookAppendsFail":    {begins: `daybook_appends_total{log="orders", outcome="failed"} 0x10 0+20x50`, not: `daybook_appends_total{log="orders", outcome="failed"} 0x10 1x50`, of: `log="orders"`},
	"DaybookAppendsSlow":    {begins: `daybook_append_seconds_bucket{log="orders", le="0.01"} 0+500x60`, of: `log="orders"`},
	"DaybookSyncsSlow":      {begins: `daybook_sync_seconds_total{log="orders"} 0+50x60`, of: `log="orders"`},
	"DaybookConflicts":      {begins: `daybook_appends_total{log="orders", outcome="conflict"} 0+600x60`, not: "daybook_appends_total{log=\"orders\", outcome=\"conflict\"} 0+6x60\n  daybook_appends_total{log=\"orders\", outcome=\"recorded\"} 0+6x60", of: `log="orders"`},
	"DaybookAuditFailing":   {begins: `daybook_appends_total{log="audit", outcome="failed"} 0x10 1x50`, of: `log="audit"`},
	"DaybookDiskFull":       {begins: `daybook_disk_free_bytes{disk="data"} 40x60`, of: `disk="data"`},
	"DaybookDiskFilling":    {begins: `daybook_disk_free_bytes{disk="data"} 400-2x60`, of: `disk="data"`},
	"DaybookCommandsFail":   {begins: `daybook_commands_total{command="PlaceOrder", outcome="failed"} 0+20x60`},
	"DaybookCommandsSlow":   {begins: `daybook_command_seconds_bucket{command="PlaceOrder", le="0.01"} 0+500x60`},
	"DaybookRequestsFail":   {begins: `orders_http_requests_total{route="POST /orders", status="503"} 0+20x60`},
	"DaybookRequestsSlow":   {begins: `orders_http_request_seconds_bucket{route="POST /orders", le="0.01"} 0+500x60`},
	"DaybookRequestsShed":   {begins: `orders_http_shed_total{problem="too-many"} 0+120x60`, of: `problem="too-many"`},
	"DaybookProjectionStuck": {begins: `daybook_projection_stuck{projection="list"} 0x10 1x50`, not: `daybook_projection_stuck{projection="list"} 0x10 1x1 0x49`,
		of: `projection="list"`},
	"DaybookProjectionOld": {begins: `daybook_projection_age_seconds{projection="list"} 0+60x60`,
		not: "daybook_projection_age_seconds{projection=\"list\", version=\"2\"} 0+60x60\n  daybook_projection_answers{projection=\"list\", version=\"2\"} 0x60", of: `projection="list"`},
	"DaybookProjectionBehind":   {begins: `daybook_projection_lag_positions{projection="list"} 20000+10x60`, of: `projection="list"`},
	"DaybookProjectionSetAside": {begins: `daybook_projection_set_aside_waiting{projection="list"} 0x10 2x50`, of: `projection="list"`},
	"DaybookProjectionPaused":   {begins: `daybook_projection_paused{projection="list"} 1x60`, of: `projection="list"`},
	"DaybookProcessStuck":       {begins: `daybook_process_stuck{process="fulfilment"} 1x60`, of: `process="fulfilment"`},
	"DaybookProcessSetAside":    {begins: `daybook_process_set_aside{process="fulfilment"} 0x10 1x50`, of: `process="fulfilment"`},
	"DaybookDeadlinesLate":      {begins: `daybook_process_deadline_late_seconds{process="fulfilment"} 0+60x60`, not: `daybook_process_deadline_late_seconds{process="fulfilment"} 0x10 70x2 0x48`, of: `process="fulfilment"`},
	"DaybookClockStopped":       {begins: `daybook_process_clock_stopped{process="fulfilment"} 1x60`, of: `process="fulfilment"`},
	"DaybookStepsOld":           {begins: `daybook_process_oldest_step_seconds{process="fulfilment"} 0+60x60`, of: `process="fulfilment"`},
	"DaybookProcessLacking":     {begins: `daybook_process_lacking{process="fulfilment"} 1x60`, of: `process="fulfilment"`},
	"DaybookEffectsFail":        {begins: `daybook_effects_total{process="fulfilment", effect="charge", outcome="failed"} 0+600x60`, of: `effect="charge"`},
	"DaybookPublisherStuck":     {begins: `daybook_publisher_running{publisher="hook"} 1x10 0x50`, of: `publisher="hook"`},
	"DaybookPublisherBehind":    {begins: `daybook_publisher_oldest_seconds{publisher="hook"} 0+60x60`, of: `publisher="hook"`},
	"DaybookPublisherSetAside":  {begins: `daybook_publisher_set_aside{publisher="hook"} 1x60`, of: `publisher="hook"`},
	"DaybookBlind":              {begins: `daybook_status_failures_total{of="projections"} 0+1x60`, of: `of="projections"`},
	"DaybookExpires":            {begins: `daybook_expires_timestamp_seconds{what="certificate"} 864000x60`, of: `what="certificate"`},
}

// firing returns the labels of those alerts of a rule that fire at some minute of the hour:
// whose expression has held since as long as the rule asks for.
func firing(t *testing.T, rule rulefmt.Rule, series string) (fired []string) {
	t.Helper()
	storage := promqltest.LoadedStorage(t, series)
	defer storage.Close()
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, promqltest.DefaultMaxSamplesPerQuery)
	since := make(map[string]int)
	for minute := range 61 {
		query, err := engine.NewInstantQuery(t.Context(), storage, nil, rule.Expr, time.Unix(0, 0).Add(time.Duration(minute)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		vector, err := query.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatalf("%s: %v", rule.Alert, err)
		}
		holds := make(map[string]bool)
		for _, sample := range vector {
			of := labels.NewBuilder(sample.Metric).Del(labels.MetricName).Labels().String()
			holds[of] = true
			if _, held := since[of]; !held {
				since[of] = minute
			}
			if minute-since[of] >= int(time.Duration(rule.For)/time.Minute) && !slices.Contains(fired, of) {
				fired = append(fired, of)
			}
		}
		maps.DeleteFunc(since, func(of string, _ int) bool { return !holds[of] })
		query.Close()
	}
	return fired
}

func TestEachAlertBeginsWithItsTroubleAndWithNoOther(t *testing.T) {
	all := alerts(t)
	for name, rule := range all {
		trouble, has := troubles[name]
		if !has {
			t.Errorf("%s has no trouble to begin with", name)
			continue
		}
		fired := firing(t, rule, instead(trouble.begins))
		if len(fired) == 0 || !strings.Contains(fired[0], trouble.of) {
			t.Errorf("%s does not begin: %v", name, fired)
		}
		if fired := firing(t, rule, instead("")); len(fired) > 0 {
			t.Errorf("%s begins while all is well: %v", name, fired)
		}
		if fired := firing(t, rule, instead(trouble.not)); trouble.not != "" && len(fired) > 0 {
			t.Errorf("%s begins where it should not: %v", name, fired)
		}
	}
	for name := range troubles {
		if _, is := all[name]; !is {
			t.Errorf("there is no alert %s", name)
		}
	}
}
