package importing

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// Tables are files of comma-separated values, plain or compressed, whose first line names
// their columns, by the names under which they were published. Make them with [Find].
//
// One goroutine reads them; any may ask for the progress.
type Tables struct {
	from  string
	files map[string][]string // the paths of each table that is there

	// read is how many bytes were read of the tables that tracked names, of size.
	tracked map[string]bool
	read    atomic.Int64
	size    int64
}

// Find looks for tables of these names, such as "products.csv", anywhere below a directory,
// plain or .gz. A table may be there in several pieces, which may overlap. If only one is
// looked for it may also be a file itself, whatever it is called.
func Find(from string, names ...string) (*Tables, error) {
	root, err := filepath.EvalSymlinks(from)
	if err != nil {
		return nil, err
	}
	t := &Tables{from: from, files: make(map[string][]string), tracked: make(map[string]bool)}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		table := strings.TrimSuffix(entry.Name(), ".gz")
		if path == root && len(names) == 1 {
			path, table = from, names[0]
		}
		if slices.Contains(names, table) {
			t.files[table] = append(t.files[table], path)
		}
		return nil
	})
	return t, err
}

// Has reports whether a table is there.
func (t *Tables) Has(table string) bool { return len(t.files[table]) > 0 }

// Need returns an error that names the tables that are not there, if any of these is not.
func (t *Tables) Need(tables ...string) error {
	missing := slices.DeleteFunc(slices.Clone(tables), t.Has)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("nowhere below %s is %s (plain or .gz)", t.from, strings.Join(missing, ", nor "))
}

// Track makes [Tables.Progress] count what is read of a table. Call it before any is read.
func (t *Tables) Track(table string) error {
	t.tracked[table] = true
	for _, path := range t.files[table] {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		t.size += info.Size()
	}
	return nil
}

// Progress returns how many bytes were read of the files that are tracked, and how many
// they have.
func (t *Tables) Progress() (read, size int64) { return t.read.Load(), t.size }

// Rows yields the rows of all pieces of a table, with the columns of these names; a row is
// good until the next one. A table that is not there has no rows. After a row with an
// error there is none.
func (t *Tables) Rows(table string, columns ...string) iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		for _, path := range t.files[table] {
			if !t.rowsOf(path, t.tracked[table], columns, yield) {
				return
			}
		}
	}
}

// rowsOf yields the rows of one file, and reports whether to go on after it.
func (t *Tables) rowsOf(path string, counted bool, columns []string, yield func(*Row) bool) bool {
	r := &Row{path: path, columns: columns}
	file, err := os.Open(path)
	if err != nil {
		r.err = err
		yield(r)
		return false
	}
	defer file.Close()
	var in io.Reader = file
	if counted {
		in = &countingReader{file, &t.read}
	}
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			r.err = fmt.Errorf("%s: %w", path, err)
			yield(r)
			return false
		}
	}
	r.table = csv.NewReader(WithoutMark(in))
	r.table.ReuseRecord = true
	if r.err = r.header(); r.err != nil {
		yield(r)
		return false
	}
	for {
		r.record, err = r.table.Read()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			r.err = r.broken(err)
		}
		if !yield(r) || r.err != nil {
			return false
		}
	}
}

// WithoutMark returns what reads a text without the byte order mark that some programs begin
// one with. In a table it would be part of the first name, and spoil it if that is quoted.
func WithoutMark(text io.Reader) *bufio.Reader {
	const mark = "\ufeff"
	plain := bufio.NewReader(text)
	if begins, _ := plain.Peek(len(mark)); string(begins) == mark {
		_, _ = plain.Discard(len(mark)) // it is there
	}
	return plain
}

// A countingReader counts what is read through it.
type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}
