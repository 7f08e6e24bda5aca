package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/publish/webhook"
)

// A bench is a watch over metrics that the test sets, with a clock that it passes.
type bench struct {
	*testing.T
	file    string
	values  map[string]*prometheus.GaugeVec
	metrics *prometheus.Registry
	now     time.Time
	watch   *Watch
	log     *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, file: filepath.Join(t.TempDir(), "state", "alerts"), values: make(map[string]*prometheus.GaugeVec), log: new(lockedBuffer)}
	b.metrics = prometheus.NewRegistry()
	b.now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	b.open(nil)
	return b
}

// open makes a watch, as a program that is started does.
func (b *bench) open(sink publish.Sink) {
	b.Helper()
	var err error
	b.watch, err = New(b.metrics, sink, b.file, &Options{Program: "orders", Logger: slog.New(slog.NewTextHandler(b.log, nil))})
	if err != nil {
		b.Fatal(err)
	}
}

// set sets a metric; labels are names and values by turns.
func (b *bench) set(name string, value float64, labels ...string) {
	b.Helper()
	of := prometheus.Labels{}
	var names []string
	for n := 0; n < len(labels); n += 2 {
		of[labels[n]] = labels[n+1]
		names = append(names, labels[n])
	}
	if b.values[name] == nil {
		b.values[name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: "set by a test"}, names)
		b.metrics.MustRegister(b.values[name])
	}
	b.values[name].With(of).Set(value)
}

// pass lets time pass, in which the watch looks as often as it does.
func (b *bench) pass(d time.Duration) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(15 * time.Second)
		b.watch.step(context.Background(), b.now)
	}
}

// letters returns what is to be told, and takes it.
func (b *bench) letters() (told []string) {
	for _, l := range b.watch.state.Letters {
		told = append(told, strings.TrimSuffix(l.Told.State+" "+l.Told.Alert+" "+l.Told.Of, " "))
	}
	b.watch.state.Letters = nil
	return told
}

func (b *bench) told(want ...string) {
	b.Helper()
	if diff := cmp.Diff(want, b.letters()); diff != "" {
		b.Errorf("told was something else (-want +got):\n%s", diff)
	}
}

func TestATroubleIsToldOnceWhenItBeginsAndOnceWhenItHasEnded(t *testing.T) {
	b := newBench(t)
	b.set("daybook_projection_stuck", 0, "projection", "list")
	b.set("daybook_store_sealed", 0, "log", "shop")
	b.pass(time.Hour)
	b.told()
	b.set("daybook_projection_stuck", 1, "projection", "list")
	b.set("daybook_store_sealed", 1, "log", "shop")
	b.pass(time.Minute)
	b.told("began DaybookStoreSealed shop") // the other must last for two minutes
	b.pass(2 * time.Minute)
	b.told("began DaybookProjectionStuck list")
	b.pass(24 * time.Hour)
	b.told()
	b.set("daybook_projection_stuck", 0, "projection", "list")
	b.pass(4 * time.Minute)
	b.told()
	b.pass(2 * time.Minute)
	b.told("ended DaybookProjectionStuck list")
	b.pass(24 * time.Hour)
	b.told()
}

func TestWhatDoesNotLastIsNotTold(t *testing.T) {
	b := newBench(t)
	for range 100 {
		b.set("daybook_projection_stuck", 1, "projection", "list")
		b.pass(90 * time.Second)
		b.set("daybook_projection_stuck", 0, "projection", "list")
		b.pass(15 * time.Second)
	}
	b.told()
	if n := len(b.watch.state.Standings); n > 1 {
		t.Errorf("%d of them are remembered", n)
	}
}

func TestAValueThatComesAndGoesIsOneTrouble(t *testing.T) {
	b := newBench(t)
	for minute := range 600 { // ten hours, wrong for one minute of seven
		b.set("daybook_store_sealed", float64(min(1, minute%7/6)), "log", "shop")
		b.pass(time.Minute)
	}
	// Six minutes of quiet end it the first time, and not once it has come back.
	if told := b.letters(); len(told) > 4 || len(told) == 0 || told[0] != "began DaybookStoreSealed shop" {
		t.Errorf("told was %q", told)
	}
	b.set("daybook_store_sealed", 0, "log", "shop")
	b.pass(2 * time.Hour)
	b.told("ended DaybookStoreSealed shop")
	if n := len(b.watch.state.Standings); n != 0 {
		t.Errorf("%d things are remembered for ever", n)
	}
}

func TestWhatWasToldIsNotToldAgainAfterAStart(t *testing.T) {
	b := newBench(t)
	b.set("daybook_store_sealed", 1, "log", "shop")
	b.pass(time.Minute)
	began := b.watch.state.Letters[0]
	b.told("began DaybookStoreSealed shop")
	if err := b.watch.state.save(b.file); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		b.open(nil)
		b.pass(time.Minute)
	}
	b.told()
	// The program is started again, and tells of no such log for a while.
	b.values["daybook_store_sealed"].Reset()
	b.open(nil)
	b.pass(10 * time.Minute)
	b.told()
	b.set("daybook_store_sealed", 0, "log", "shop")
	b.pass(15 * time.Minute)
	ended := b.watch.state.Letters[0]
	b.told("ended DaybookStoreSealed shop")
	if ended.Told.ID != began.Told.ID || ended.ID == began.ID || !ended.Told.Since.Equal(began.Told.Since) {
		t.Errorf("what ended is %+v, what began %+v", ended, began)
	}
}

