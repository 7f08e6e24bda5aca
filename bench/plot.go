package main

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// Plots are laid by hand: a block of bars for each case, each block with a scale of
// its own that begins at zero, and the figure at the end of each bar.
const (
	plotWidth   = 960
	plotColumns = 2
	barHeight   = 15
	barGap      = 4
	peerWidth   = 140
	caseWidth   = 260
	valueWidth  = 74
	blockGap    = 24
)

// colours of the peers. Ours is the one that stands out.
var colours = map[string]string{
	"logstore": "#1f5fbf", "bare": "#c9ced6", plainKey: "#c9ced6", replayKey: "#c9ced6", byHandKey: "#4c9f70", "pebble": "#d9822b", "sqlite": "#4c9f70", "bbolt": "#b5a642",
	"jetstream": "#8a6bb8", "pg": "#c05a5a", "pg-group": "#dd9a9a",
	"pgstore": "#1f5fbf", "pg-plain": "#c05a5a", "pg-locked": "#dd9a9a", "emmett": "#d9822b",
	"natsstore": "#1f5fbf", "natsstore-far": "#6c97d8", "js-publish": "#8a6bb8",
	"orders": "#1f5fbf", "catalog": "#1f5fbf", "obvious": "#d9822b",
}

// A block of a plot is bars on one scale.
type block struct {
	title string
	bars  []bar
}

// A bar is one figure.
type bar struct {
	label, colour string
	ours          bool
	value         float64
}

// blocks returns what the plot of a part shows: a block for each metric and case with a
// bar for each peer, or, where there is only one peer, a block for each metric with a
// bar for each case.
func (c chapter) blocks(p *Part, metrics []string) (blocks []block) {
	keys := p.keys()
	for _, metric := range metrics {
		if len(keys) == 1 {
			b := block{title: metric}
			for _, in := range p.cases(c.skip) {
				if v, ok := p.get(in, keys[0], metric); ok {
					b.bars = append(b.bars, bar{in, colours[keys[0]], false, v})
				}
			}
			blocks = append(blocks, b)
			continue
		}
		for _, in := range p.cases(c.skip) {
			b := block{title: in}
			if len(metrics) > 1 {
				b.title = metric
			}
			for _, key := range keys {
				if v, ok := p.get(in, key, metric); ok {
					b.bars = append(b.bars, bar{peerName(key), colours[key], key == c.us(), v})
				}
			}
			blocks = append(blocks, b)
		}
	}
	return slices.DeleteFunc(blocks, func(b block) bool { return len(b.bars) == 0 })
}

