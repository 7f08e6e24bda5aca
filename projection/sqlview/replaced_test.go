package sqlview

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whoever opens a file while another is put in its place has one of both open, and knows
// whether it is the one that is there.
func TestAFileThatIsReplacedWhileItIsOpenedIsGone(t *testing.T) {
	const rounds = 300
	whole := make(map[string][]byte)
	for _, name := range []string{"old", "new"} {
		path := filepath.Join(t.TempDir(), name)
		db, err := sql.Open("sqlite", path)
		if err == nil {
			_, err = db.ExecContext(t.Context(), `create table whose (name text); insert into whose values (?)`, name)
			err = errors.Join(err, db.Close())
		}
		if err == nil {
			whole[name], err = os.ReadFile(path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	replaced := 0
	for round := range rounds {
		dir := t.TempDir()
		path, other := filepath.Join(dir, "view.db"), filepath.Join(dir, "other")
		if err := errors.Join(os.WriteFile(path, whole["old"], 0o600), os.WriteFile(other, whole["new"], 0o600)); err != nil {
			t.Fatal(err)
		}
		renamed := make(chan error, 1)
		go func() {
			time.Sleep(time.Duration(round) * 10 * time.Microsecond) // up to about as long as opening takes
			renamed <- os.Rename(other, path)
		}()
		f, err := openSQLite(t.Context(), path)
		if renameErr := <-renamed; renameErr != nil {
			t.Fatal(renameErr)
		}
		if err != nil {
			continue // what SQLite kept beside the one is not that of the other, and it says so
		}
		var whose string
		if err := f.writer.conn.QueryRowContext(t.Context(), `select name from whose`).Scan(&whose); err != nil {
			t.Fatal(err)
		}
		gone, err := f.gone(t.Context())
		if err != nil || gone != (whose == "old") {
			t.Errorf("round %d: the %s one is open, and gone is %t, %v", round, whose, gone, err)
		}
		if whose == "new" {
			replaced++
		}
		if err := f.close(); err != nil && !strings.Contains(err.Error(), "malformed") {
			t.Error(err)
		}
	}
	t.Logf("of %d files %d had been replaced when they were opened", rounds, replaced)
}
