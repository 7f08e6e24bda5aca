package process_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
)

// A remembering bench keeps snapshots, and counts the events of instances that a runner
// reads when it starts.
type remembering struct {
	*bench
	options *process.Options
	from    atomic.Uint64 // position after which the first reading of the instances began
}

func (r *remembering) begin() {
	r.t.Helper()
	first := true
	r.from.Store(0)
	watched := &countingStore{Store: r.store, read: func(q daybook.Query, span daybook.Span) {
		if len(q) == 1 && slices.Contains(q[0].Categories, "process.timer") && first {
			first = false
			r.from.Store(uint64(span.After))
		}
	}}
	r.runner = process.NewRunner(watched, command.NewBus(r.store, handlers(), nil), []process.Definition{timer()}, r.options)
	r.stop = run(r.t, r.runner)
	settle(r.t, r.runner)
}

func TestAStartFromASnapshotReadsOnlyWhatCameAfterIt(t *testing.T) {
	b := &remembering{bench: newBench(t), options: quick()}
	b.options.Clock, b.options.Snapshots = b.clock, t.TempDir()
	b.begin()
	for n := range 20 {
		b.place(fmt.Sprintf("%dm", 10+n), fmt.Sprint(n))
	}
	b.place("no time", "aside") // its reaction panics
	tell(t, b.store, "5", Withdrawn{})
	b.pass(12 * time.Minute)
	if b.from.Load() != 0 {
		t.Errorf("without a snapshot it was read from position %d", b.from.Load())
	}
	before := b.status()
	b.stop()

	b.begin()
	if b.from.Load() == 0 {
		t.Errorf("with a snapshot it was read from the beginning")
	}
	after := b.status()
	if after.Deadlines != before.Deadlines || !after.NextDue.Equal(before.NextDue) || after.Live[1] != before.Live[1] || len(after.SetAside) != 1 || after.SetAside[0].Instance != "aside" {
		t.Errorf("the status is %+v, and was %+v", after, before)
	}
	b.pass(time.Hour)
	want := []string{}
	for n := range 20 {
		if n != 5 {
			want = append(want, fmt.Sprint(n))
		}
	}
	b.expectFired(want...)
}

func TestASnapshotThatIsDamagedOrOfAnotherLogIsPassedOver(t *testing.T) {
	b := &remembering{bench: newBench(t), options: quick()}
	dir := t.TempDir()
	b.options.Clock, b.options.Snapshots = b.clock, dir
	b.begin()
	b.place("10m", "1", "2")
	b.stop()
	file := filepath.Join(dir, "timer.process")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"damaged":   append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1),
		"not whole": good[:len(good)-8],
		"empty":     nil,
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b.begin()
		if s := b.status(); b.from.Load() != 0 || s.Deadlines != 2 {
			t.Errorf("%s: it was read from position %d, and %d deadlines are pending", name, b.from.Load(), s.Deadlines)
		}
		b.stop()
	}

	// The same snapshot, over a log of the same events and another identity.
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	b.store = restored(t, whole(t, b.store))
	b.store.Now = b.clock.Now
	b.begin()
	if s := b.status(); b.from.Load() != 0 || s.Deadlines != 2 {
		t.Errorf("another log: it was read from position %d, and %d deadlines are pending", b.from.Load(), s.Deadlines)
	}
}
