package daybook

import (
	"strings"
	"testing"
	"time"
)

func TestCategoryOf(t *testing.T) {
	for stream, want := range map[string]string{
		"order-42": "order", "order-42-item-1": "order", "order": "order", "-1": "", "": "", "order-": "order", "Order-1": "Order", "日本-1": "日本",
	} {
		if got := CategoryOf(stream); got != want {
			t.Errorf("the category of %q is %q, want %q", stream, got, want)
		}
		if got := (Event{Stream: stream}).Category(); got != want {
			t.Errorf("the category of an event of %q is %q, want %q", stream, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for name, wrong := range map[string]string{
		"order-42":                               "",
		"日本 🛒":                                   "",
		" ":                                      "",
		"a$":                                     "",
		"\ufffd":                                 "",
		strings.Repeat("x", MaxNameBytes):        "",
		"":                                       "is empty",
		strings.Repeat("x", MaxNameBytes+1):      "is 513 bytes long, and 512 are allowed",
		strings.Repeat("é", MaxNameBytes/2+1):    "is 514 bytes long, and 512 are allowed",
		"a\xffb":                                 "is not valid UTF-8",
		"\xed\xa0\x80":                           "is not valid UTF-8",
		"a\x00b":                                 "has the control character U+0000 at byte 1",
		"tab\t":                                  "has the control character U+0009 at byte 3",
		"del\x7f":                                "has the control character U+007F at byte 3",
		"é\u0085":                                "has the control character U+0085 at byte 2",
		"\n" + strings.Repeat("x", MaxNameBytes): "is 513 bytes long, and 512 are allowed",
	} {
		if got := checkName(name); got != wrong {
			t.Errorf("the name %.40q %s, want %q", name, got, wrong)
		}
		if got := checkOwnName(name); got != wrong {
			t.Errorf("the name %.40q of an application %s, want %q", name, got, wrong)
		}
	}
	for _, system := range []string{"$", "$all", "$$order-42"} {
		if got := checkName(system); got != "" {
			t.Errorf("the name %q %s, and the system may have it", system, got)
		}
		if got := checkOwnName(system); !strings.Contains(got, "belongs to the system") {
			t.Errorf("the name %q of an application %q, want it to belong to the system", system, got)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, fits := range []time.Time{
		time.Unix(0, -1<<63+1), time.Unix(0, 1<<63-1), time.Unix(0, 0), time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2261, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
	} {
		if got := checkTime(fits); got != "" {
			t.Errorf("%v %s", fits, got)
		}
	}
	for _, wrong := range []time.Time{
		time.Unix(0, -1<<63), time.Unix(0, 1<<63-1).Add(1), time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0),
	} {
		if got := checkTime(wrong); !strings.Contains(got, "outside 1677") {
			t.Errorf("%v %q, want it to be outside", wrong, got)
		}
	}
}
