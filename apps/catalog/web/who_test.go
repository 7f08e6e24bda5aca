package web

import (
	"testing"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/accesstest"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestEverybodyMayDoWhatTheTableSaysAndNothingElse(t *testing.T) {
	store := memstore.New()
	document, err := files.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	accesstest.Table(t, store, Policy(), document, func(o httpapi.Options) []accesstest.Site {
		showcase := catalog.OpenShowcase(store, readmodel.Place{Dir: t.TempDir()}, &catalog.ShowcaseOptions{Logger: quiet})
		t.Cleanup(func() {
			if err := showcase.Close(); err != nil {
				t.Error(err)
			}
		})
		site := New(store, showcase, &Options{Options: o})
		t.Cleanup(site.Close)
		until(t, "the showcase answers", func() bool { return showcase.ReadModel().Away() == nil })
		return []accesstest.Site{{Handler: site, Routes: site.routes()}}
	})
}
