package projection

import (
	"context"
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
