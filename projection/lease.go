package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// A Leased view is one whose parts several processes can take turns to move. The lease
// saves the work that two would do at the same time and one in vain; that each event is
// applied once does not rest on it, but on [View.Apply], which moves a part only from
// the checkpoint that it is at.
type Leased interface {
	View
	// Claim lets owner move a part for as long as lease, by the clock of the read model,
	// and reports whether it does: not if another has claimed the part and the time has not
	// run out. Who claims a part that another had becomes the owner in its checkpoint, so
	// that whatever the other one still applies is told [ErrMoved]. Who has it already has
	// it for longer.
	Claim(ctx context.Context, part int, owner uuid.UUID, lease time.Duration) (bool, error)
	// Release gives a part back, if owner has it.
	Release(ctx context.Context, part int, owner uuid.UUID) error
}

// errDeposed is what ends a worker's turn when another runner has claimed the part.
var errDeposed = errors.New("projection: another runner has claimed the part")

// renew claims the part anew, if it is to be claimed and a third of the lease is over.
func (w *worker) renew(ctx context.Context) error {
	view, leased := w.view.(Leased)
	if !leased || !w.patient || w.options.Lease < 0 || !w.renewal.IsZero() && time.Now().Before(w.renewal) {
		return nil
	}
	began := time.Now()
	held, err := view.Claim(ctx, w.part, w.owner, w.options.Lease)
	if err != nil {
		return fmt.Errorf("projection %s version %d: claim part %d: %w", w.view.Name(), w.view.Version(), w.part, err)
	}
	if !held {
		return errDeposed
	}
	w.known = false // others may have changed what is kept of it meanwhile
	w.renewal = began.Add(w.options.Lease / 3)
	return nil
}

// release gives the part back, so that another need not wait for the lease to end.
func (w *worker) release(ctx context.Context) {
	view, leased := w.view.(Leased)
	if !leased || w.options.Lease < 0 {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer stop()
	if err := view.Release(ctx, w.part, w.owner); err != nil {
		w.options.Logger.DebugContext(ctx, "a part could not be given back; its lease will end", "part", w.part, "error", err)
	}
}
