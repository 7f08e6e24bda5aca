package sqlview_test

import (
	"testing"

	"github.com/daybook-es/daybook/projection"
)

// How many events a second are applied, each with an insert and an update, in batches
// of a thousand, in SQLite with synchronous=NORMAL.
func BenchmarkCatchUp(b *testing.B) {
	const events = 20_000
	store := log(b, events)
	for b.Loop() {
		view := open(b, newLedger(nil), place{Dir: b.TempDir()})
		if err := projection.NewRunner(store, view, nil).CatchUp(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*events/b.Elapsed().Seconds(), "events/s")
}
