package daybook

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
)

var (
	aLog  = uuid.MustParse("018f0000-0000-7000-8000-000000000001")
	aLife = uuid.MustParse("018f0000-0000-7000-8000-0000000000aa")
)

func TestPointText(t *testing.T) {
	point := Point{Log: aLog, Incarnation: aLife, Position: 42}
	const text = "42.018f0000-0000-7000-8000-0000000000aa.018f0000-0000-7000-8000-000000000001"
	if point.String() != text {
		t.Errorf("the point is written %s, want %s", point, text)
	}
	for _, p := range []Point{point, {}, point.At(0), point.At(1<<63 - 1)} {
		if parsed, err := ParsePoint(p.String()); err != nil || parsed != p {
			t.Errorf("%v is read as %v (%v)", p, parsed, err)
		}
	}
	encoded, err := json.Marshal(map[string]Point{"at": point})
	var decoded map[string]Point
	if err != nil || json.Unmarshal(encoded, &decoded) != nil || decoded["at"] != point {
		t.Errorf("as JSON the point is %s (%v), and is read as %v", encoded, err, decoded)
	}
}

func TestParsePointTakesOneFormOnly(t *testing.T) {
	const rest = ".018f0000-0000-7000-8000-0000000000aa.018f0000-0000-7000-8000-000000000001"
	for text, says := range map[string]string{
		"":                           "is not POSITION",
		"42":                         "is not POSITION",
		"42" + rest + ".x":           "is not POSITION",
		"-1" + rest:                  "whole number below 2^63",
		"+1" + rest:                  "whole number below 2^63",
		"01" + rest:                  "whole number below 2^63",
		" 1" + rest:                  "whole number below 2^63",
		"1e3" + rest:                 "whole number below 2^63",
		rest:                         "whole number below 2^63",
		"9223372036854775808" + rest: "whole number below 2^63",
		"1.x.018f0000-0000-7000-8000-000000000001":                                             "incarnation",
		"1.018F0000-0000-7000-8000-0000000000AA.018f0000-0000-7000-8000-000000000001":          "incarnation",
		"1.{018f0000-0000-7000-8000-0000000000aa}.018f0000-0000-7000-8000-000000000001":        "incarnation",
		"1.018f0000-0000-7000-8000-0000000000aa.urn:uuid:018f0000-0000-7000-8000-000000000001": "log that is not a UUID",
		"1.018f0000-0000-7000-8000-0000000000aa.018f0000000070008000000000000001":              "log that is not a UUID",
		"1.018f0000-0000-7000-8000-0000000000aa.018f0000-0000-7000-8000-000000000001\n":        "log that is not a UUID",
	} {
		_, err := ParsePoint(text)
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is answered %v, want %q", text, err, says)
		}
		if point := (Point{Position: 7}); point.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is read as %v", text, point)
		}
	}
}

func FuzzParsePoint(f *testing.F) {
	f.Add(Point{}.String())
	f.Add(Point{Log: aLog, Incarnation: aLife, Position: 42}.String())
	f.Add("1.{018f0000-0000-7000-8000-0000000000aa}.018F0000-0000-7000-8000-000000000001")
	f.Fuzz(func(t *testing.T, text string) {
		if point, err := ParsePoint(text); err == nil && point.String() != text {
			t.Errorf("%q is read as the point that is written %q", text, point)
		}
	})
}

func TestPrecedes(t *testing.T) {
	head := Point{Log: aLog, Incarnation: aLife, Position: 10}
	other, restored := head, head
	other.Log, restored.Incarnation = uuid.New(), uuid.New()
	for _, past := range []Point{{}, head, head.At(0), head.At(9)} {
		if err := past.Precedes(head); err != nil || !past.SameLife(head) || !head.SameLife(past) {
			t.Errorf("%v: %v", past, err)
		}
	}
	for what, p := range map[string]Point{"is of log": other, "which was restored since": restored, "which was restored": restored.At(0)} {
		err := p.Precedes(head)
		var life *LifeError
		if !errors.As(err, &life) || life.Given != p || life.Log != head || !strings.Contains(err.Error(), what) || p.SameLife(head) {
			t.Errorf("%v is answered %v, want %q", p, err, what)
		}
	}
	var invalid *InvalidError
	if err := head.At(11).Precedes(head); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "after the head of the log, 10") {
		t.Errorf("a point of the future is answered %v", err)
	}
	if !(Point{}).IsZero() || head.IsZero() || head.At(0).IsZero() {
		t.Error("the zero Point alone is zero")
	}
}
