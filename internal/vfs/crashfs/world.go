package crashfs

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// firstTime is what the clock of a new machine shows first.
var firstTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// rebootTime is how far the clock goes on between a cut and the machine's next start.
const rebootTime = int64(time.Minute)

// A clock goes on by a millisecond with each reading, so that a run can be repeated.
type clock struct {
	nanos   atomic.Int64
	started int64 // what it showed when the machine started
}

func newClock(nanos int64) *clock {
	c := &clock{started: nanos}
	c.nanos.Store(nanos)
	return c
}

// Now implements [vfs.Clock].
func (c *clock) Now() time.Time {
	return time.Unix(0, c.nanos.Add(int64(time.Millisecond))).UTC()
}

// Boot implements [vfs.Clock].
func (c *clock) Boot() time.Duration { return time.Duration(c.nanos.Load() - c.started) }

// A chance is a source of bytes that a seed decides.
type chance struct {
	seed uint64

	mu     sync.Mutex
	source *rand.ChaCha8 // made when first asked, for most images are never asked
}

// Read fills b.
func (c *chance) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.source == nil {
		var key [32]byte
		binary.LittleEndian.PutUint64(key[:], c.seed)
		c.source = rand.NewChaCha8(key)
	}
	return c.source.Read(b)
}
