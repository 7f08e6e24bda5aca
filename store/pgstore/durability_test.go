package pgstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// The server is told to answer before a commit is on its disk, while a connection that
// appends stays as it is.
func TestDurabilityThatIsChangedWhileAStoreIsOpenIsStated(t *testing.T) {
	server := pgtest.Own(t, "fsync=on")
	database := server.Database(t)
	strict, lax := open(t, database, Options{Require: daybook.Disk}), open(t, database, Options{})
	noted := []daybook.Event{{Type: "Noted"}}
	for _, s := range []*subject{strict, lax} {
		if receipt, err := s.Append(t.Context(), noted, nil); err != nil || receipt.Durability != daybook.Disk {
			t.Fatalf("a receipt states %v (%v)", receipt.Durability, err)
		}
	}
	run(t, database, "alter system set synchronous_commit = off")
	run(t, database, "select pg_reload_conf()")
	wait(t, "a receipt that states memory", func() bool {
		receipt, err := lax.Append(t.Context(), noted, nil)
		return err == nil && receipt.Durability == daybook.Memory
	})
	away := (*daybook.UnavailableError)(nil)
	if receipt, err := strict.Append(t.Context(), noted, nil); !errors.As(err, &away) || !strings.Contains(err.Error(), "disk is required") {
		t.Errorf("where disk is required a receipt states %v (%v)", receipt.Durability, err)
	}
}
