package plot

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Steps is a plot of a number that stays as it is until it changes, such as a price.
type Steps struct {
	// ID is unique on the page.
	ID string
	// Title says what is shown.
	Title string
	// Steps are what it was, the oldest first, and End is until when the last is shown.
	Steps []Step
	End   time.Time
	// Format writes a value; Tick writes one on the axis, shorter.
	Format, Tick func(int64) string
}

// A Step is how long the number was one value.
type Step struct {
	From  time.Time
	Value int64
	// Name says when that was, in words.
	Name string
	// Link leads to the page of that time; Current marks the one that the reader is on, and
	// Later those that come after it.
	Link           string
	Current, Later bool
}

const (
	// singly is how many steps are drawn so that each can be pointed at, and reached with a
	// keyboard. Of more the figures below tell.
	singly = 24
	// roomy and tight are the shares of the width from which on a step has its value beside
	// it, in percent: on any page, and on one that is wide.
	roomy, tight = 24, 10
	// worth is how much of the greatest value the range has to be, one in so many, for an axis
	// that begins at zero: else all that changes would be in one line.
	worth = 2
)

// Empty reports whether there is nothing to draw.
func (s Steps) Empty() bool { return len(s.Steps) == 0 }

// scale returns where the axis begins and ends, and how far its ticks are apart.
func (s Steps) scale() (bottom, top, step int64) {
	least, greatest := s.Steps[0].Value, s.Steps[0].Value
	for _, at := range s.Steps {
		least, greatest = min(least, at.Value), max(greatest, at.Value)
	}
	step = tickStep(greatest)
	if rise := greatest - least; rise > 0 && rise < greatest/worth {
		step = tickStep(rise)
		bottom = max(0, (least-step/2)/step*step)
	}
	top = bottom + step*max(1, (greatest-bottom+step-1)/step)
	return bottom, top, step
}

// SVG draws the plot.
func (s Steps) SVG() template.HTML {
	bottom, top, tick := s.scale()
	begin := s.Steps[0].From
	span := max(s.End.Sub(begin), time.Second)
	across := func(t time.Time) float64 { return 100 * min(1, max(0, float64(t.Sub(begin))/float64(span))) }
	down := func(value int64) float64 {
		return plotTop + plotHeight*(1-float64(max(value, bottom)-bottom)/float64(top-bottom))
	}

	var b strings.Builder
	fmt.Fprintf(&b, `<div class="plot steps"><svg class="axis" height="%d" aria-hidden="true">`, chartHeight)
	for at := bottom; at <= top; at += tick {
		fmt.Fprintf(&b, `<text x="100%%" dx="-8" y="%.1f" dy="4">%s</text>`, down(at), esc(s.Tick(at)))
	}
	fmt.Fprintf(&b, `</svg><svg class="columns" height="%d" role="group" aria-labelledby="%s-title"><title id="%[2]s-title">%[3]s</title>`, chartHeight, s.ID, esc(s.Title))
	for at := bottom + tick; at <= top; at += tick {
		fmt.Fprintf(&b, `<line class="grid" x1="0" x2="100%%" y1="%.1f" y2="%.1f"/>`, down(at), down(at))
	}
	s.times(&b, begin, span, across)

	ends := func(i int) float64 {
		if i+1 < len(s.Steps) {
			return across(s.Steps[i+1].From)
		}
		return 100
	}
	few := len(s.Steps) <= singly
	for i, at := range s.Steps {
		left, width, words := across(at.From), ends(i)-across(at.From), esc(s.Format(at.Value)+", "+at.Name)
		switch {
		case few && at.Link != "":
			current := ""
			if at.Current {
				current = ` aria-current="true"`
			}
			fmt.Fprintf(&b, `<a href="%s" aria-label="%s"%s>`, esc(at.Link), words, current)
		default:
			fmt.Fprintf(&b, `<g role="img" aria-label="%s">`, words)
		}
		fmt.Fprintf(&b, `<title>%s</title><rect class="strip" x="%.3f%%" width="%.3f%%" y="%d" height="%d"/>`, words, left, width, plotTop, plotHeight)
		if bottom == 0 {
			fmt.Fprintf(&b, `<rect class="%s" x="%.3f%%" width="%.3f%%" y="%.1f" height="%.1f"/>`, class("wash", at), left, width, down(at.Value), plotTop+plotHeight-down(at.Value))
		}
		if few && at.Link != "" {
			b.WriteString(`</a>`)
		} else {
			b.WriteString(`</g>`)
		}
	}
	for i, at := range s.Steps {
		left, y := across(at.From), down(at.Value)
		if i > 0 {
			fmt.Fprintf(&b, `<line class="%s" x1="%.3f%%" x2="%.3f%%" y1="%.1f" y2="%.1f"/>`, class("rise", at), left, left, down(s.Steps[i-1].Value), y)
		}
		fmt.Fprintf(&b, `<line class="%s" x1="%.3f%%" x2="%.3f%%" y1="%.1f" y2="%.1f"/>`, class("step", at), left, ends(i), y, y)
	}
	for i, at := range s.Steps {
		left, y, last := across(at.From), down(at.Value), i == len(s.Steps)-1
		if few {
			fmt.Fprintf(&b, `<circle class="%s" cx="%.3f%%" cy="%.1f" r="3"/>`, class("dot", at), left, y)
		}
		width := ends(i) - left
		switch {
		case last && width < roomy:
			fmt.Fprintf(&b, `<text class="%s end" x="100%%" y="%.1f">%s</text>`, class("value now", at), y-9, esc(s.Format(at.Value)))
		case last:
			fmt.Fprintf(&b, `<text class="%s" x="%.3f%%" dx="7" y="%.1f">%s</text>`, class("value now", at), left, y-9, esc(s.Format(at.Value)))
		case width >= roomy:
			fmt.Fprintf(&b, `<text class="%s" x="%.3f%%" dx="7" y="%.1f">%s</text>`, class("value", at), left, y-9, esc(s.Format(at.Value)))
		case width >= tight:
			fmt.Fprintf(&b, `<text class="%s spare" x="%.3f%%" dx="7" y="%.1f">%s</text>`, class("value", at), left, y-9, esc(s.Format(at.Value)))
		}
	}
	fmt.Fprintf(&b, `<line class="base" x1="0" x2="100%%" y1="%d" y2="%[1]d"/></svg></div>`, plotTop+plotHeight)
	return template.HTML(b.String()) // #nosec G203 -- every text in it goes through esc
}