// plot returns the chapter's plot as SVG, empty if there is nothing to show.
func (c chapter) plot(p *Part) string {
	metrics := c.plots
	if len(metrics) == 0 {
		metrics = []string{c.metric}
	}
	blocks := c.blocks(p, metrics)
	if len(blocks) == 0 {
		return ""
	}
	columns, labelWidth := min(plotColumns, len(blocks)), float64(peerWidth)
	if len(p.keys()) == 1 {
		columns, labelWidth = 1, caseWidth
	}
	columnWidth := float64(plotWidth-40-(columns-1)*blockGap) / float64(columns)
	rows := (len(blocks) + columns - 1) / columns

	var body strings.Builder
	y := 76.0
	for row := range rows {
		high := 0.0
		for column := range columns {
			// Down the columns first, so that related cases stand below each other.
			n := column*rows + row
			if n >= len(blocks) {
				continue
			}
			b := blocks[n]
			x := 20 + float64(column)*(columnWidth+blockGap)
			text(&body, x, y, 13, "600", "start", "#1c2430", b.title)
			most := slices.MaxFunc(b.bars, func(a, b bar) int { return cmp.Compare(a.value, b.value) }).value
			for i, r := range b.bars {
				top := y + 10 + float64(i)*(barHeight+barGap)
				weight, ink := "400", "#48515e"
				if r.ours {
					weight, ink = "600", "#1c2430"
				}
				text(&body, x+labelWidth-8, top+barHeight-3.5, 11.5, weight, "end", ink, r.label)
				width := max(1, (columnWidth-labelWidth-valueWidth)*r.value/max(most, 1e-9))
				fmt.Fprintf(&body, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s"/>`+"\n", x+labelWidth, top, width, barHeight, r.colour)
				text(&body, x+labelWidth+width+6, top+barHeight-3.5, 11.5, weight, "start", ink, number(r.value))
			}
			high = max(high, float64(len(b.bars)*(barHeight+barGap))+10)
		}
		y += high + 30
	}
	what := "lower is better"
	if c.higher {
		what = "higher is better"
	}
	switch {
	case len(p.keys()) == 1:
		what = peerName(p.keys()[0]) + "; " + what
	case len(metrics) > 1:
		what = p.cases(c.skip)[0] + "; " + what
	default:
		what = c.metric + ", " + what
	}
	if len(blocks) > 1 {
		what += "; each block has a scale of its own"
	}
	return picture(c.title, what, y-6, body.String())
}

// growthPlot draws the memory of each peer as its store was filled.
func growthPlot(p *Part) string {
	type point struct{ percent, megabytes float64 }
	lines, events := map[string][]point{}, map[string]float64{}
	most := 0.0
	for _, f := range p.Figures {
		var percent float64
		if n, _ := fmt.Sscanf(f.Case, "after %f", &percent); n != 1 || f.Peer == "pg" || f.Peer == "pg-group" {
			continue // PostgreSQL's memory is not in this process
		}
		events[f.Peer], _ = p.get(sustainedCase, f.Peer, "events")
		lines[f.Peer] = append(lines[f.Peer], point{percent, f.Median()})
		most = max(most, f.Median())
	}
	if most == 0 {
		return ""
	}
	const left, top, width, height = 70.0, 76.0, 700.0, 300.0
	step := niceStep(most)
	most = step * float64(int(most/step)+1)
	at := func(pt point) (x, y float64) {
		return left + width*min(1, pt.percent/100), top + height*(1-pt.megabytes/most)
	}
	var body strings.Builder
	for v := 0.0; v <= most; v += step {
		_, y := at(point{0, v})
		fmt.Fprintf(&body, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#e3e6ea"/>`+"\n", left, y, left+width, y)
		text(&body, left-8, y+4, 11.5, "400", "end", "#48515e", number(v))
	}
	for percent := 0.0; percent <= 100; percent += 20 {
		x, _ := at(point{percent, 0})
		text(&body, x, top+height+18, 11.5, "400", "middle", "#48515e", fmt.Sprintf("%.0f %%", percent))
	}
	type label struct {
		key string
		y   float64
	}
	var labels []label
	for _, key := range p.keys() {
		points := lines[key]
		if len(points) == 0 {
			continue
		}
		slices.SortFunc(points, func(a, b point) int { return int(a.percent - b.percent) })
		var path strings.Builder
		for i, pt := range points {
			x, y := at(pt)
			fmt.Fprintf(&path, "%c%.1f %.1f ", "LM"[btoi(i == 0)], x, y)
		}
		thick := "1.6"
		if key == "logstore" {
			thick = "3"
		}
		fmt.Fprintf(&body, `<path d="%s" fill="none" stroke="%s" stroke-width="%s"/>`+"\n", strings.TrimSpace(path.String()), colours[key], thick)
		_, y := at(points[len(points)-1])
		labels = append(labels, label{key, y})
	}
	// Labels stand beside the ends of their lines, and never over each other.
	slices.SortFunc(labels, func(a, b label) int { return int(a.y - b.y) })
	last := 0.0
	for _, l := range labels {
		y := max(l.y+4, last+15)
		last = y
		weight := "400"
		if l.key == "logstore" {
			weight = "600"
		}
		fmt.Fprintf(&body, `<rect x="%.1f" y="%.1f" width="10" height="10" fill="%s"/>`+"\n", left+width+12, y-9, colours[l.key])
		text(&body, left+width+27, y, 11.5, weight, "start", "#1c2430", fmt.Sprintf("%s, %s", peerName(l.key), count(events[l.key])))
	}
	return picture("Memory as the log grows", "anonymous resident MB, against the part of its events that a store had recorded; beside each peer, how many that was", top+height+36, body.String())
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// niceStep returns a round distance of which five or so reach a number.
func niceStep(most float64) float64 {
	step := 1.0
	for most/step > 6 {
		switch {
		case most/(step*2) <= 6:
			return step * 2
		case most/(step*5) <= 6:
			return step * 5
		}
		step *= 10
	}
	return step
}

func text(b *strings.Builder, x, y, size float64, weight, anchor, ink, words string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-size="%g" font-weight="%s" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, size, weight, anchor, ink, html.EscapeString(words))
}

// picture frames a plot with its title.
func picture(title, subtitle string, height float64, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif">`+"\n", plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	text(&b, 20, 28, 18, "600", "start", "#1c2430", title)
	text(&b, 20, 47, 12, "400", "start", "#48515e", subtitle)
	b.WriteString(body)
	b.WriteString("</svg>\n")
	return b.String()
}
