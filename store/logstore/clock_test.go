package logstore

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// hands is a clock whose wall clock can be set while time goes on.
type hands struct {
	mu   sync.Mutex
	wall time.Time
	boot time.Duration
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wall
}

func (h *hands) Boot() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.boot
}

// pass lets time go by.
func (h *hands) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wall, h.boot = h.wall.Add(d), h.boot+d
}

// set sets the wall clock forwards, or back.
func (h *hands) set(by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wall = h.wall.Add(by)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clocked is a store by a clock that shows noon.
type clocked struct {
	*Store
	t     *testing.T
	hands *hands
	world vfs.World
}

func newClocked(t *testing.T) *clocked {
	c := &clocked{t: t, hands: &hands{wall: noon, boot: time.Hour}, world: inMemory()}
	c.world.Clock = c.hands
	c.open()
	return c
}

func (c *clocked) open() {
	c.t.Helper()
	var err error
	if c.Store, err = open(c.world, "db", quietly); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.Close() })
}

// recordsAt appends, and expects when that is recorded.
func (c *clocked) recordsAt(want time.Time) {
	c.t.Helper()
	if got := mustAppend(c.t, c, placed("order-1")).RecordedAt; !got.Equal(want) {
		c.t.Errorf("an append is recorded at %v, want %v", got, want)
	}
}

// says expects what Health says.
func (c *clocked) says(jump time.Duration, sentence string) {
	c.t.Helper()
	err := c.Health()
	if sentence == "" {
		if err != nil {
			c.t.Errorf("health: %v", err)
		}
		return
	}
	var clock *ClockError
	if !errors.As(err, &clock) || clock.Jump != jump || !strings.Contains(err.Error(), sentence) {
		c.t.Errorf("health: %v; want a jump by %v, and: %s", err, jump, sentence)
	}
}

func TestAJumpOfTheClockIsNotFollowedUntilItIsConfirmed(t *testing.T) {
	const year = 365 * 24 * time.Hour
	c := newClocked(t)
	c.recordsAt(noon)
	c.hands.pass(time.Second)
	c.hands.set(year)
	c.recordsAt(noon.Add(time.Second))
	c.says(year, "jumped forwards by 8760h0m0s and is not followed until that is confirmed; appends go on")
	c.hands.pass(time.Hour)
	c.recordsAt(noon.Add(time.Hour + time.Second))
	c.ConfirmClock()
	c.says(0, "")
	c.recordsAt(noon.Add(year + time.Hour + time.Second))
}

func TestAJumpThatIsUndoneLeavesNoTrace(t *testing.T) {
	c := newClocked(t)
	c.recordsAt(noon)
	c.hands.set(24 * time.Hour)
	c.says(24*time.Hour, "jumped forwards") // seen without any append
	c.hands.set(-24 * time.Hour)
	c.hands.pass(time.Minute)
	c.says(0, "")
	c.recordsAt(noon.Add(time.Minute))
}

func TestAClockThatGoesBackIsNotFollowedEither(t *testing.T) {
	c := newClocked(t)
	c.recordsAt(noon)
	c.hands.set(-time.Hour)
	c.hands.pass(10 * time.Minute)
	c.recordsAt(noon.Add(10 * time.Minute))
	c.says(-time.Hour, "jumped backwards by 1h0m0s and is not followed")

	// When that was right, time stands nearly still until the clock has caught up.
	c.ConfirmClock()
	c.recordsAt(noon.Add(10*time.Minute + 1))
	c.says(0, "each a nanosecond after the one before, until the clock has caught up")
	c.hands.pass(time.Hour)
	c.says(0, "")
	c.hands.pass(time.Second)
	c.recordsAt(noon.Add(10*time.Minute + time.Second))
}

// Programs that keep a clock right slew it, or step it by seconds.
func TestSmallStepsOfTheClockAreFollowed(t *testing.T) {
	c := newClocked(t)
	c.recordsAt(noon)
	want := noon
	for _, step := range []time.Duration{time.Millisecond, time.Second, -time.Second, 59 * time.Second, time.Minute, 50 * time.Millisecond, -time.Minute} {
		c.hands.set(step)
		c.hands.pass(2 * time.Minute)
		want = want.Add(step + 2*time.Minute)
		c.recordsAt(want)
		c.says(0, "")
	}
	// Within a moment the time since boot is not asked for.
	for range 200 {
		c.hands.pass(time.Millisecond)
		want = want.Add(time.Millisecond)
		c.recordsAt(want)
	}
}

// The time since boot goes on while the machine sleeps.
func TestAMachineThatSleptHasNotHadItsClockSet(t *testing.T) {
	c := newClocked(t)
	c.recordsAt(noon)
	c.hands.pass(72 * time.Hour)
	c.recordsAt(noon.Add(72 * time.Hour))
	c.says(0, "")
}

// Opening follows the clock as it is: nothing tells a clock that was set from a machine that was off. But the time of
// recording never falls.
func TestOpeningConfirmsTheClock(t *testing.T) {
	c := newClocked(t)
	c.recordsAt(noon)
	c.hands.set(48 * time.Hour)
	c.recordsAt(noon.Add(1))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c.open()
	c.recordsAt(noon.Add(48 * time.Hour))
	c.says(0, "")

	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c.hands.set(-48 * time.Hour)
	c.open()
	c.says(0, "the last append bears the time 2026-03-03 12:00:00 +0000 UTC, and the wall clock shows 2026-03-01 12:00:00 +0000 UTC")
	c.recordsAt(noon.Add(48*time.Hour + 1))
	c.hands.pass(48*time.Hour + time.Second)
	c.recordsAt(noon.Add(48*time.Hour + time.Second))
	c.says(0, "")
}

// What was known at a moment is asked for by the time that is followed, not by the one that the wall clock shows.
func TestWhatIsKnownIsAskedByTheTimeThatIsFollowed(t *testing.T) {
	c := newClocked(t)
	c.recordsAt(noon)
	c.hands.set(time.Hour)
	c.hands.pass(time.Second)
	reading, err := c.Read(t.Context(), daybook.All(), daybook.Span{KnownAt: noon.Add(time.Hour)})
	if err != nil || reading.Snapshot().Position != 1 {
		t.Fatalf("known: %v, %v", reading.Snapshot(), err)
	}
	c.recordsAt(noon.Add(time.Second + 1)) // that moment was asked for, and the hour to come was not
}
