package web

import (
	"testing"

	"github.com/daybook-es/daybook/apps/internal/accesstest"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
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
