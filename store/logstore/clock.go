package logstore

import (
	"fmt"
	"sync"
	"time"

	"github.com/daybook-es/daybook/internal/vfs"
)

// A clock is the wall clock, as long as it does not jump. When it does, because somebody
// set it or a program with a wrong idea of the time did, the clock goes on from where it
// was by the time since boot, until the jump is confirmed or undone.
type clock struct {
	source vfs.Clock
	log    *logger

	mu     sync.Mutex
	offset int64 // what the wall clock showed at boot, by what is followed
	looked int64 // the wall clock's time when it was last held against the time since boot
	jump   time.Duration
}

const (
	// Those who keep clocks right move them by less than this: programs that keep time by
	// the network slew a clock, and step it by seconds; a leap second is one. Those who
	// set them wrong move them by more: a time zone is a quarter of an hour at least, and
	// then come summer time, days and years.
	jumpLimit = time.Minute

	// The time since boot costs a call to the system, half a microsecond; the wall clock
	// does not. A jump by less than this would be followed anyway.
	lookEvery = 100 * time.Millisecond
)

// start begins to follow the wall clock from what it shows now.
func (c *clock) start(world vfs.World, log *logger) {
	c.source, c.log = world.Clock, log
	c.confirm()
}

// confirm follows the wall clock from what it shows now, whatever it was before.
func (c *clock) confirm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := c.source.Now().UnixNano()
	c.follow(wall, wall-int64(c.source.Boot()))
}

// now returns the time, in nanoseconds since 1970.
func (c *clock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := c.source.Now().UnixNano()
	if planted("jump-of-the-clock-followed") {
		return wall
	}
	if since := wall - c.looked; since >= 0 && since < int64(lookEvery) && c.jump == 0 {
		return wall
	}
	boot := int64(c.source.Boot())
	jump := time.Duration(wall - boot - c.offset)
	if jump.Abs() <= jumpLimit {
		c.follow(wall, wall-boot)
		return wall
	}
	if c.jump == 0 {
		c.log.Warn("the wall clock jumped and is not followed until that is confirmed", "shows", timeOf(wall), "jump", jump)
	}
	c.jump = jump
	return boot + c.offset
}

func (c *clock) follow(wall, offset int64) {
	if c.jump != 0 {
		c.log.Info("the wall clock is followed again", "shows", timeOf(wall))
	}
	c.offset, c.looked, c.jump = offset, wall, 0
}

// jumped returns by how much the wall clock is ahead of the time that is followed, zero
// if it is followed.
func (c *clock) jumped() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jump
}

// A ClockError says that what is recorded now bears another time than the wall clock
// shows; see [Store.Health]. Appends and reads go on.
type ClockError struct {
	// Dir is the store's directory.
	Dir string
	// Jump is by how much the wall clock has jumped, forwards if it is positive. It is not
	// followed until [Store.ConfirmClock] is called, the store is opened again, or it jumps
	// back. Zero means that the wall clock is followed and is behind what was recorded last.
	Jump time.Duration
	// Follows is the time that is followed instead, and Last the one that the last append
	// bears. What is recorded now bears the later of them.
	Follows, Last time.Time
}

func (e *ClockError) Error() string {
	switch {
	case e.Jump > 0:
		return fmt.Sprintf("logstore: %s: the wall clock jumped forwards by %v and is not followed until that is confirmed; appends go on, as of %v", e.Dir, e.Jump, e.Follows)
	case e.Jump < 0:
		return fmt.Sprintf("logstore: %s: the wall clock jumped backwards by %v and is not followed until that is confirmed; appends go on, as of %v", e.Dir, -e.Jump, e.Follows)
	}
	return fmt.Sprintf("logstore: %s: the last append bears the time %v, and the wall clock shows %v; appends go on, each a nanosecond after the one before, until the clock has caught up", e.Dir, e.Last, e.Follows)
}

// ConfirmClock says that the wall clock is right as it is, after it jumped: from now on
// it is followed. Times of recording rise all the same; after a jump backwards they stand
// nearly still until the clock has caught up. It does nothing if the clock is followed.
func (s *Store) ConfirmClock() { s.clock.confirm() }

// clockHealth returns a [*ClockError] if what is recorded now bears a time that is far from
// what the wall clock shows.
func (s *Store) clockHealth() error {
	now, last := s.clock.now(), s.view.Load().stamp
	jump := s.clock.jumped()
	if jump == 0 && time.Duration(last-now) <= jumpLimit {
		return nil
	}
	return &ClockError{Dir: s.home.dir, Jump: jump, Follows: timeOf(now), Last: timeOf(last)}
}
