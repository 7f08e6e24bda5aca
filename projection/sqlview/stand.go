package sqlview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-es/daybook/projection"
)

// Stand implements [projection.View].
func (v *View) Stand(ctx context.Context, part int) (stand projection.Stand, err error) {
	// Mostly nothing is set aside or skipped, and one statement sees one moment by itself.
	var aside, skips bool
	err = v.db.ask(ctx, func(rows *Reader) error {
		stand, aside, skips, err = v.place(rows, part)
		return err
	})
	if err == nil && (aside || skips) {
		err = v.db.read(ctx, func(rows *Reader) error {
			stand, err = v.stand(rows, part)
			return err
		})
	}
	if err == nil {
		err = v.db.earlier(ctx, v.def, &stand)
	}
	if err != nil {
		return projection.Stand{}, fmt.Errorf("sqlview: read where part %d of %s stands: %w", part, v.db, err)
	}
	return stand, nil
}

// place reads where a part stands, and whether there is more to say.
func (v *View) place(rows *Reader, part int) (stand projection.Stand, aside, skips bool, err error) {
	at := &stand.Checkpoint
	err = rows.QueryRow(standSQL, v.def.rows(), v.def.version, part, v.def.name).Scan((*id)(&at.Log), (*id)(&at.Incarnation), &at.Position,
		&at.Applied, (*id)(&at.EventID), &at.Events, (*id)(&at.Owner), &stand.Paused, (*string)(&stand.Mark), &aside, &skips)
	if errors.Is(err, ErrNoRow) {
		err = fmt.Errorf("there is no part %d; it was removed, or never made", part)
	}
	return stand, aside, skips, err
}

// stand reads all that is kept of a part.
func (v *View) stand(rows *Reader, part int) (projection.Stand, error) {
	stand, aside, skips, err := v.place(rows, part)
	if err == nil && aside {
		stand.Aside, err = v.asides(rows, part)
	}
	if err == nil && skips {
		var all []kept
		all, err = skipsOf(rows, v.def.name, v.def.version)
		addSkips(&stand, all)
	}
	return stand, err
}

// asides reads what is set aside of a part.
func (v *View) asides(rows *Reader, part int) (asides []projection.Aside, err error) {
	for row, err := range rows.Query(asidesSQL, v.def.rows(), v.def.version, part) {
		if err != nil {
			return nil, err
		}
		a, keys := projection.Aside{Part: part}, ""
		if err := row.Scan(&a.Position, (*id)(&a.EventID), &a.Type, &a.RecordedAt, &keys, &a.Cause, &a.Attempts, &a.Since, &a.Next); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(keys), &a.Keys); err != nil {
			return nil, fmt.Errorf("the keys of what is set aside at position %d: %w", a.Position, err)
		}
		asides = append(asides, a)
	}
	return asides, nil
}

// A kept skip also says in which version it was decided, and in which part.
type kept struct {
	version, part int
	projection.Skip
}

// skipsOf reads what was skipped up to a version.
func skipsOf(rows asker, name string, version int) (skips []kept, err error) {
	for row, err := range rows.Query(skipsSQL, name, version) {
		var s kept
		if err == nil {
			err = row.Scan(&s.version, &s.part, (*id)(&s.EventID), &s.Position, &s.Reason, &s.At)
		}
		if err != nil {
			return nil, err
		}
		skips = append(skips, s)
	}
	return skips, nil
}

// addSkips adds those to a stand that it does not have.
func addSkips(stand *projection.Stand, skips []kept) {
	for _, skip := range skips {
		if !slices.ContainsFunc(stand.Skips, func(s projection.Skip) bool { return s.EventID == skip.EventID }) {
			stand.Skips = append(stand.Skips, skip.Skip)
		}
	}
}

// keep writes what a change says beside its events.
func (v *View) keep(tx *Tx, c projection.Change) error {
	name, version := v.def.rows(), v.def.version
	for _, position := range c.TakenUp {
		if err := tx.Exec(takeUpSQL, name, version, c.Part, position); err != nil {
			return err
		}
	}
	for _, a := range c.SetAside {
		keys, err := json.Marshal(a.Keys)
		if err != nil {
			return err
		}
		err = tx.Exec(setAsideSQL, name, version, c.Part, a.Position, id(a.EventID), a.Type, a.RecordedAt, string(keys), plain(a.Cause), a.Attempts, a.Since, a.Next)
		if err != nil {
			return err
		}
	}
	for _, s := range c.Skipped {
		if err := tx.Exec(skipSQL, v.def.name, version, c.Part, id(s.EventID), s.Position, plain(s.Reason), s.At); err != nil {
			return err
		}
	}
	return nil
}

// plain returns text that every database takes: what somebody said may be cut off in
// the middle of a character.
func plain(said string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(said, "\uFFFD"), "\x00", "\uFFFD")
}

// find reads how far the parts have come.
func (v *View) find(rows asker) (parts []projection.Checkpoint, err error) {
	for row, err := range rows.Query(findSQL, v.def.rows(), v.def.version) {
		var at projection.Checkpoint
		if err == nil {
			err = row.Scan((*id)(&at.Log), (*id)(&at.Incarnation), &at.Position, &at.Applied, (*id)(&at.EventID), &at.Events, (*id)(&at.Owner))
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, at)
	}
	if len(parts) == 0 {
		return nil, errors.New("it was removed")
	}
	return parts, nil
}
