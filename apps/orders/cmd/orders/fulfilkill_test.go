//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook/apps/internal/programtest"
	"github.com/daybook-es/daybook/apps/orders"
)

// A server that is killed while it fulfils orders takes them up where they were when it is
// started again, and everything is as it must be.
func TestFulfilmentSurvivesAKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	post := func(at, body string) {
		t.Helper()
		answer, err := http.Post(at, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode >= 300 {
			t.Fatalf("%s %s answers %s", at, body, answer.Status)
		}
	}
	const kills, each = 3, 8
	for range kills {
		server := programtest.Start(t, nil, "orders", "serve", "--addr", "127.0.0.1:0", "--log-level", "error", "--data", dir, "--slow", "0.5", "--delay", "50ms", "--decline", "0.05", "--silent", "0.2", "--chance", "3")
		post(server.Address+"/stock", `{"sku": "lamp", "quantity": 10}`)
		for i := range each {
			post(server.Address+"/orders", fmt.Sprintf(`{"fulfil": true, "method": "card_on_file", "lines": [{"product": "lamp", "quantity": %d, "unit_price": 1000}]}`, 1+i%3))
		}
		server.Kill(t)
	}

	address := serve(t, "--data", dir, "--addr", "127.0.0.1:0")
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		var standing struct {
			Processes []struct{ Live, Done int }
		}
		answer, err := http.Get(address + "/processes")
		if err == nil {
			err = json.NewDecoder(answer.Body).Decode(&standing)
			answer.Body.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if standing.Processes[0].Done == kills*each {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("it never gets done: %+v", standing)
		}
	}
	out, errs, code := run(t.Context(), "audit", "--data", dir, "--json")
	var a orders.Audit
	if err := json.Unmarshal([]byte(out), &a); err != nil || code != 0 {
		t.Fatalf("audit: %d, %q, %q, %v", code, out, errs, err)
	}
	if a.Orders != kills*each || a.UnderWay != 0 || a.Shipped == 0 || len(a.Unfinished) > 0 || a.In != a.Kept+a.Refunded {
		t.Errorf("the audit says %+v", a)
	}
}
