package web

import (
	"testing"
	"time"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/hostile"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/store/memstore"
)

// The catalogue's own server, with the limits that it has by default, stands what strangers
// do to its site. What never gets as far as that, the server of the shop stands in its tests.
func TestTheCatalogueUnderAttack(t *testing.T) {
	store := memstore.New()
	showcase := catalog.OpenShowcase(store, readmodel.Place{Dir: t.TempDir()}, &catalog.ShowcaseOptions{Logger: quiet})
	defer func() {
		if err := showcase.Close(); err != nil {
			t.Error(err)
		}
	}()
	site := New(store, showcase, &Options{Options: httpapi.Options{Logger: quiet, Hosts: []string{}, Timeout: 2 * time.Second}})
	until(t, "the showcase answers", func() bool { return showcase.ReadModel().Away() == nil })
	hostile.Attack(t, hostile.Site{
		Serve: site.Serve,
		Query: "/products", Command: "/products", Body: `{"name": "Lamp", "price": 19.99}`, Form: "name=Lamp&price=1.00",
		Stream: "/events/live", Large: "/openapi.json", Host: "localhost", SiteOnly: true,
	})
}
