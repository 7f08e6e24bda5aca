package prommetrics_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

var described = regexp.MustCompile(`fqName: "([^"]+)", help: "([^"]+)", .*variableLabels: \{([^}]*)\}`)

func TestTheGuideListsEveryMetric(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", "seeing.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan *prometheus.Desc, 1000)
	prommetrics.New().Describe(out)
	close(out)
	var want []string
	for d := range out {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("no metric: %s", d)
		}
		labels := strings.ReplaceAll("`"+m[3]+"`", ",", "`, `")
		row := fmt.Sprintf("| `%s` | %s | %s |", m[1], labels, m[2])
		want = append(want, row)
		if !strings.Contains(string(guide), row+"\n") {
			t.Errorf("the guide does not have\n%s", row)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `daybook_.*\\|$").FindAllString(string(guide), -1) {
		if !slices.Contains(want, row) {
			t.Errorf("the guide has, and nobody tells\n%s", row)
		}
	}
}
