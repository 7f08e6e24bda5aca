package process

import (
	"fmt"
	"sync"
	"time"

	"github.com/daybook-es/daybook/internal/vfs"
)

// A Clock tells a runner the time. It is safe for use by many goroutines. The one that
// a runner has if it is given none is the system's.
type Clock interface {
	// Now returns the wall clock's time, which somebody may set.
	Now() time.Time
	// Boot returns the time since some moment, on a clock that nobody can set and that
	// goes on while the machine sleeps.
	Boot() time.Duration
	// After returns a channel that is sent the time when this much has passed on the clock
	// of Boot.
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{ vfs.Clock }

func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// A wall clock that is kept right moves by the time since boot, give or take what
// corrects it: at most 500 parts in a million, the greatest slew of the programs that do
// so. Whatever is beyond that adds up, and is a jump when it is more than 15 seconds: far
// more than a leap second, and so little that a deadline of a day (43 seconds of slew)
// is early by less than a minute.
const (
	clockTolerance = 15 * time.Second
	clockSlew      = 2000 // one part in so many
)

// A ClockError says why no deadline fires.
type ClockError struct {
	// Wall is what the wall clock shows, and Expected what it should show.
	Wall, Expected time.Time
	// Behind reports that the wall clock is behind the newest event of the log, rather
	// than that it was set.
	Behind bool
}

func (e *ClockError) Error() string {
	if e.Behind {
		return fmt.Sprintf("process: the clock shows %s, and the log has events of %s: no deadline fires until it has come so far, or somebody confirms it", e.Wall.Format(time.RFC3339), e.Expected.Format(time.RFC3339))
	}
	return fmt.Sprintf("process: the clock was set from %s to %s: no deadline fires until it is set back, or somebody confirms it", e.Expected.Format(time.RFC3339), e.Wall.Format(time.RFC3339))
}

// A watch tells the time for deadlines, unless the wall clock cannot be trusted.
type watch struct {
	clock Clock

	mu     sync.Mutex
	offset time.Duration // of the wall clock from that of the boot
	looked time.Duration // at the clock of the boot
	newest time.Time     // that was recorded
	passed time.Time     // up to which recorded times were confirmed to be wrong
}

func newWatch(clock Clock) *watch {
	w := &watch{clock: clock}
	w.offset, w.looked = w.read()
	return w
}

// read returns how far the wall clock is from that of the boot, and the latter's time.
func (w *watch) read() (offset, boot time.Duration) {
	boot = w.clock.Boot()
	return time.Duration(w.clock.Now().UnixNano()) - boot, boot
}

// look returns the time, or a ClockError.
func (w *watch) look() (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	offset, boot := w.read()
	wall := time.Unix(0, int64(offset+boot)).UTC()
	drift := offset - w.offset
	if drift.Abs() > clockTolerance {
		return wall, &ClockError{Wall: wall, Expected: time.Unix(0, int64(w.offset+boot)).UTC()}
	}
	slew := (boot - w.looked) / clockSlew
	w.offset += max(-slew, min(slew, drift))
	w.looked = boot
	if w.newest.Sub(wall) > clockTolerance && w.newest.Sub(w.passed) > clockTolerance {
		return wall, &ClockError{Wall: wall, Expected: w.newest, Behind: true}
	}
	return wall, nil
}

// recorded tells the watch when something was recorded.
func (w *watch) recorded(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at.After(w.newest) {
		w.newest = at
	}
}

// confirm has the wall clock trusted as it is.
func (w *watch) confirm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset, w.looked = w.read()
	w.passed = w.newest
}