func TestWhatIsNotThereAnyMoreHasEnded(t *testing.T) {
	b := newBench(t)
	b.set("daybook_projection_set_aside_waiting", 3, "projection", "old")
	b.pass(2 * time.Minute)
	b.told("began DaybookProjectionSetAside old")
	b.values["daybook_projection_set_aside_waiting"].Reset()
	b.pass(2 * time.Hour)
	b.told("ended DaybookProjectionSetAside old")
}

func TestOnlyAReadModelThatAnswersIsTooOld(t *testing.T) {
	b := newBench(t)
	for _, version := range []string{"1", "2"} {
		b.set("daybook_projection_age_seconds", 100, "projection", "list", "version", version)
	}
	b.set("daybook_projection_answers", 1, "projection", "list", "version", "1")
	b.set("daybook_projection_answers", 0, "projection", "list", "version", "2")
	b.pass(10 * time.Minute)
	b.told("began DaybookProjectionOld list")
}

func TestFailuresAreToldByTheirShare(t *testing.T) {
	b := newBench(t)
	good, bad := 0.0, 0.0
	run := func(d time.Duration, goods, bads float64) { // in a minute
		for range int(d / time.Minute) {
			good, bad = good+goods, bad+bads
			b.set("daybook_commands_total", good, "command", "Place", "outcome", "recorded")
			b.set("daybook_commands_total", good, "command", "Place", "outcome", "refused")
			b.set("daybook_commands_total", bad, "command", "Place", "outcome", "unknown")
			b.pass(time.Minute)
		}
	}
	run(time.Hour, 1000, 5)
	b.told() // a quarter of a percent
	run(20*time.Minute, 1, 0.2)
	b.told() // of few commands one in ten, and that is one
	run(10*time.Minute, 100, 10)
	b.told("began DaybookCommandsFail")
	run(20*time.Minute, 100, 0)
	b.told("ended DaybookCommandsFail")
}

func TestADiskAndACertificateAreMadeOfTwoValues(t *testing.T) {
	b := newBench(t)
	b.set("daybook_disk_size_bytes", 1000, "disk", "data")
	b.set("daybook_disk_free_bytes", 40, "disk", "data")
	b.set("daybook_disk_size_bytes", 1000, "disk", "views")
	b.set("daybook_disk_free_bytes", 400, "disk", "views")
	b.set("daybook_expires_timestamp_seconds", float64(b.now.Add(13*24*time.Hour).Unix()), "what", "certificate")
	b.pass(15 * time.Minute)
	for _, l := range b.watch.state.Letters {
		if strings.Contains(l.Told.Summary, "%!") || l.Told.Program != "orders" || l.Told.Severity == "" {
			t.Errorf("told is %+v", l.Told)
		}
	}
	b.told("began DaybookDiskFull data", "began DaybookExpires certificate")
}

func TestEverySummaryIsASentence(t *testing.T) {
	for _, r := range rules {
		got := r.summary("THING", 0.125)
		if strings.Contains(got, "%!") || r.of != "" && !strings.Contains(got, "THING") || strings.Contains(got, "%s") {
			t.Errorf("%s says %q", r.name, got)
		}
	}
}

// A receiver takes what it is sent, or not.
type receiver struct {
	mu   sync.Mutex
	got  []publish.Message
	fail error
	came chan struct{}
}

func (r *receiver) Send(_ context.Context, m publish.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.came <- struct{}{}:
	default:
	}
	if r.fail != nil {
		return r.fail
	}
	r.got = append(r.got, m)
	return nil
}

func (r *receiver) answers(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// run runs the watch until it has told everything, or do returns.
func (b *bench) run(do func()) {
	ctx, stop := context.WithCancel(b.Context())
	ran := make(chan struct{})
	go func() { b.watch.tell(ctx); close(ran) }()
	do()
	stop()
	<-ran
}

func (b *bench) waitFor(what string, is func() bool) {
	b.Helper()
	for began := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			b.Fatalf("waited in vain for %s:\n%s", what, b.log)
		}
	}
}

func (b *bench) empty() bool {
	b.watch.mu.Lock()
	defer b.watch.mu.Unlock()
	return len(b.watch.state.Letters) == 0
}

