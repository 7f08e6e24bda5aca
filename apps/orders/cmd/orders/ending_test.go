//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/programtest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/logstore"
)

// A shop that is told to end while many place orders answers every order that it keeps, and
// keeps every order that it answers.
func TestNoOrderIsLostWhenTheShopEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	p := programtest.Start(t, nil, "orders", "--data", dir, "--addr", "127.0.0.1:0", "--log-level", "error", "--rate=-1", "--drain", "1s")
	programtest.EndUnderLoad(t, p, func(address, name string) *http.Request {
		r, err := http.NewRequest(http.MethodPost, address+"/orders", strings.NewReader(fmt.Sprintf(`{"total": 100, "customer": {"id": %q}}`, name)))
		if err != nil {
			t.Error(err)
		}
		r.Header.Set("Content-Type", "application/json")
		return r
	}, func() map[string]int {
		store, err := logstore.Open(filepath.Join(dir, "log"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		customers := map[string]int{}
		for e, err := range reading.Events() {
			if err != nil {
				t.Fatal(err)
			}
			var placed orders.OrderPlaced
			if e.Type == "OrderPlaced" {
				if err := json.Unmarshal(e.Data, &placed); err != nil {
					t.Fatal(err)
				}
				customers[placed.Customer.ID]++
			}
		}
		return customers
	})
}
