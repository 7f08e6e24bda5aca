package money

import (
	"encoding/json"
	"testing"
)

func TestParseCents(t *testing.T) {
	for text, want := range map[string]Cents{
		"0": 0, "541": 54_100, "541.0": 54_100, "35.9": 3_590, "35.99": 3_599, "0.01": 1, "-12.34": -1_234,
		"007": 700, "10000000000.00": MaxCents,
	} {
		got, err := ParseCents(text)
		if err != nil || got != want {
			t.Errorf("ParseCents(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "-", ".", "5.", ".5", "1.234", "1,50", "1e2", "+1", " 1", "1 ", "--1", "1.-2", "0x10", "1_000", "NaN", "١",
		"10000000000.01", "99999999999999999999", "92233720368547758.08",
	} {
		if got, err := ParseCents(text); err == nil {
			t.Errorf("ParseCents(%q) = %d; want an error", text, got)
		}
	}
}

func TestCentsAreWrittenAsTheyAreRead(t *testing.T) {
	for _, c := range []Cents{0, 1, 99, 100, 54_100, -1, -12_345, MaxCents} {
		if got, err := ParseCents(c.String()); got != c || err != nil {
			t.Errorf("%d is written %q and read as %d, %v", int64(c), c, got, err)
		}
	}
}

func TestAPriceIsADecimalNumberInJSON(t *testing.T) {
	for text, want := range map[string]Price{`35.9`: 3_590, `"35.90"`: 3_590, `0`: 0, `541`: 54_100, `-0.01`: -1, `19.99`: 1_999, `4.35`: 435} {
		var got Price
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %d, %v; want %d", text, int64(got), err, want)
		}
		written, err := json.Marshal(got)
		var again Price
		if err := json.Unmarshal(written, &again); err != nil || again != want {
			t.Errorf("%s is read as %d, %v; want %d", written, int64(again), err, want)
		}
		if err != nil || written[0] == '"' {
			t.Errorf("%d is written %s, %v; want a number", want, written, err)
		}
	}
	for _, text := range []string{`null`, `true`, `""`, `"a lot"`, `1e2`, `0.30000000000000004`, `[1]`, `{}`} {
		var got Price
		if err := got.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s is read as %d; want an error", text, int64(got))
		}
	}
}
