package plot

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func figure(v int64) string { return fmt.Sprint(v) }

// isMarkup checks that a plot is whole: what is opened is closed, and no attribute stands
// there twice.
func isMarkup(t *testing.T, svg string) {
	t.Helper()
	for tokens := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := tokens.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, svg)
		}
		seen := map[string]bool{}
		if element, is := token.(xml.StartElement); is {
			for _, a := range element.Attr {
				if seen[a.Name.Local] || strings.Contains(a.Value, "%!") || strings.Contains(a.Value, "NaN") {
					t.Errorf("%s has the attribute %s=%q", element.Name.Local, a.Name.Local, a.Value)
				}
				seen[a.Name.Local] = true
			}
		}
	}
}

// says checks that a plot has some words in it.
func says(t *testing.T, svg string, words ...string) {
	t.Helper()
	isMarkup(t, svg)
	for _, want := range words {
		if !strings.Contains(svg, want) {
			t.Errorf("the plot does not have %s:\n%s", want, svg)
		}
	}
}

func TestColumnsSayWhatTheyShow(t *testing.T) {
	c := Chart{
		ID: "c", Title: "Orders <b>", Format: figure, Tick: figure,
		Columns: []Column{{Name: "January", Label: "J", Value: 0}, {Name: "February", Label: "F", Value: 1200, Link: "/x?a=1&b=2", Current: true}},
	}
	says(t, string(c.SVG()), "Orders &lt;b&gt;", "January: 0", "February: 1200", `href="/x?a=1&amp;b=2"`, `aria-current="true"`,
		`y="14.0" dy="4">1500</text>`, `y="50.0" height="144.0"`)
}

func TestAnAxisHasFewTicks(t *testing.T) {
	for greatest, want := range map[int64]int64{0: 1, 1: 1, 4: 1, 5: 1, 6: 2, 10: 2, 11: 5, 25: 5, 26: 10, 50: 10, 51: 20, 99: 20, 612: 200, 10624000: 5000000} {
		step := tickStep(greatest)
		if step != want {
			t.Errorf("up to %d the ticks are %d apart, want %d", greatest, step, want)
		}
		if ticks := (greatest + step - 1) / step; ticks > 6 {
			t.Errorf("up to %d there are %d ticks", greatest, ticks)
		}
	}
	for _, c := range []struct{ columns, most, want int }{{0, 12, 1}, {12, 12, 1}, {13, 12, 2}, {31, 26, 2}, {31, 12, 4}} {
		if got := labelEvery(c.columns, c.most); got != c.want {
			t.Errorf("of %d columns every %d has its label where %d fit, want every %d", c.columns, got, c.most, c.want)
		}
	}
}

var january = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// steps returns a plot of some values, a day each.
func steps(values ...int64) Steps {
	s := Steps{ID: "p", Title: "Price", Format: figure, Tick: figure, End: january.AddDate(0, 0, len(values))}
	for i, v := range values {
		s.Steps = append(s.Steps, Step{From: january.AddDate(0, 0, i), Value: v, Name: fmt.Sprint("day ", i), Link: fmt.Sprint("/p?a&v=", i), Current: i == 1, Later: i > 1})
	}
	return s
}

func TestStepsSayWhatTheyShow(t *testing.T) {
	says(t, string(steps(100, 250, 200).SVG()),
		`aria-label="250, day 1" aria-current="true"`, `href="/p?a&amp;v=1"`, `class="wash current" x="33.333%" width="33.333%" y="14.0"`,
		`<line class="rise later" x1="66.667%" x2="66.667%" y1="14.0" y2="50.0"/>`, `>2 Jan</text>`, `>2026</text>`, `>250</text>`)
	// A price that hardly changes is not a line at the top of an axis from zero.
	if bottom, top, step := steps(1000, 1020).scale(); bottom != 995 || top != 1020 || step != 5 {
		t.Errorf("from 1000 to 1020 the axis is from %d to %d by %d", bottom, top, step)
	}
	// What never changed, costs nothing, was only just begun, or changed often can be drawn.
	for _, s := range []Steps{steps(100), steps(0), steps(0, 0), steps(-5, 5), steps(1, 1<<40), steps(make([]int64, 500)...), {ID: "p", Format: figure, Tick: figure, Steps: []Step{{From: january, Value: 1}}, End: january}} {
		svg := string(s.SVG())
		isMarkup(t, svg)
		if links := strings.Count(svg, "<a "); links > singly {
			t.Errorf("a plot of %d steps has %d links: nobody wants to go through them with a keyboard", len(s.Steps), links)
		}
	}
}

func TestTimesAreWrittenAsSuitsTheirSpan(t *testing.T) {
	for span, want := range map[time.Duration]string{
		3 * time.Second: "00:00:00 00:00:01 00:00:02 00:00:03", 20 * time.Minute: "00:00 00:05 00:10 00:15 00:20",
		5 * time.Hour: "00:00 01:00 02:00 03:00 04:00 05:00", 3 * 24 * time.Hour: "1 Jan 2 Jan 3 Jan 4 Jan",
		20 * 24 * time.Hour:  "1 Jan 5 Jan 9 Jan 13 Jan 17 Jan 21 Jan",
		100 * 24 * time.Hour: "Jan 2026 Feb 2026 Mar 2026 Apr 2026", 1000 * 24 * time.Hour: "Jan 2026 Jul 2026 Jan 2027 Jul 2027 Jan 2028 Jul 2028",
		10000 * 24 * time.Hour: "2030 2035 2040 2045 2050", 250 * 365 * 24 * time.Hour: "2050 2100 2150 2200 2250",
	} {
		ticks, layout, _ := timeTicks(january, span)
		var got []string
		for _, tick := range ticks {
			got = append(got, tick.Format(layout))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("a span of %v has the ticks %q, want %s", span, got, want)
		}
	}
}
