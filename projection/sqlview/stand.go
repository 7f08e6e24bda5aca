package sqlview

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/daybook-es/daybook/projection"
)

var (
	//go:embed sql/begin.sql
	beginSQL string
	//go:embed sql/find.sql
	findSQL string
	//go:embed sql/move.sql
	moveSQL string
	//go:embed sql/aside.sql
	asideSQL string
	//go:embed sql/put_aside.sql
	putAsideSQL string
	//go:embed sql/take_up.sql
	takeUpSQL string
	//go:embed sql/skips.sql
	skipsSQL string
	//go:embed sql/skip.sql
	skipSQL string
)

// begin puts every part before the first event.
func (v *View) begin(tx *Tx) error {
	for part := range v.Parts() {
		if err := tx.Exec(beginSQL, v.def.name, v.def.version, part, v.db.schema(v.def)); err != nil {
			return err
		}
	}
	return nil
}

// find reads where a part stands, without what is set aside and skipped.
func (v *View) find(rows *Reader, part int) (stand projection.Stand, err error) {
	err = rows.QueryRow(findSQL, v.def.name, v.def.version, part).Scan(
		(*id)(&stand.Log), (*id)(&stand.Incarnation), &stand.Position, &stand.Applied, (*id)(&stand.EventID),
		&stand.Events, (*id)(&stand.Owner), &stand.Paused)
	return stand, err
}

// stand reads where a part stands.
func (v *View) stand(rows *Reader, part int) (projection.Stand, error) {
	stand, err := v.find(rows, part)
	if err != nil {
		return stand, err
	}
	for row, err := range rows.Query(asideSQL, v.def.name, v.def.version, part) {
		a, keys := projection.Aside{Part: part}, []byte(nil)
		if err == nil {
			err = row.Scan(&a.Position, (*id)(&a.EventID), &a.Type, &a.RecordedAt, &keys, &a.Cause, &a.Attempts, &a.Since, &a.Next)
		}
		if err == nil {
			err = json.Unmarshal(keys, &a.Keys)
		}
		if err != nil {
			return stand, fmt.Errorf("read what is set aside: %w", err)
		}
		stand.Aside = append(stand.Aside, a)
	}
	for row, err := range rows.Query(skipsSQL, v.def.name, v.def.version, part) {
		var s projection.Skip
		if err == nil {
			err = row.Scan((*id)(&s.EventID), &s.Position, &s.Reason, &s.At)
		}
		if err != nil {
			return stand, fmt.Errorf("read what is skipped: %w", err)
		}
		stand.Skips = append(stand.Skips, s)
	}
	return stand, nil
}

// move writes a change without its events, and reports whether the part stands where
// the change begins.
func (v *View) move(tx *Tx, c projection.Change) (bool, error) {
	moved, err := tx.ExecCount(moveSQL,
		id(c.To.Log), id(c.To.Incarnation), c.To.Position, c.To.Applied, id(c.To.EventID), c.To.Events, id(c.To.Owner), c.Paused,
		v.def.name, v.def.version, c.Part,
		id(c.From.Log), id(c.From.Incarnation), c.From.Position, id(c.From.EventID), id(c.From.Owner))
	if err != nil || moved == 0 {
		return false, err
	}
	for _, position := range c.TakenUp {
		if err := tx.Exec(takeUpSQL, v.def.name, v.def.version, c.Part, position); err != nil {
			return false, err
		}
	}
	for _, a := range c.SetAside {
		keys, err := json.Marshal(a.Keys)
		if err != nil {
			return false, err
		}
		if err := tx.Exec(putAsideSQL, v.def.name, v.def.version, c.Part, a.Position, id(a.EventID), a.Type,
			a.RecordedAt, string(keys), a.Cause, a.Attempts, a.Since, a.Next); err != nil {
			return false, err
		}
	}
	for _, s := range c.Skipped {
		if err := tx.Exec(skipSQL, v.def.name, v.def.version, c.Part, id(s.EventID), s.Position, s.Reason, s.At); err != nil {
			return false, err
		}
	}
	return true, nil
}

// empty drops what the definition's statements made, and everything that is kept of the
// parts, and makes them anew.
func (v *View) empty(tx *Tx) error {
	for _, table := range []string{"daybook_projection", "daybook_aside", "daybook_skip"} {
		if err := tx.Exec("delete from "+table+" where name = ? and version = ?", v.def.name, v.def.version); err != nil {
			return err
		}
	}
	if err := v.db.drop(tx); err != nil {
		return err
	}
	if err := tx.s.script(tx.ctx, v.db.schema(v.def)); err != nil {
		return err
	}
	return v.begin(tx)
}
