package daybooktest

import (
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/memstore"
)

// Project records facts in a new log and applies them to a view, which must not have
// been used before. Then look at the view. Facts are as for [GivenLog]. The test ends
// if something fails.
func Project(t testing.TB, view projection.View, codec *daybook.Codec, facts ...any) {
	t.Helper()
	ProjectFrom(t, memstore.New(), view, codec, facts...)
}

// ProjectFrom is [Project] on a store of the test's own, so that it can be called
// again with more facts: it records facts in the store and brings the view, which
// must follow no other store, up to date.
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
