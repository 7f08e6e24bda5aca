package sqlview

import (
	"fmt"
	"testing"

	"github.com/daybook-es/daybook"
)

// Whoever writes values into statements makes a new one each time: that is slow, and
// must work, and must not fill the memory.
func TestStatementsThatAreNeverTheSameAreNotAllKept(t *testing.T) {
	codec := daybook.NewCodec(daybook.KindOf[int]("Counted", nil))
	view, err := New("counts", 1, codec, `create table n (n integer) strict`,
		On(func(*Tx, int, daybook.Recorded) error { return nil })).Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const different = maxPrepared + 500
	var rows int
	err = view.db.(*sqliteFile).writer.transact(t.Context(), func(tx *Tx) error {
		for n := range different {
			if err := tx.Exec(fmt.Sprintf(`insert into n values (%d)`, n)); err != nil {
				return err
			}
		}
		return tx.QueryRow(`select count(*) from n`).Scan(&rows)
	})
	if err != nil || rows != different {
		t.Errorf("%d rows were inserted, %v; want %d", rows, err, different)
	}
	if kept := len(view.db.(*sqliteFile).writer.prepared); kept > maxPrepared {
		t.Errorf("%d prepared statements are kept; want %d at most", kept, maxPrepared)
	}
	if err := view.Close(); err != nil {
		t.Error(err)
	}
}
