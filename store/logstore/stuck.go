package logstore

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook/internal/vfs"
)

// stuckAfter is how long the disk may take for one group of appends before [Store.Health]
// says that it is stuck. A disk that wakes up or moves its data takes some seconds; a
// network file system whose server is gone takes for ever, and tells nobody.
const stuckAfter = 10 * time.Second

// underway is since when a group is being made durable, if one is. The zero underway is
// that none is.
type underway struct{ since atomic.Int64 } // by the time since boot, and one more: zero is never

func (u *underway) begin(clock vfs.Clock) { u.since.Store(int64(clock.Boot()) + 1) }

// end returns how long it took.
func (u *underway) end(clock vfs.Clock) time.Duration {
	return clock.Boot() - time.Duration(u.since.Swap(0)-1)
}

// stuck returns an error if the group that is being made durable takes too long.
func (u *underway) stuck(clock vfs.Clock) error {
	since := u.since.Load()
	if since == 0 {
		return nil
	}
	if taken := clock.Boot() - time.Duration(since-1); taken >= stuckAfter {
		return fmt.Errorf("the disk has been asked %v ago to make appends durable, and has not answered", taken.Round(time.Second))
	}
	return nil
}
