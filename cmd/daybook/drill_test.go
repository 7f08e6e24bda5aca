package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/storeurl"
)

// drill runs the restore drill of deploy on the real program.
func drill(t *testing.T, args ...string) (told string, passed bool) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("..", "..", "deploy", "restore-drill.sh"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sh", append([]string{script}, args...)...)
	command.Env = append(os.Environ(), "GORACE="+atOnce())
	out, err := command.CombinedOutput()
	return string(out), err == nil
}

// filled opens a store, records something there, and returns it open.
func filled(t *testing.T, url string) storeurl.Store {
	t.Helper()
	store, err := storeurl.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	use(t, store, "first")
	return store
}

func use(t *testing.T, store daybook.Store, card string) {
	t.Helper()
	for range 20 {
		if _, err := store.Append(t.Context(), []daybook.Event{{Stream: "card-" + card, Type: "CardUsed", Data: []byte(`{"cents": 4200}`)}, {Type: "DayNoted"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// The drill is done twice for each store, while the log is in use and goes on in between: the
// second brings what is new.
func TestTheRestoreDrillIsPassedByEveryStore(t *testing.T) {
	servers := natstest.Start(t, 1).URL()
	database, other := pgtest.Database(t), pgtest.Database(t)
	for name, at := range map[string]struct{ log, target, again string }{
		"a directory":                 {filepath.Join(t.TempDir(), "log"), "", ""},
		"PostgreSQL":                  {database, other, other + "&log=again"},
		"PostgreSQL into a directory": {database + "&log=second", "", ""},
		"NATS": {
			servers + "?log=cards&dir=" + filepath.Join(t.TempDir(), "node"),
			servers + "?log=restored&dir=" + filepath.Join(t.TempDir(), "restored"),
			servers + "?log=again&dir=" + filepath.Join(t.TempDir(), "again"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := filled(t, at.log)
			looked := at.log
			if strings.HasPrefix(at.log, "nats") { // the program is a node of its own
				looked += "-of-the-drill"
			}
			dir := t.TempDir()
			for n, target := range []string{at.target, at.again} {
				args := []string{looked, dir}
				if target != "" {
					args = append(args, target)
				}
				told, passed := drill(t, args...)
				if want := []string{"up to position 40\n", "up to position 80\n"}[n]; !passed || !strings.Contains(told, "the log's digest "+want) || !strings.Contains(told, "drill: passed") {
					t.Fatalf("drill %d: it should end %q:\n%s", n+1, want, told)
				}
				use(t, store, "second")
			}
		})
	}
}

// A backup that is not the log, and a program that has something against what was restored, are
// no drill that was passed.
func TestTheRestoreDrillFindsWhatCannotBeRestored(t *testing.T) {
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	store := filled(t, log)
	if told, passed := drill(t, log, dir, filepath.Join(dir, "restored"), "false"); passed || !strings.Contains(told, "with the same digest") {
		t.Errorf("what was restored does not pass, and the drill does:\n%s", told)
	}
	use(t, store, "second")
	segments, err := filepath.Glob(filepath.Join(dir, "backup", "*.seg"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments of the backup: %v, %v", segments, err)
	}
	content, err := os.ReadFile(segments[0])
	if err == nil {
		err = os.WriteFile(segments[0], bytes.Replace(content, []byte("CardUsed"), []byte("CardLost"), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if told, passed := drill(t, log, dir); passed {
		t.Errorf("a backup with a letter changed passes:\n%s", told)
	}
	if told, passed := drill(t, log); passed || !strings.Contains(told, "usage: deploy/restore-drill.sh LOG DIR") {
		t.Errorf("called with too little:\n%s", told)
	}
}
