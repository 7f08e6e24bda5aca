package daybooktest

import (
	"sync"
	"time"

	"github.com/daybook-es/daybook/process"
)

var _ process.Clock = (*Clock)(nil)

// A Clock shows the time that it is told to show. It implements [process.Clock], and its
// Now is a clock for a memstore. It is safe for use by many goroutines.
type Clock struct {
	mu    sync.Mutex
	boot  time.Duration
	wall  time.Time // when boot is zero
	waits []wait
}

// A wait is somebody who waits for a time to come.
type wait struct {
	until time.Duration
	wake  chan time.Time
}

// NewClock returns a clock that shows a time, and goes on showing it until it is moved.
func NewClock(shows time.Time) *Clock { return &Clock{wall: shows.UTC()} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall.Add(c.boot)
}

// Boot implements [process.Clock]: it returns how much time has passed.
func (c *Clock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.boot
}

// After implements [process.Clock].
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := wait{c.boot + d, make(chan time.Time, 1)}
	if d <= 0 {
		w.wake <- c.wall.Add(c.boot)
		return w.wake
	}
	c.waits = append(c.waits, w)
	return w.wake
}

// Pass lets time pass, and wakes those who waited for it.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.boot += d
	var left []wait
	for _, w := range c.waits {
		if w.until > c.boot {
			left = append(left, w)
			continue
		}
		w.wake <- c.wall.Add(c.boot)
	}
	c.waits = left
}

// Set has the clock show another time, as somebody does who sets it: no time passes.
func (c *Clock) Set(shows time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = shows.UTC().Add(-c.boot)
}
