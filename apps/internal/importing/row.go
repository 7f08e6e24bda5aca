package importing

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daybook-es/daybook/apps/internal/money"
)

// A Row is one of a table, with the columns that were asked for. Its first mistake is
// kept, with the place where it is, and what is read after it is empty.
type Row struct {
	table   *csv.Reader
	path    string
	columns []string
	index   []int
	record  []string
	err     error
}

// Err returns the row's first mistake, which names file, line and column.
func (r *Row) Err() error { return r.err }

// header finds the columns.
func (r *Row) header() error {
	header, err := r.table.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: is empty; its first line should name the columns", r.path)
	}
	if err != nil {
		return r.broken(err)
	}
	for _, name := range r.columns {
		i := slices.Index(header, name)
		if i < 0 {
			return fmt.Errorf("%s:1: has no column %s; its columns are %s", r.path, name, strings.Join(header, ", "))
		}
		r.index = append(r.index, i)
	}
	return nil
}

// broken says where a file cannot be read.
func (r *Row) broken(err error) error {
	if where := (*csv.ParseError)(nil); errors.As(err, &where) {
		return fmt.Errorf("%s:%d: %w", r.path, where.Line, where.Err)
	}
	return fmt.Errorf("%s: %w", r.path, err)
}

// Text returns what the i-th column asked for holds.
func (r *Row) Text(i int) string {
	if r.err != nil {
		return ""
	}
	if held := r.record[r.index[i]]; utf8.ValidString(held) {
		return strings.Clone(held)
	}
	r.Fail(i, "is not UTF-8")
	return ""
}

// Fail notes that a column holds something else than it should.
func (r *Row) Fail(i int, reason string) {
	if r.err == nil {
		line, _ := r.table.FieldPos(r.index[i])
		r.err = fmt.Errorf("%s:%d: %s: %s", r.path, line, r.columns[i], reason)
	}
}

// Money returns an amount.
func (r *Row) Money(i int) money.Cents {
	amount, err := money.ParseCents(r.Text(i))
	if err != nil {
		r.Fail(i, err.Error())
	}
	return amount
}

// Whole returns a number.
func (r *Row) Whole(i int) (n int64) {
	written := r.Text(i)
	if _, err := fmt.Sscanf(written, "%d", &n); err != nil || fmt.Sprint(n) != written {
		r.Fail(i, fmt.Sprintf("%.40q is not a whole number", written))
	}
	return n
}

// Moment returns a time, written as the layout says; an empty column has none. Times that
// do not say where they are local are taken for UTC.
func (r *Row) Moment(i int, layout string) time.Time {
	written := r.Text(i)
	if written == "" {
		return time.Time{}
	}
	t, err := time.Parse(layout, written)
	if err != nil {
		example := time.Date(2017, 11, 24, 23, 59, 0, 0, time.UTC)
		r.Fail(i, fmt.Sprintf("%.40q is not a time, such as %s", written, example.Format(layout)))
	}
	return t
}