// class returns the class of a part of a step.
func class(name string, at Step) string {
	switch {
	case at.Current:
		return name + " current"
	case at.Later:
		return name + " later"
	}
	return name
}

// times writes the axis of time.
func (s Steps) times(b *strings.Builder, begin time.Time, span time.Duration, across func(time.Time) float64) {
	ticks, layout, larger := timeTicks(begin, span)
	for i, t := range ticks {
		at := across(t)
		fmt.Fprintf(b, `<line class="tick" x1="%.3f%%" x2="%.3f%%" y1="%d" y2="%d"/>`, at, at, plotTop+plotHeight, plotTop+plotHeight+4)
		if at < 3 || at > 95 {
			continue // its words would run out of the plot
		}
		class := "label"
		if i%2 == 1 {
			class = "label spare"
		}
		fmt.Fprintf(b, `<text class="%s" x="%.3f%%" y="%d">%s</text>`, class, at, plotTop+plotHeight+18, esc(t.Format(layout)))
	}
	if larger == "" {
		return
	}
	words := begin.Format(larger)
	if end := begin.Add(span).Format(larger); end != words {
		words += " to " + end
	}
	fmt.Fprintf(b, `<text class="mark" x="0" y="%d">%s</text>`, plotTop+plotHeight+35, esc(words))
}

// pitches are how far the ticks of time may be apart, with how they are written, and what is
// said once for all of them.
var pitches = []struct {
	apart, months  int // so many seconds, or else so many months
	layout, larger string
}{
	{1, 0, "15:04:05", "2 January 2006"}, {5, 0, "15:04:05", "2 January 2006"}, {15, 0, "15:04:05", "2 January 2006"},
	{60, 0, "15:04", "2 January 2006"}, {300, 0, "15:04", "2 January 2006"}, {900, 0, "15:04", "2 January 2006"},
	{3600, 0, "15:04", "2 January 2006"}, {3 * 3600, 0, "15:04", "2 January 2006"}, {6 * 3600, 0, "2 Jan, 15:04", "2006"},
	{86400, 0, "2 Jan", "2006"}, {2 * 86400, 0, "2 Jan", "2006"}, {4 * 86400, 0, "2 Jan", "2006"}, {7 * 86400, 0, "2 Jan", "2006"},
	{0, 1, "Jan 2006", ""}, {0, 3, "Jan 2006", ""}, {0, 6, "Jan 2006", ""}, {0, 12, "2006", ""}, {0, 24, "2006", ""}, {0, 60, "2006", ""}, {0, 120, "2006", ""}, {0, 600, "2006", ""},
}

// mostTimes is how many ticks an axis of time has at most.
const mostTimes = 7

// timeTicks returns the ticks of a span of time, the format in which they are written, and
// that of what is said once for all; empty if nothing is.
func timeTicks(begin time.Time, span time.Duration) (ticks []time.Time, layout, larger string) {
	begin = begin.UTC()
	end := begin.Add(span)
	for _, p := range pitches {
		ticks, layout, larger = nil, p.layout, p.larger
		first := begin.Truncate(time.Duration(p.apart) * time.Second)
		next := func(t time.Time) time.Time { return t.Add(time.Duration(p.apart) * time.Second) }
		if p.months > 0 {
			month := begin.Year()*12 + int(begin.Month()) - 1
			first = time.Date(0, time.Month(month-month%p.months)+1, 1, 0, 0, 0, 0, time.UTC)
			next = func(t time.Time) time.Time { return t.AddDate(0, p.months, 0) }
		}
		for t := first; !t.After(end) && len(ticks) <= mostTimes; t = next(t) {
			if !t.Before(begin) {
				ticks = append(ticks, t)
			}
		}
		if len(ticks) <= mostTimes {
			break
		}
	}
	return ticks, layout, larger
}
