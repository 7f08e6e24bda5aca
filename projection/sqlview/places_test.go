package sqlview_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A place is where the read models of a test lie: a directory, or, if it has an
// address, a PostgreSQL database.
type place struct{ Dir, URL string }

// open opens a read model there.
func (p place) open(ctx context.Context, d *sqlview.Definition) (*sqlview.View, error) {
	if p.URL != "" {
		return d.OpenIn(ctx, p.URL)
	}
	return d.Open(ctx, p.Dir)
}

// name is part of what is said of a read model there.
func (p place) name(name string, version int) string {
	if p.URL != "" {
		return fmt.Sprintf("daybook_%s_v%d", name, version)
	}
	return fmt.Sprintf("%s-v%d.db", name, version)
}

// databases are the databases that keep every promise, each with an empty place.
var databases = []struct {
	name string
	make func(testing.TB) place
}{
	{"SQLite", func(t testing.TB) place { return place{Dir: t.TempDir()} }},
	{"PostgreSQL", func(t testing.TB) place { return place{URL: pgtest.Database(t)} }},
}

// onEach runs a test on every database.
func onEach(t *testing.T, test func(*testing.T, place)) {
	for _, database := range databases {
		t.Run(database.name, func(t *testing.T) { test(t, database.make(t)) })
	}
}

// open opens a read model that is closed when the test ends.
func open(t testing.TB, d *sqlview.Definition, where place) *sqlview.View {
	t.Helper()
	view, err := where.open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := view.Close(); err != nil {
			t.Error(err)
		}
	})
	return view
}
