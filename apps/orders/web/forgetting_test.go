package web

import (
	"net/http"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

// Whatever is forgotten in the store, no page and no command is an error of the server.
func TestAnOrderThatIsForgottenInTheStoreIsNoErrorOfTheServer(t *testing.T) {
	store := memstore.New()
	f := openFront(t, store, nil)
	id := f.placed()
	forgets := []daybook.Event{daybook.Truncated(orders.Orders.Stream(id), 2), daybook.Deleted(orders.Orders.Stream(id)), daybook.Tombstoned(orders.Orders.Stream(id))}
	for _, forget := range forgets {
		if _, err := store.Append(t.Context(), []daybook.Event{forget}, nil); err != nil {
			t.Fatal(err)
		}
		if err := store.Scavenge(t.Context()); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{
			"/orders": http.StatusOK, "/orders/" + id: http.StatusOK, "/orders/" + id + "/history": http.StatusNotFound,
			"/orders/" + id + "?version=1": http.StatusNotFound, "/dashboard": http.StatusOK, "/report": http.StatusOK, "/readyz": http.StatusOK,
		} {
			for _, accept := range []string{"application/json", "text/html"} {
				if a := f.get(path, append(f.now(), "Accept", accept)...); a.StatusCode != want {
					t.Errorf("after %s, %s as %s: %d, want %d: %.200s", forget.Type, path, accept, a.StatusCode, want, a.Body)
				}
			}
		}
		for _, c := range []struct{ path, body string }{{"/pay", `{"amount": 100, "method": "boleto"}`}, {"/cancel", `{"reason": "x"}`}} {
			if a := f.send("/orders/"+id+c.path, c.body); a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("after %s, %s: %d, want a refusal: %s", forget.Type, c.path, a.StatusCode, a.Body)
			}
		}
	}
	f.placed()
}
