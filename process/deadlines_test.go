package process

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/daybook-es/daybook"
)

func TestDeadlinesComeOutInOrderWhateverIsTakenBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	var h deadlines
	var want []due
	for n := range 5000 {
		d := due{rng.Int64N(500), daybook.Position(n + 1)}
		h.add(d)
		want = append(want, d)
		if rng.IntN(3) > 0 { // most are taken back
			gone := rng.IntN(len(want))
			h.remove(want[gone].position)
			want = slices.Delete(want, gone, gone+1)
		}
		if h.count() != len(want) {
			t.Fatalf("there are %d, want %d", h.count(), len(want))
		}
	}
	slices.SortFunc(want, func(a, b due) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	for _, w := range want {
		got, any := h.first()
		if !any || got != w {
			t.Fatalf("first is %v, want %v", got, w)
		}
		h.pop()
	}
	if d, any := h.first(); any {
		t.Errorf("%v is left", d)
	}
}

func TestAMillionDeadlinesTakeTwentyMegabytes(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var h deadlines
	for n := range 1_000_000 {
		h.add(due{int64(n * 7919 % 1_000_003), daybook.Position(n + 1)})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (after.HeapAlloc - before.HeapAlloc) / 1_000_000; each > 20 {
		t.Errorf("each deadline takes %d bytes", each)
	}
	runtime.KeepAlive(h)
}
