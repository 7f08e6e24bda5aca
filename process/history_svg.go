package process

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
)

// The picture is laid by hand. What was seen stands on the left, what was decided on the
// right, beside what led to it; time runs down the middle.
const (
	svgWidth  = 920
	svgTop    = 92
	svgCard   = 372 // width of a card
	svgHigh   = 46  // height of a card
	svgGap    = 10
	svgLeft   = 16
	svgRight  = svgWidth - svgLeft - svgCard
	svgMiddle = svgWidth / 2
	// A line of a card has room for so many characters, of a wide font at 11 pixels; at 13
	// for fewer where what became of it stands beside.
	svgChars = 50
)

// svgStyle has colours that can be set from outside, by variables; ink is that of the
// text around the picture, or of the system's scheme where the picture is a file.
const svgStyle = `
.process-history { font: 13px/1.3 system-ui, sans-serif; }
svg.process-history:root { color: #1b1f24; background: #fff; }
@media (prefers-color-scheme: dark) { svg.process-history:root { color: #e6e8eb; background: #14171a; } }
.process-history text { fill: currentColor; }
.process-history .title { font-size: 17px; font-weight: 600; }
.process-history .dim { fill-opacity: .68; }
.process-history .small { font-size: 11px; }
.process-history .what { font-weight: 600; }
.process-history .card { fill: currentColor; fill-opacity: .05; stroke: currentColor; stroke-opacity: .28; }
.process-history .line { stroke: currentColor; stroke-opacity: .28; fill: none; }
.process-history .dot { fill: currentColor; fill-opacity: .55; }
.process-history .note .card { stroke-dasharray: 4 3; fill-opacity: 0; }
.process-history .bar { fill: currentColor; fill-opacity: .35; }
.process-history .good .bar { fill: var(--process-good, #2f9e62); fill-opacity: 1; }
.process-history .bad .bar { fill: var(--process-bad, #d9534f); fill-opacity: 1; }
.process-history .wait .bar { fill: var(--process-wait, #d0931f); fill-opacity: 1; }
`

// tones say how an outcome looks.
var tones = map[string]string{
	"accepted": "good", "done": "good", "fired": "good",
	"refused": "bad", "failed": "bad", "set aside": "bad",
	"open": "wait", "pending": "wait", "live": "wait",
}

