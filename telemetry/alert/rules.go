package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/daybook-es/daybook/telemetry/internal/outcome"
)

// A rule is something to look for in the metrics.
type rule struct {
	name, severity string
	// metric is the name of what is looked at or, beginning with an underscore, how it ends.
	metric string
	// wrong reports whether a value is one to tell of.
	wrong func(float64) bool
	// beside is a metric with the same labels that must be 1; empty if there is none.
	beside string
	// share, if set, says which series of a counter are bad ones: the value is their share of
	// all in the last minutes.
	share func(labels map[string]string) bool
	// of is the label that says what of; empty for all of the program.
	of string
	// lasts is how long it must be so before anybody is told.
	lasts time.Duration
	// says is what is told, with the name of what it is about and the value filled in.
	says string
}

// How urgent it is: somebody is to come now, or tomorrow will do.
const (
	page   = "page"
	ticket = "ticket"
)

func above(bound float64) func(float64) bool { return func(v float64) bool { return v > bound } }
func below(bound float64) func(float64) bool { return func(v float64) bool { return v < bound } }

func failed(labels map[string]string) bool { return outcome.IsFailure(labels["outcome"]) }

// rules are what is looked for. Names, bounds and times are those of deploy/alerts.
var rules = []rule{
	{name: "DaybookStoreSealed", severity: page, metric: "daybook_store_sealed", wrong: above(0), of: "log",
		says: "The disk of the log %s has failed: nothing is recorded until the program is started again"},
	{name: "DaybookStoreUnhealthy", severity: page, metric: "daybook_store_unhealthy", wrong: above(0), of: "log", lasts: 5 * time.Minute,
		says: "The store of the log %s says that something is wrong with it"},
	{name: "DaybookStoreAway", severity: page, metric: "daybook_store_up", wrong: below(1), of: "log", lasts: time.Minute,
		says: "The store of the log %s does not answer"},
	{name: "DaybookDiskFull", severity: page, metric: diskLeft, wrong: below(0.05), of: "disk", lasts: 2 * time.Minute,
		says: "The disk %s is almost full: %s of it is left, as a share"},
	{name: "DaybookCommandsFail", severity: page, metric: "daybook_commands_total", share: failed, wrong: above(0.01), lasts: 2 * time.Minute,
		says: "More commands fail than one in a hundred: the share is %[2]s"},
	{name: "DaybookRequestsFail", severity: page, metric: "_http_requests_total", wrong: above(0.01), lasts: 5 * time.Minute,
		share: func(labels map[string]string) bool { return strings.HasPrefix(labels["status"], "5") },
		says:  "More requests are answered with an error of the server than one in a hundred: the share is %[2]s"},
	{name: "DaybookProjectionStuck", severity: page, metric: "daybook_projection_stuck", wrong: above(0), of: "projection", lasts: 2 * time.Minute,
		says: "Something keeps the read model %s from going on"},
	{name: "DaybookProjectionOld", severity: page, metric: "daybook_projection_age_seconds", wrong: above(60), beside: "daybook_projection_answers", of: "projection", lasts: 5 * time.Minute,
		says: "Readers of %s do not see what was recorded %s seconds ago"},
	{name: "DaybookProjectionSetAside", severity: ticket, metric: "daybook_projection_set_aside_waiting", wrong: above(0), of: "projection", lasts: time.Minute,
		says: "Events of the read model %s wait for somebody to retry or skip them: %s"},
	{name: "DaybookProcessStuck", severity: page, metric: "daybook_process_stuck", wrong: above(0), of: "process", lasts: 2 * time.Minute,
		says: "Something keeps the process %s from going on"},
	{name: "DaybookProcessSetAside", severity: ticket, metric: "daybook_process_set_aside", wrong: above(0), of: "process", lasts: time.Minute,
		says: "Instances of %s cannot go on by themselves: %s"},
	{name: "DaybookDeadlinesLate", severity: page, metric: "daybook_process_deadline_late_seconds", wrong: above(60), of: "process", lasts: 5 * time.Minute,
		says: "A deadline of %s was due %s seconds ago"},
	{name: "DaybookClockStopped", severity: page, metric: "daybook_process_clock_stopped", wrong: above(0), of: "process", lasts: time.Minute,
		says: "The clock was set: deadlines of %s do not fire until somebody confirms it"},
	{name: "DaybookPublisherStuck", severity: page, metric: "daybook_publisher_stuck", wrong: above(0), of: "publisher", lasts: 5 * time.Minute,
		says: "Something keeps the publisher %s from going on"},
	{name: "DaybookPublisherBehind", severity: ticket, metric: "daybook_publisher_oldest_seconds", wrong: above(300), of: "publisher", lasts: 5 * time.Minute,
		says: "%s holds an event that was recorded %s seconds ago"},
	{name: "DaybookPublisherSetAside", severity: ticket, metric: "daybook_publisher_set_aside", wrong: above(0), of: "publisher", lasts: time.Minute,
		says: "Keys of %s wait for somebody to retry or skip them: %s"},
	{name: "DaybookExpires", severity: ticket, metric: expiresIn, wrong: below(14 * 24 * 3600), of: "what", lasts: 10 * time.Minute,
		says: "%s expires in %s seconds"},
}

// Two values are made of metrics: the part of a disk that is left, and the seconds until
// something expires.
const (
	diskLeft  = "disk left"
	expiresIn = "expires in"
)

// window is the time over which a share is taken.
const window = 5 * time.Minute

// leastFailures is how many must have failed in that time: one of three at night is a share,
// and nothing to wake anybody for.
const leastFailures = 5

// summary fills in what a rule says.
func (r rule) summary(of string, value float64) string {
	text := fmt.Sprintf("%.3g", value)
	switch strings.Count(r.says, "%") {
	case 0:
		return r.says
	case 1:
		if strings.Contains(r.says, "%[2]s") {
			return fmt.Sprintf(r.says, of, text)
		}
		return fmt.Sprintf(r.says, of)
	}
	return fmt.Sprintf(r.says, of, text)
}
