package vfs

import (
	"context"
	"time"
)

// Pause returns nil after a time has passed, or the context's error when that ends before. It is for those who look
// again and again for what somebody else may have written. What they find does not depend on how long they paused, so a
// simulated world pauses as the real one does.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
