package check

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A dashboard is what Grafana calls one, as far as this tree has any use for it: a field that
// is not here is a mistake, or is to be added.
type dashboard struct {
	Title         string             `json:"title"`
	UID           string             `json:"uid"`
	Description   string             `json:"description"`
	Tags          []string           `json:"tags"`
	SchemaVersion int                `json:"schemaVersion"`
	Version       int                `json:"version"`
	Editable      bool               `json:"editable"`
	GraphTooltip  int                `json:"graphTooltip"`
	Refresh       string             `json:"refresh"`
	Time          map[string]string  `json:"time"`
	Timezone      string             `json:"timezone"`
	Annotations   struct{ List any } `json:"annotations"`
	Links         []any              `json:"links"`
	Templating    struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"`
	Datasource *datasource `json:"datasource"`
	Query      any         `json:"query"`
	Definition string      `json:"definition"`
	Refresh    int         `json:"refresh"`
	Sort       int         `json:"sort"`
	Multi      bool        `json:"multi"`
	IncludeAll bool        `json:"includeAll"`
	AllValue   string      `json:"allValue"`
	Current    any         `json:"current"`
	Hide       int         `json:"hide"`
	Options    []any       `json:"options"`
	Regex      string      `json:"regex"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Collapsed   bool        `json:"collapsed"`
	Panels      []panel     `json:"panels"`
	Datasource  *datasource `json:"datasource"`
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit       string         `json:"unit"`
			Min        *float64       `json:"min"`
			Custom     map[string]any `json:"custom"`
			Thresholds *struct {
				Mode  string `json:"mode"`
				Steps []struct {
					Color string   `json:"color"`
					Value *float64 `json:"value"`
				} `json:"steps"`
			} `json:"thresholds"`
		} `json:"defaults"`
		Overrides []any `json:"overrides"`
	} `json:"fieldConfig"`
	Options map[string]any `json:"options"`
	Targets []struct {
		RefID        string      `json:"refId"`
		Datasource   *datasource `json:"datasource"`
		Expr         string      `json:"expr"`
		LegendFormat string      `json:"legendFormat"`
		Range        bool        `json:"range"`
		Instant      bool        `json:"instant"`
	} `json:"targets"`
}

// units are those of Grafana that this tree uses.
var units = []string{"none", "ops", "reqps", "s", "percentunit", "bytes", "Bps"}

// filled returns a query as Grafana sends it, with every variable filled in.
func filled(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*").Replace(expr)
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(read(t, found(t, "grafana/daybook.json")[0]))))
	decoder.DisallowUnknownFields()
	var d dashboard
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheDashboardAsksForWhatProgramsTell(t *testing.T) {
	all := scrape(t)
	asked := make(map[string]bool)
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			expr := filled(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: there is no variable for %s", p.Title, expr)
			}
			e := parsed(t, p.Title, expr)
			for _, wrong := range all.missing(t, e) {
				t.Errorf("%s: %s", p.Title, wrong)
			}
			for name := range all {
				if strings.Contains(expr, name) {
					asked[name] = true
				}
			}
			// What a line is called by must be what it is told apart by.
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if _, legend, grouped := strings.Cut(expr, "by ("); grouped && !strings.Contains(legend, label[1]) {
					t.Errorf("%s: lines are called by %s, which %s does not keep", p.Title, label[1], expr)
				}
			}
		}
	}
	if len(asked) < 25 {
		t.Errorf("the dashboard shows only %d of the metrics", len(asked))
	}
	for _, v := range readDashboard(t).Templating.List {
		if v.Type != "query" {
			continue
		}
		m := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(v.Definition)
		if m == nil || m[2] != v.Name {
			t.Errorf("the variable %s asks %s", v.Name, v.Definition)
			continue
		}
		for _, wrong := range all.missing(t, parsed(t, v.Name, filled(m[1]))) {
			t.Errorf("the variable %s: %s", v.Name, wrong)
		}
	}
}

func TestTheDashboardIsOneThatGrafanaCanShow(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 {
		t.Errorf("%q %q is of schema %d", d.UID, d.Title, d.SchemaVersion)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if !slices.Equal(names, []string{"datasource", "job", "instance"}) {
		t.Errorf("the variables are %q", names)
	}
	ids := make(map[int]bool)
	covered := make(map[[2]int]string)
	for _, p := range d.Panels {
		if p.ID == 0 || ids[p.ID] || p.Title == "" {
			t.Errorf("the panel %d, %q, is there twice, or has no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		at := p.GridPos
		if at.X < 0 || at.W < 1 || at.H < 1 || at.X+at.W > 24 {
			t.Errorf("%s is at %+v", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := covered[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				covered[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Type != "timeseries" && p.Type != "stat" || len(p.Targets) == 0 || len(p.Targets) > 26 {
			t.Errorf("%s is a %s with %d queries", p.Title, p.Type, len(p.Targets))
		}
		if !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
			t.Errorf("%s has the unit %q", p.Title, p.FieldConfig.Defaults.Unit)
		}
		var refs []string
		for _, target := range p.Targets {
			if slices.Contains(refs, target.RefID) {
				t.Errorf("%s has the query %s twice", p.Title, target.RefID)
			}
			refs = append(refs, target.RefID)
			if of := target.Datasource; of == nil || of.Type != "prometheus" || of.UID != "${datasource}" {
				t.Errorf("%s asks %v", p.Title, of)
			}
			if !strings.Contains(target.Expr, `job=~"$job", instance=~"$instance"`) {
				t.Errorf("%s is not of the programs that were chosen: %s", p.Title, target.Expr)
			}
		}
	}
}
