package httpapi

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every colour that words have can be read on every ground that they stand on, by day
// and by night: with a contrast of 4.5 to 1, as WCAG's level AA asks for.
func TestWordsCanBeRead(t *testing.T) {
	data, err := common.ReadFile("static/ledger.css")
	if err != nil {
		t.Fatal(err)
	}
	css := string(data)
	day, rest, found := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("there is no dark palette")
	}
	for name, palette := range map[string]map[string]string{"light": colours(day), "dark": colours(rest)} {
		for _, pair := range []struct{ words, grounds string }{
			{"ink", "paper sheet strip accent-wash warn-wash"},
			{"faded", "paper sheet strip accent-wash warn-wash"},
			{"accent", "paper sheet strip accent-wash warn-wash"},
			{"accent-ink", "accent"},
			{"open", "paper sheet strip"},
			{"going", "paper sheet strip"},
			{"done", "paper sheet strip"},
			{"over", "paper sheet strip"},
			{"warn", "paper sheet strip"},
		} {
			for ground := range strings.FieldsSeq(pair.grounds) {
				if c := contrast(t, palette[pair.words], palette[ground]); c < 4.5 {
					t.Errorf("in the %s palette, %s on %s has a contrast of %.2f", name, pair.words, ground, c)
				}
			}
		}
	}
}

var colour = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)

// colours returns the first value that css gives to each variable.
func colours(css string) map[string]string {
	all := make(map[string]string)
	for _, found := range colour.FindAllStringSubmatch(css, -1) {
		if _, twice := all[found[1]]; !twice {
			all[found[1]] = found[2]
		}
	}
	return all
}

// contrast returns the ratio of two colours' luminances, as WCAG defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(hex string) float64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
		if err != nil {
			t.Fatal(fmt.Errorf("%q is no colour: %w", hex, err))
		}
		channel := func(shift int) float64 {
			c := float64(n>>shift&0xff) / 255
			if c <= 0.04045 {
				return c / 12.92
			}
			return math.Pow((c+0.055)/1.055, 2.4)
		}
		return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
	}
	light, dark := luminance(a), luminance(b)
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
}
