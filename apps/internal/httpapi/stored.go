package httpapi

import (
	"context"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// Stored is a [Shower] of what can be read in a store now. A service that decides waits for
// it, where its own node of the log may be behind the one that the client was answered by.
type Stored struct{ daybook.Store }

// Wait returns when a Read that is begun now sees a point. A point of another life of the
// log is a [*daybook.LifeError].
func (s Stored) Wait(ctx context.Context, token daybook.Point) error {
	for {
		info, err := s.Info(ctx)
		if err != nil {
			return err
		}
		if !token.SameLife(info.Head) {
			return &daybook.LifeError{Given: token, Log: info.Head}
		}
		if info.Head.Position >= token.Position {
			return nil
		}
		if _, err := s.Store.Wait(ctx, daybook.All(), info.Head.Position); err != nil {
			return err
		}
	}
}

// Status implements [Shower]: it stands where the store does.
func (s Stored) Status(ctx context.Context) (projection.Status, error) {
	info, err := s.Info(ctx)
	return projection.Status{Checkpoint: projection.Checkpoint{Point: info.Head}, Head: info.Head}, err
}
