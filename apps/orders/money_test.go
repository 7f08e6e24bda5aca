package orders

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

func TestCentsAreWholeNumbersInJSON(t *testing.T) {
	written, err := json.Marshal(PaymentReceived{Method: "boleto", Amount: 3_590})
	if want := `{"method":"boleto","amount":3590}`; err != nil || string(written) != want {
		t.Errorf("it is written %s, %v; want %s", written, err, want)
	}
	var read PaymentReceived
	if err := json.Unmarshal([]byte(`{"amount":35.9}`), &read); err == nil {
		t.Errorf("35.9 is read as %d; want an error", read.Amount)
	}
}
