package library

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/apps/internal/realdata"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestImportGoodbooks(t *testing.T) {
	store := memstore.New()
	for i, want := range []Import{{Books: 9322, Added: 9322}, {Books: 9322, Repeated: 9322}} {
		catalogue, err := OpenGoodbooks(realdata.Dir(t, "goodbooks", "books.csv.gz"), 2)
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
