package web

import (
	"testing"

	"github.com/daybook-es/daybook/apps/internal/accesstest"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/store/memstore"
)

// The read service hands commands on to the write service, with whatever was shown to it: the
// rows of commands are tried at both.
func TestEverybodyMayDoWhatTheTableSaysAndNothingElse(t *testing.T) {
	store := memstore.New()
	document, err := files.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	accesstest.Table(t, store, Policy(), document, func(o httpapi.Options) []accesstest.Site {
		desk := openDesk(t, store, WriteOptions{Options: o}, ReadOptions{Options: o})
		return []accesstest.Site{
			{Handler: desk.writing, Routes: desk.writing.routes()},
			{Handler: desk.reading, Routes: desk.reading.routes()},
		}
	})
}