func TestWhatIsNotTakenIsToldByTheNextStart(t *testing.T) {
	b := newBench(t)
	r := &receiver{came: make(chan struct{}, 1), fail: publish.Unavailable(errors.New("nobody is there"))}
	b.open(r)
	b.set("daybook_store_sealed", 1, "log", "shop")
	b.pass(time.Minute)
	b.set("daybook_store_sealed", 0, "log", "shop")
	b.pass(time.Hour)
	b.run(func() { <-r.came })
	b.waitFor("a line in the log", func() bool { return strings.Contains(b.log.String(), "an alert cannot be told") })

	b.open(r)
	r.answers(nil)
	b.run(func() { b.waitFor("the letters", b.empty) })
	if len(r.got) != 2 || r.got[0].ID == r.got[1].ID || r.got[0].Recorded.Position >= r.got[1].Recorded.Position {
		t.Fatalf("told was %+v", r.got)
	}
	for n, state := range []string{Began, Ended} {
		var told Told
		if err := json.Unmarshal(r.got[n].Recorded.Data, &told); err != nil || told.State != state || told.Alert != "DaybookStoreSealed" || told.Of != "shop" {
			t.Errorf("letter %d is %+v, %v", n, told, err)
		}
	}
	b.open(r)
	if !b.empty() {
		t.Error("what was told is told again after the next start")
	}
}

func TestWhatIsRefusedIsLoggedAndTheNextIsTold(t *testing.T) {
	b := newBench(t)
	r := &receiver{came: make(chan struct{}, 1), fail: publish.Refused(errors.New("no such room"))}
	b.open(r)
	b.set("daybook_store_sealed", 1, "log", "shop")
	b.pass(time.Minute)
	b.run(func() { b.waitFor("the letter to be given up", b.empty) })
	if !strings.Contains(b.log.String(), "an alert was refused by its receiver") {
		t.Errorf("logged was\n%s", b.log)
	}
	r.answers(nil)
	b.set("daybook_store_sealed", 1, "log", "other")
	b.pass(time.Minute)
	b.run(func() { b.waitFor("the next letter", b.empty) })
	if len(r.got) != 1 {
		t.Errorf("told was %+v", r.got)
	}
}

func TestAFileThatIsDamagedIsToldOfAndReplaced(t *testing.T) {
	b := newBench(t)
	if err := os.WriteFile(b.file, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open(nil)
	if !strings.Contains(b.log.String(), "is not what was written") {
		t.Errorf("logged was\n%s", b.log)
	}
	if _, err := readState(b.file); err != nil {
		t.Errorf("it was not replaced: %v", err)
	}
	if _, err := New(b.metrics, nil, filepath.Join(b.file, "no directory"), nil); err == nil {
		t.Error("a file that cannot be is taken")
	}
}

func TestLettersAreBounded(t *testing.T) {
	b := newBench(t)
	for n := range mostLetters + 100 {
		b.set("daybook_store_sealed", 1, "log", fmt.Sprint(n))
	}
	b.pass(time.Minute)
	if n := len(b.watch.state.Letters); n != mostLetters {
		t.Errorf("%d letters are kept", n)
	}
}

func TestAWebhookIsSentWhatIsSigned(t *testing.T) {
	secret := webhook.NewSecret()
	bodies := make(chan []byte, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = webhook.Verify(r.Header, body, time.Now(), secret)
		}
		if err != nil {
			t.Error(err)
		}
		bodies <- body
	}))
	defer server.Close()
	sink, err := webhook.New(server.URL, []webhook.Secret{secret}, &webhook.Options{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	b := newBench(t)
	b.set("daybook_store_sealed", 1, "log", "shop")
	b.open(sink)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { b.watch.Run(ctx); close(ran) }()
	var sent struct {
		Type string
		Data Told
	}
	body := <-bodies
	if err := json.Unmarshal(body, &sent); err != nil || sent.Type != MessageType || sent.Data.Alert != "DaybookStoreSealed" || sent.Data.Severity != "page" || sent.Data.Since.IsZero() {
		t.Errorf("%s: %v", body, err)
	}
	b.waitFor("it to be remembered", b.empty)
	stop()
	<-ran
}

func TestRulesAreThoseOfPrometheus(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "deploy", "alerts", "daybook.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert  string
				For    string
				Labels map[string]string
				Expr   string
				Notes  map[string]string `yaml:"annotations"`
			}
		}
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		found := false
		for _, g := range file.Groups {
			for _, alert := range g.Rules {
				if alert.Alert != r.name {
					continue
				}
				found = true
				lasts := time.Duration(0)
				if alert.For != "" {
					if lasts, err = time.ParseDuration(alert.For); err != nil {
						t.Fatal(err)
					}
				}
				if lasts != r.lasts || alert.Labels["severity"] != r.severity || alert.Notes["runbook_url"] != runbook(r.name) {
					t.Errorf("%s lasts %v and is a %s; for Prometheus %v and %s", r.name, r.lasts, r.severity, lasts, alert.Labels["severity"])
				}
				if metric := strings.TrimPrefix(r.metric, "_"); r.metric != diskLeft && r.metric != expiresIn && !strings.Contains(alert.Expr, metric) {
					t.Errorf("%s looks at %s, and for Prometheus at %s", r.name, metric, alert.Expr)
				}
			}
		}
		if !found {
			t.Errorf("Prometheus has no alert %s", r.name)
		}
	}
}
