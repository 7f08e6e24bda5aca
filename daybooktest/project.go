package daybooktest

import (
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/memstore"
)

// Project records facts in a log of their own and brings a view, which must not
// have been used before, up to date with them; then look at the view. Facts are as
// for [GivenLog].
func Project(t testing.TB, view projection.View, codec *daybook.Codec, facts ...any) {
	t.Helper()
	ProjectFrom(t, memstore.New(), view, codec, facts...)
}

// ProjectFrom is [Project] for a test that goes on: it records facts in a store and
// brings a view, which follows that store, up to date.
func ProjectFrom(t testing.TB, store daybook.Store, view projection.View, codec *daybook.Codec, facts ...any) {
	t.Helper()
	events, err := eventsOf(codec, facts)
	if err == nil && len(events) > 0 {
		_, err = store.Append(t.Context(), events, nil)
	}
	if err == nil {
		err = projection.NewRunner(store, view, nil).CatchUp(t.Context())
	}
	if err != nil {
		t.Fatalf("project: %v", err)
	}
}
