package orders

import (
	"encoding/json"
	"testing"
)

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
