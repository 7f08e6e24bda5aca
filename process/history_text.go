package process

import (
	"fmt"
	"strings"
	"unicode"
)

// Text draws the history as lines of text: what was seen to the left, what was decided
// indented below it, each with its number and what became of it.
func (h *History) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", printable(h.Process), printable(h.Instance))
	if h.Version > 0 {
		fmt.Fprintf(&b, ", version %d", h.Version)
	}
	fmt.Fprintf(&b, ": %s\n", h.Status)
	for _, e := range h.Entries {
		mark := map[Side]string{Inbox: "->", Outbox: "   <-", Note: "   --"}[e.Side]
		fmt.Fprintf(&b, "%s %4d %s %s", stamp(e.At), e.N, mark, printable(e.What))
		if e.About > 0 {
			fmt.Fprintf(&b, " (%d)", e.About)
		}
		if e.Detail != "" {
			fmt.Fprintf(&b, " %s", printable(e.Detail))
		}
		if e.Outcome != "" {
			fmt.Fprintf(&b, " [%s]", e.Outcome)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// printable returns text that stays on its line and moves no cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
