package catalog

import (
	"testing"

	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// BenchmarkBuild measures how fast the read model is built from the log.
func BenchmarkBuild(b *testing.B) {
	store, _, newest := large(b, 10_000)
	for name, open := range map[string]func(edition int) (*sqlview.View, error){
		"SQLite": func(n int) (*sqlview.View, error) { return Display.Edition(n+1).Open(b.Context(), b.TempDir()) },
		"PostgreSQL": func(n int) (*sqlview.View, error) {
			return Display.Edition(n+1).OpenIn(b.Context(), pgtest.Database(b))
		},
	} {
		b.Run(name, func(b *testing.B) {
			events := 0
			for n := 0; b.Loop(); n++ {
				view, err := open(n)
				if err != nil {
					b.Fatal(err)
				}
				if err := projection.NewRunner(store, view, nil).CatchUp(b.Context()); err != nil {
					b.Fatal(err)
				}
				events += int(newest.Position)
				if err := view.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