// SVG draws the history as a picture, to be a file of its own or part of a page: in the
// second case its text has the colour of the text around it. The variables --process-good,
// --process-bad and --process-wait set the other colours. Everything in it that comes from
// the log is escaped.
func (h *History) SVG() string {
	var body strings.Builder
	y, dot := svgTop, 0
	for n, group := range h.groups() {
		if n > 0 { // down to the time of the next group
			fmt.Fprintf(&body, `<path class="line" d="M%d %dV%d"/>`, svgMiddle, dot+5, y+3)
		}
		dot = y + svgHigh/2
		y = drawGroup(&body, group, y)
	}
	height := y + svgGap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="process-history" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`,
		svgWidth, height, svgWidth, height, escape("History of "+h.Process+" "+h.Instance))
	fmt.Fprintf(&b, "\n<style>%s</style>\n", svgStyle)
	title := h.Process + " " + h.Instance
	fmt.Fprintf(&b, `<text class="title" x="%d" y="34">%s</text>`+"\n", svgLeft, escape(shorten(title, 90)))
	about := h.Status
	if h.Version > 0 {
		about = fmt.Sprintf("version %d, %s", h.Version, h.Status)
	}
	fmt.Fprintf(&b, `<text class="dim" x="%d" y="34" text-anchor="end">%s</text>`+"\n", svgWidth-svgLeft, escape(about))
	fmt.Fprintf(&b, `<text class="dim" x="%d" y="74">what it saw</text><text class="dim" x="%d" y="74">what it decided</text>`+"\n", svgLeft, svgRight)
	b.WriteString(body.String())
	b.WriteString("</svg>\n")
	return b.String()
}

// groups returns the entries as they were recorded: an input with what it led to, or
// notes.
func (h *History) groups() [][]Entry {
	var groups [][]Entry
	for n, e := range h.Entries {
		if n > 0 && e.Side != Inbox && e.At.Equal(h.Entries[n-1].At) {
			groups[len(groups)-1] = append(groups[len(groups)-1], e)
			continue
		}
		groups = append(groups, []Entry{e})
	}
	return groups
}

// drawGroup draws what was recorded together, and returns where the next group begins.
func drawGroup(b *strings.Builder, group []Entry, y int) int {
	left, right := y, y
	fmt.Fprintf(b, `<circle class="dot" cx="%d" cy="%d" r="4"/>`, svgMiddle, y+svgHigh/2)
	clock := group[0].At.UTC().Format("15:04:05.000")
	fmt.Fprintf(b, `<text class="dim small" x="%d" y="%d" text-anchor="middle"><title>%s</title>%s</text>`+"\n",
		svgMiddle, y+svgHigh/2-9, escape(group[0].At.UTC().Format(time.RFC3339Nano)), clock)
	for _, e := range group {
		if e.Side == Inbox {
			fmt.Fprintf(b, `<path class="line" d="M%d %dH%d"/>`, svgLeft+svgCard, left+svgHigh/2, svgMiddle-4)
			drawCard(b, e, svgLeft, left)
			left += svgHigh + svgGap
			continue
		}
		fmt.Fprintf(b, `<path class="line" d="M%d %dC%d %d %d %d %d %d"/>`,
			svgMiddle+4, y+svgHigh/2, svgMiddle+26, y+svgHigh/2, svgMiddle+26, right+svgHigh/2, svgRight, right+svgHigh/2)
		drawCard(b, e, svgRight, right)
		right += svgHigh + svgGap
	}
	return max(left, right)
}

// drawCard draws one entry.
func drawCard(b *strings.Builder, e Entry, x, y int) {
	class := tones[e.Outcome]
	if e.Side == Note {
		class += " note"
	}
	if e.Side == Inbox || e.Side == Note {
		class += " " + toneOf(e)
	}
	fmt.Fprintf(b, `<g class="%s"><title>%s</title><rect class="card" x="%d" y="%d" width="%d" height="%d" rx="6"/><rect class="bar" x="%d" y="%d" width="4" height="%d" rx="2"/>`,
		strings.TrimSpace(class), escape(tooltip(e)), x, y, svgCard, svgHigh, x, y, svgHigh)
	room := svgChars - len(e.Outcome) - 6
	if e.About > 0 {
		room -= 8
	}
	fmt.Fprintf(b, `<text x="%d" y="%d"><tspan class="what">%s</tspan>%s</text>`, x+14, y+19, escape(shorten(e.What, room)), aboutOf(e.About))
	fmt.Fprintf(b, `<text class="dim small" x="%d" y="%d" text-anchor="end">%s</text>`, x+svgCard-10, y+18, escape(strings.TrimSpace(fmt.Sprintf("%s #%d", e.Outcome, e.N))))
	if e.Detail != "" {
		fmt.Fprintf(b, `<text class="dim small" x="%d" y="%d">%s</text>`, x+14, y+36, escape(shorten(e.Detail, svgChars)))
	}
	b.WriteString("</g>\n")
}

// toneOf returns how something that was seen or noted looks: by its last word.
func toneOf(e Entry) string {
	if e.What == "set aside" {
		return "bad"
	}
	if n := strings.LastIndexByte(e.What, ' '); n >= 0 && e.About > 0 {
		return tones[e.What[n+1:]]
	}
	return ""
}

func aboutOf(n daybook.Version) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(`<tspan class="dim small" dx="6">of #%d</tspan>`, n)
}

func tooltip(e Entry) string {
	return strings.TrimSpace(fmt.Sprintf("#%d %s %s %s", e.N, e.What, e.Detail, e.Outcome))
}

// shorten returns at most so many characters.
func shorten(s string, most int) string {
	most = max(most, 8)
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// escape returns text as it stands in XML, between tags or within quotes. What XML cannot
// have is replaced.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}
