package sqlview

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook/projection"
)

var _ projection.Leased = (*View)(nil)

// Claim implements [projection.Leased]. The clock is the database server's, and with
// SQLite this machine's.
func (v *View) Claim(ctx context.Context, part int, owner uuid.UUID, lease time.Duration) (held bool, err error) {
	err = v.db.write(ctx, func(tx *Tx) error {
		claimed, err := tx.ExecCount(strings.ReplaceAll(claimSQL, "{now}", v.db.now()), v.def.rows(), v.def.version, part, id(owner), int64(lease))
		held = claimed > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("sqlview: claim part %d of %s: %w", part, v.db, err)
	}
	return held, nil
}

// Release implements [projection.Leased].
func (v *View) Release(ctx context.Context, part int, owner uuid.UUID) error {
	err := v.db.write(ctx, func(tx *Tx) error {
		return tx.Exec(releaseSQL, v.def.rows(), v.def.version, part, id(owner))
	})
	if err != nil {
		return fmt.Errorf("sqlview: release part %d of %s: %w", part, v.db, err)
	}
	return nil
}
