package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/accesstest"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestEverybodyMayDoWhatTheTableSaysAndNothingElse(t *testing.T) {
	store := memstore.New()
	document := []byte(openFront(t, memstore.New(), nil).get("/openapi.json").Body)
	accesstest.Table(t, store, Policy(), document, func(o httpapi.Options) []accesstest.Site {
		site := openFront(t, store, &Options{Options: o}).site
		return []accesstest.Site{{Handler: site, Routes: site.routes()}}
	})
}

// A policy that lets somebody ask for an order, and hides that it was paid, hides it from its
// history, from its past and from the live stream too.
func TestWhatMayNotBeReadIsNotToldByQuestionsEither(t *testing.T) {
	document := strings.Replace(string(PolicyDocument()), `"allow": [`, `"deny": [{"principals": ["eve"], "read": ["OrderPaid"]}], "allow": [`, 1)
	f := openFront(t, memstore.New(), &Options{Options: httpapi.Options{
		Authenticator: named, Guard: access.NewGuard(access.MustParsePolicy([]byte(document)), nil),
	}})
	placed := f.send("/orders", `{"total": 100}`)
	id := sitetest.Read[orders.Details](t, placed, http.StatusCreated).ID
	paid := f.send("/orders/"+id+"/pay", `{"amount": 100, "method": "cash"}`, "X-Principal", "eve")
	if paid.StatusCode != http.StatusOK {
		t.Errorf("who sends a command is answered %d: %s", paid.StatusCode, paid.Body)
	}
	for path, status := range map[string]int{"": http.StatusOK, "/history": http.StatusForbidden, "?as_of=2030-01-01T00:00:00Z": http.StatusForbidden} {
		for principal, want := range map[string]int{"eve": status, "ada": http.StatusOK} {
			if a := f.get("/orders/"+id+path, append(paid.Token(), "X-Principal", principal)...); a.StatusCode != want {
				t.Errorf("%s asks for the order's %q and is answered %d: %s", principal, path, a.StatusCode, a.Body)
			}
		}
	}
}
