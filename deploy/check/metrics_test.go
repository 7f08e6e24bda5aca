package check

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// parsed returns an expression of PromQL.
func parsed(t *testing.T, where, expr string) parser.Expr {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v\n%s", where, err, expr)
	}
	return e
}

// A metric is what a program tells under one name, with the labels that it has.
type metric struct {
	name   string
	labels []string
}

// told is what programs tell, by name.
type told map[string]metric

// series is a line of one, as Prometheus reads it.
var series = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$`)

// add takes note of what a program tells.
func (all told) add(t *testing.T, exposed string) {
	t.Helper()
	for line := range strings.Lines(exposed) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := series.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no line of a metric: %s", line)
		}
		of := metric{name: m[1], labels: all[m[1]].labels}
		for _, l := range regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(of.labels, l[1]) {
				of.labels = append(of.labels, l[1])
			}
		}
		all[m[1]] = of
	}
}

// Prometheus itself adds these labels, and tells of each program whether it answers.
var (
	addedLabels  = []string{"job", "instance"}
	addedMetrics = metric{"up", nil}
)

// untold are the metrics that no program of this tree tells as it is started here, with the
// reason. The guide lists them, and a test beside them holds the guide to the code.
var untold = map[string]string{
	"daybook_publisher_":                "no program of this tree publishes",
	"daybook_expires_timestamp_seconds": "only a server with a certificate, or with a key that ends, has one",
}

// missing returns what is wrong with the selectors of an expression: names and labels that no
// program tells. An expression may also name the labels that it groups by.
func (all told) missing(t *testing.T, e parser.Expr) (wrong []string) {
	t.Helper()
	guide := read(t, filepath.Join(root, "docs/guides/seeing.md"))
	has := func(m metric, label string) bool {
		return slices.Contains(addedLabels, label) || slices.Contains(m.labels, label)
	}
	var selected []metric
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		selector, is := node.(*parser.VectorSelector)
		if !is {
			return nil
		}
		var matched []metric
		var named *labels.Matcher
		for _, m := range selector.LabelMatchers {
			if m.Name == labels.MetricName {
				named = m
			}
		}
		if named == nil {
			wrong = append(wrong, selector.String()+" names no metric")
			return nil
		}
		for name, m := range all {
			if named.Matches(name) {
				matched = append(matched, m)
			}
		}
		if named.Matches(addedMetrics.name) {
			matched = append(matched, addedMetrics)
		}
		for prefix := range untold {
			if !strings.HasPrefix(named.Value, prefix) {
				continue
			}
			row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(named.Value) + "` \\|([^|]*)\\|").FindStringSubmatch(guide)
			if row == nil {
				continue
			}
			of := metric{name: named.Value}
			for _, label := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
				of.labels = append(of.labels, label[1])
			}
			matched = append(matched, of)
		}
		if len(matched) == 0 {
			wrong = append(wrong, selector.String()+": there is no such metric")
		}
		for _, m := range selector.LabelMatchers {
			if m.Name != labels.MetricName && !slices.ContainsFunc(matched, func(of metric) bool { return has(of, m.Name) }) {
				wrong = append(wrong, fmt.Sprintf("%s: it has no label %s", selector, m.Name))
			}
		}
		selected = append(selected, matched...)
		return nil
	})
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		if grouped, is := node.(*parser.AggregateExpr); is {
			for _, label := range grouped.Grouping {
				if !slices.ContainsFunc(selected, func(m metric) bool { return has(m, label) }) {
					wrong = append(wrong, fmt.Sprintf("%s: there is no label %s", node, label))
				}
			}
		}
		return nil
	})
	return wrong
}

// A server is a program that runs.
type server struct {
	t   *testing.T
	url string
}

var begun = regexp.MustCompile(`^http://\S+$`)

// serve starts a program and waits for the address that it prints.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, filepath.Join(built, args[0]), args[1:]...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 20 * time.Second
	command.Dir = t.TempDir()
	var wrong strings.Builder
	command.Stderr = &wrong
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() { stop(); _ = command.Wait() })
	t.Cleanup(end)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if begun.MatchString(lines.Text()) {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return &server{t, lines.Text()}
		}
	}
	end()
	t.Fatalf("%s printed no address: %s", strings.Join(args, " "), wrong.String())
	return nil
}

// ask asks for an address and returns the answer. A body is sent as a command.
func (s *server) ask(path, body string) string {
	s.t.Helper()
	var answer *http.Response
	var err error
	if body == "" {
		answer, err = http.Get(s.url + path)
	} else {
		answer, err = http.Post(s.url+path, "application/json", strings.NewReader(body))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(said)
}

// scraped is what real programs tell, once they were asked.
var scraped told

// scrape returns what real programs tell after something of everything has happened.
func scrape(t *testing.T) told {
	t.Helper()
	if scraped != nil {
		return scraped
	}
	all := told{}
	shop := serve(t, "orders", "serve", "--addr=127.0.0.1:0", "--data=data")
	shop.ask("/stock", `{"sku": "lamp", "quantity": 10}`)
	id := regexp.MustCompile(`"id": "([^"]+)"`).FindStringSubmatch(shop.ask("/orders", `{"total": 100}`))
	if id == nil {
		t.Fatal("the shop takes no order")
	}
	shop.ask("/orders/"+id[1]+"/ship", `{"carrier": "x", "tracking": "y"}`) // refused: it is not paid
	shop.ask("/orders", `{"fulfil": true, "method": "card_on_file", "lines": [{"product": "lamp", "quantity": 2, "unit_price": 3000}]}`)
	shop.ask("/orders", "")
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		exposed := shop.ask("/metrics", "")
		if strings.Contains(exposed, "daybook_effects_total") && strings.Contains(exposed, "daybook_refusals_total") {
			all.add(t, exposed)
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("the shop calls nobody, or refuses nothing:\n%s", exposed)
		}
	}
	all.add(t, serve(t, "library", "demo", "--addr=127.0.0.1:0", "--data=data").ask("/metrics", ""))
	scraped = all
	return all
}
