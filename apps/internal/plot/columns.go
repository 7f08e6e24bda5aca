package plot

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// A Chart is a plot of one number per period. It is laid out in percent of
// its width and in pixels of its height, so that it fills any page and its words
// keep their size. It says everything that it shows in words, too: each column
// carries its title, and the page sets the same figures below it as a table.
type Chart struct {
	// ID is unique on the page.
	ID string
	// Title says what is shown.
	Title string
	// Columns are shown from left to right.
	Columns []Column
	// Format writes a value of a column; Tick writes one on the axis, shorter.
	Format, Tick func(int64) string
}

// A Column is one period of a [Chart].
type Column struct {
	// Name identifies the period; Label is its short form below the column, empty
	// for none, and Mark is set in a second line where a larger period begins.
	Name, Label, Mark string
	Value             int64
	// Link leads to the period's own page, if it has one; Current marks the one that
	// the reader is on.
	Link    string
	Current bool
}

// Figure returns the column's value as a format writes it.
func (c Column) Figure(format func(int64) string) string { return format(c.Value) }

// The heights of a chart, in pixels.
const (
	plotHeight  = 180
	plotTop     = 14 // room for the topmost tick's label
	plotBottom  = 40 // room for two lines of labels
	chartHeight = plotTop + plotHeight + plotBottom
)

// Empty reports whether there is nothing to draw.
func (c Chart) Empty() bool { return len(c.Columns) == 0 }

// SVG draws the chart.
func (c Chart) SVG() template.HTML {
	var greatest int64
	for _, col := range c.Columns {
		greatest = max(greatest, col.Value)
	}
	step := tickStep(greatest)
	top := step * max(1, (greatest+step-1)/step)
	height := func(value int64) float64 { return plotHeight * float64(max(value, 0)) / float64(top) }

	var b strings.Builder
	fmt.Fprintf(&b, `<div class="plot"><svg class="axis" height="%d" aria-hidden="true">`, chartHeight)
	for tick := int64(0); tick <= top; tick += step {
		fmt.Fprintf(&b, `<text x="100%%" dx="-8" y="%.1f" dy="4">%s</text>`, plotTop+plotHeight-height(tick), esc(c.Tick(tick)))
	}
	fmt.Fprintf(&b, `</svg><svg class="columns" height="%d" role="group" aria-labelledby="%s-title">`, chartHeight, c.ID)
	fmt.Fprintf(&b, `<title id="%s-title">%s</title>`, c.ID, esc(c.Title))
	for tick := step; tick <= top; tick += step {
		y := plotTop + plotHeight - height(tick)
		fmt.Fprintf(&b, `<line class="grid" x1="0" x2="100%%" y1="%.1f" y2="%.1f"/>`, y, y)
	}
	width := 100 / float64(len(c.Columns))
	wide, narrow := labelEvery(len(c.Columns), 26), labelEvery(len(c.Columns), 12)
	for i, col := range c.Columns {
		left, bar := float64(i)*width, height(col.Value)
		words := fmt.Sprintf("%s: %s", col.Name, c.Format(col.Value))
		if col.Link != "" {
			current := ""
			if col.Current {
				current = ` aria-current="true"`
			}
			fmt.Fprintf(&b, `<a href="%s" aria-label="%s"%s>`, esc(col.Link), esc(words), current)
		} else {
			fmt.Fprintf(&b, `<g role="img" aria-label="%s">`, esc(words))
		}
		fmt.Fprintf(&b, `<title>%s</title>`, esc(words))
		// The whole strip can be pointed at, also above a short column.
		fmt.Fprintf(&b, `<rect class="strip" x="%.3f%%" width="%.3f%%" y="%d" height="%d"/>`, left, width, plotTop, plotHeight)
		fmt.Fprintf(&b, `<rect class="bar" x="%.3f%%" width="%.3f%%" y="%.1f" height="%.1f"/>`,
			left+width*0.14, width*0.72, plotTop+plotHeight-bar, bar)
		if col.Link != "" {
			b.WriteString(`</a>`)
		} else {
			b.WriteString(`</g>`)
		}
		if col.Label != "" {
			class := "label"
			switch {
			case i%wide != 0:
				class = "label dense" // left out everywhere
			case i%narrow != 0:
				class = "label spare" // left out where the page is narrow
			}
			fmt.Fprintf(&b, `<text class="%s" x="%.3f%%" y="%d">%s</text>`, class, left+width/2, plotTop+plotHeight+16, esc(col.Label))
		}
		if col.Mark != "" {
			class, at := "mark", left
			if left > 85 {
				class, at = "mark end", left+width // or it would run out of the page
			}
			fmt.Fprintf(&b, `<text class="%s" x="%.3f%%" y="%d">%s</text>`, class, at, plotTop+plotHeight+33, esc(col.Mark))
		}
	}
	fmt.Fprintf(&b, `<line class="base" x1="0" x2="100%%" y1="%d" y2="%d"/></svg></div>`, plotTop+plotHeight, plotTop+plotHeight)
	return template.HTML(b.String()) // #nosec G203 -- every text in it went through esc
}

// tickStep returns a round distance between the ticks of an axis that ends at or
// above the greatest value: 1, 2 or 5 times a power of ten, for three to six ticks.
func tickStep(greatest int64) int64 {
	if greatest <= 4 {
		return 1
	}
	power := int64(math.Pow10(int(math.Log10(float64(greatest) / 4))))
	for _, factor := range []int64{1, 2, 5, 10} {
		if greatest <= 5*factor*power {
			return factor * power
		}
	}
	return 20 * power
}

// labelEvery returns which columns keep their label so that at most so many do: every
// first, second, fourth and so on, so that those kept where there is little room are
// kept where there is more.
func labelEvery(columns, most int) int {
	every := 1
	for (columns+every-1)/every > most {
		every *= 2
	}
	return every
}

// A Share is one row of a bar list: a name, its figures, and how long its bar is.
type Share struct {
	Name string
	// Link leads to what it stands for, if anything does.
	Link string
	// Figures are set in the columns after the name.
	Figures []string
	// Of is the length of the bar, from 0 to 1.
	Of float64
	// Class colours it.
	Class string
}

// Bar draws the row's bar. Its figures stand beside it, so it is not read aloud.
func (s Share) Bar() template.HTML {
	// #nosec G203 -- the one text in it goes through esc
	return template.HTML(fmt.Sprintf(
		`<svg class="bar %s" height="10" aria-hidden="true"><rect class="strip" width="100%%" height="10"/><rect class="bar" width="%.2f%%" height="10"/></svg>`,
		esc(s.Class), 100*min(1, max(0, s.Of))))
}

// esc makes text safe inside an element and inside a quoted attribute.
func esc(s string) string { return template.HTMLEscapeString(s) }
