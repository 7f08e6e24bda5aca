package importing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// write writes files below a new directory; what is called .gz is compressed.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, ".gz") {
			var compressed bytes.Buffer
			w := gzip.NewWriter(&compressed)
			if _, err := w.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			content = compressed.String()
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAllPiecesOfATableAreRead(t *testing.T) {
	dir := write(t, map[string]string{
		"a/things.csv":      "\ufeff\"name\",price\nlamp,1.5\n",
		"b/c/things.csv.gz": "price,colour,name\n2,red,bulb\n",
		"b/others.csv":      "name\nnail\n",
	})
	tables, err := Find(dir, "things.csv", "more.csv")
	if err != nil {
		t.Fatal(err)
	}
	if err := tables.Track("things.csv"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for row := range tables.Rows("things.csv", "name", "price") {
		got = append(got, row.Text(0)+" "+row.Money(1).String())
		if row.Err() != nil {
			t.Fatal(row.Err())
		}
	}
	if want := []string{"lamp 1.50", "bulb 2.00"}; !slices.Equal(got, want) {
		t.Errorf("it has %q, want %q", got, want)
	}
	if read, size := tables.Progress(); read != size || size == 0 {
		t.Errorf("%d of %d bytes were read", read, size)
	}
	if err := tables.Need("things.csv", "more.csv"); err == nil || !strings.Contains(err.Error(), "is more.csv (plain or .gz)") {
		t.Errorf("it needs more.csv: %v", err)
	}
}

func TestATableMayBeAFileOfAnyName(t *testing.T) {
	path := filepath.Join(write(t, map[string]string{"mine.txt": "name\nlamp\n"}), "mine.txt")
	tables, err := Find(path, "things.csv")
	if err != nil {
		t.Fatal(err)
	}
	for row := range tables.Rows("things.csv", "name") {
		if got := row.Text(0); got != "lamp" {
			t.Errorf("it has %q", got)
		}
		return
	}
	t.Error("it has no rows")
}

func TestAMistakeNamesFileLineAndColumn(t *testing.T) {
	for content, want := range map[string]string{
		"":                                  "things.csv: is empty",
		"name\n":                            "things.csv:1: has no column n; its columns are name",
		"n,at\n1,\nx,\n":                    `things.csv:3: n: "x" is not a whole number`,
		"n,at\n1,2017-11-24\n2,yesterday\n": `things.csv:3: at: "yesterday" is not a time, such as 2017-11-24`,
		"n,at\n1,\xff\n":                    "things.csv:2: at: is not UTF-8",
		"n,at\n1\n":                         "things.csv:2: wrong number of fields",
	} {
		tables, err := Find(write(t, map[string]string{"things.csv": content}), "things.csv")
		if err != nil {
			t.Fatal(err)
		}
		for row := range tables.Rows("things.csv", "n", "at") {
			row.Whole(0)
			row.Moment(1, "2006-01-02")
			err = row.Err()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of %q it says %v; want %q", content, err, want)
		}
	}
}

func TestOdditiesAreListedTheMostFrequentFirst(t *testing.T) {
	var odd Oddities
	for _, what := range []string{"b", "c", "a", "c"} {
		odd.Count(true, what)
		odd.Count(false, "never")
	}
	var b bytes.Buffer
	WriteOdd(&b, "Odd", odd.List())
	if want := "\nOdd:\n        2  c\n        1  a\n        1  b\n"; b.String() != want {
		t.Errorf("it writes %q, want %q", b.String(), want)
	}
}

// things yields so many, and then fails if there is an error.
func things(n int, err error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

func TestEverythingIsHandedOverOnce(t *testing.T) {
	var mu sync.Mutex
	var got []int
	read, err := Batches(t.Context(), things(1001, nil), 100, 4, func(_ context.Context, batch []int) error {
		mu.Lock()
		defer mu.Unlock()
		if len(batch) > 100 {
			t.Errorf("%d were handed over at once", len(batch))
		}
		got = append(got, batch...)
		return nil
	})
	slices.Sort(got)
	if err != nil || read != 1001 || len(slices.Compact(got)) != 1001 {
		t.Errorf("%d were read and %d handed over, %v", read, len(got), err)
	}
}

func TestTheFirstErrorEndsAnImport(t *testing.T) {
	unreadable, full := errors.New("unreadable"), errors.New("full")
	if read, err := Batches(t.Context(), things(7, unreadable), 3, 2, func(context.Context, []int) error { return nil }); read != 7 || !errors.Is(err, unreadable) {
		t.Errorf("%d were read, and it says %v", read, err)
	}
	read, err := Batches(t.Context(), things(1_000_000, nil), 1, 1, func(context.Context, []int) error { return full })
	if !errors.Is(err, full) || read > 3 {
		t.Errorf("%d were read although nothing could be recorded, and it says %v", read, err)
	}
}
