package library

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/store/memstore"
)

// dataDir returns where the real data is, or skips the test.
func dataDir(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("DAYBOOK_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir = filepath.Join(dir, name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("there is no %s; see DAYBOOK_DATA", dir)
	}
	return dir
}

func TestImportGoodbooks(t *testing.T) {
	store := memstore.New()
	for i, want := range []Import{{Books: 9322, Added: 9322}, {Books: 9322, Repeated: 9322}} {
		catalogue, err := OpenGoodbooks(dataDir(t, "goodbooks"), 2)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := Record(t.Context(), store, catalogue.Books(), time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		sum.Elapsed = 0
		if diff := cmp.Diff(want, sum); diff != "" {
			t.Errorf("import %d (-want, +got):\n%s", i+1, diff)
		}
		left := 0
		for _, odd := range catalogue.Odd.List() {
			if strings.Contains(odd.What, "left out") {
				left += odd.Count
			}
		}
		if sum.Books+left != 10_000 {
			t.Errorf("%d books were read and %d left out, of 10,000: %v", sum.Books, left, catalogue.Odd.List())
		}
	}
}
