//go:build unix

package main

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/programtest"
	"github.com/daybook-es/daybook/apps/internal/realdata"
	"github.com/daybook-es/daybook/store/logstore"
)

// An import that is killed in the middle, three times, and then run again gives the
// answers of one that was not.
//
// The orders' table is a pipe, which is never closed: so the killed imports cannot
// have been through.
func TestImportSurvivesAKill(t *testing.T) {
	olist := realdata.Dir(t, "olist", "answers.json")
	table := unzipped(t, filepath.Join(olist, "sample8000", "olist_orders_dataset.csv.gz"))
	rows := strings.SplitAfter(table, "\n")
	dir := filepath.Join(t.TempDir(), "shop")
	before := 0
	for kill := range 3 {
		killImport(t, dir, olist, rows[0]+strings.Join(rows[1+2500*kill:1+2500*(kill+1)], ""))
		events := eventsIn(t, dir)
		if events <= before || events >= 40105 {
			t.Fatalf("after kill %d there are %d events, and there were %d; want more, and not yet 40105", kill+1, events, before)
		}
		before = events
	}

	out, errs, code := run(t.Context(), "import", "--data", dir, olist)
	if code != 0 || !strings.Contains(out, "8,000 orders read") {
		t.Fatalf("import: %d, %q, %q", code, out, errs)
	}
	if events := eventsIn(t, dir); events != 40105 {
		t.Errorf("there are %d events, want 40105", events)
	}
	out, errs, code = run(t.Context(), "report", "--data", dir, "--json")
	if code != 0 {
		t.Fatalf("report: %d, %q", code, errs)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	var answers struct {
		Sample map[string]any `json:"sample8000"`
	}
	raw, err := os.ReadFile(filepath.Join(olist, "answers.json"))
	if err == nil {
		err = json.Unmarshal(raw, &answers)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 9 {
		t.Errorf("the report has %d keys, want 9", len(got))
	}
	for key, figures := range got {
		if !reflect.DeepEqual(figures, answers.Sample[key]) {
			t.Errorf("%s: %v; want %v", key, figures, answers.Sample[key])
		}
	}
}

// killImport imports orders that are not there yet out of a pipe, and kills the program
// as soon as it says that it has recorded some.
func killImport(t *testing.T, dir, olist, table string) {
	t.Helper()
	from := t.TempDir()
	for _, part := range []string{"sample8000/olist_order_items_dataset.csv", "sample8000/olist_order_payments_dataset.csv", "sample8000/olist_customers_dataset.csv",
		"reference/olist_products_dataset.csv", "reference/olist_sellers_dataset.csv", "reference/product_category_name_translation.csv"} {
		target, err := filepath.Abs(filepath.Join(olist, part+".gz"))
		if err == nil {
			err = os.Symlink(target, filepath.Join(from, filepath.Base(target)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	programtest.KillReading(t, filepath.Join(from, "olist_orders_dataset.csv"), table, " orders, ", false, "orders", "import", "--data", dir, from)
}

// eventsIn returns how many events are recorded in a directory that nobody has open.
func eventsIn(t *testing.T, dir string) int {
	t.Helper()
	store, err := logstore.Open(filepath.Join(dir, "log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func unzipped(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	compressed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(compressed)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
