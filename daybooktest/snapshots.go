package daybooktest

import (
	"context"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// Snapshots ends the test if the decider's state cannot be cached: if it does not
// come back from JSON as it was, so that no snapshot of it would ever be kept, or if
// a snapshot and the events after it give another state than all events do. It tries
// that after each of the facts, which are the past of one stream.
func Snapshots[S any](t testing.TB, d *decider.Decider[S], facts ...any) {
	t.Helper()
	store, snapshots := memstore.New(), &counting{Cache: decider.NewCache(1)}
	for i := range len(facts) + 1 {
		saved := snapshots.saved
		var cached S
		_, err := d.Decide(t.Context(), store, ID, func(state S) ([]any, error) {
			cached = state
			return facts[i:min(i+1, len(facts))], nil
		}, decider.WithSnapshots(snapshots, 1))
		if err != nil {
			t.Fatalf("after %d facts: %v", i, err)
		}
		if i > 0 && snapshots.saved == saved {
			t.Fatalf("after %d facts the state does not come back from JSON as it was, and is never cached: %+v", i, cached)
		}
		whole, err := d.Load(t.Context(), store, ID, daybook.Span{BeforeVersion: daybook.Version(i + 1)})
		if err != nil {
			t.Fatalf("after %d facts: %v", i, err)
		}
		if diff := cmp.Diff(whole.State, cached, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Fatalf("after %d facts a snapshot leads elsewhere than all events do (-events +snapshot):\n%s", i, diff)
		}
	}
}

// counting counts the snapshots that were kept.
type counting struct {
	*decider.Cache
	saved int
}

func (c *counting) Save(ctx context.Context, key string, s decider.Snapshot) {
	c.saved++
	c.Cache.Save(ctx, key, s)
}
