package catalog

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybook-es/daybook/apps/internal/importing"
)

// A Line is one of many in which somebody sends products to be created.
type Line struct {
	// Number is that of the line, counted from 1; of the first, if a product takes several.
	Number int
	// Create says what to create, unless Wrong says what is wrong with the line, in which
	// case Column is where, in bytes counted from 1, if it is in one place.
	Create CreateProduct
	Wrong  error
	Column int
	// Size is how many bytes the line has.
	Size int
}

// MaxLine is the greatest size of a line, in bytes.
const MaxLine = 64 << 10

// ErrLineTooLong says why a line is not read.
var ErrLineTooLong = fmt.Errorf("it is longer than %d bytes", MaxLine)

// ReadJSONLines yields the lines of a text in which each is a JSON object, as that of
// [CreateProduct]. Lines with nothing in them are passed over. It ends with the error that
// came in the way of reading, and holds no more than one line.
func ReadJSONLines(from io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		lines := bufio.NewReaderSize(importing.WithoutMark(from), MaxLine)
		for number := 1; ; number++ {
			text, err := lines.ReadSlice('\n')
			line := Line{Number: number, Size: len(text)}
			for tooLong := errors.Is(err, bufio.ErrBufferFull); tooLong; tooLong = errors.Is(err, bufio.ErrBufferFull) {
				line.Wrong, line.Column = ErrLineTooLong, MaxLine+1
				_, err = lines.ReadSlice('\n')
			}
			if err != nil && err != io.EOF {
				yield(Line{}, err)
				return
			}
			if line.Wrong == nil && len(bytes.TrimSpace(text)) > 0 {
				line.Column, line.Wrong = line.Create.read(text)
			}
			if line.Wrong != nil || len(bytes.TrimSpace(text)) > 0 {
				if !yield(line, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
		}
	}
}

// read reads a product from a line of JSON, and returns what is wrong with it, and where.
func (c *CreateProduct) read(text []byte) (column int, wrong error) {
	err := json.Unmarshal(text, c, json.RejectUnknownMembers(true))
	syntax, semantic := (*jsontext.SyntacticError)(nil), (*json.SemanticError)(nil)
	switch {
	case errors.As(err, &syntax):
		return int(syntax.ByteOffset) + 1, err
	case errors.As(err, &semantic):
		return int(semantic.ByteOffset) + 1, err
	}
	return 0, cmp.Or(err, c.Validate())
}

// csvColumns are what the first line of a table may name.
var csvColumns = []string{"name", "price", "sku", "description", "category", "stock"}

// A HeaderError says what is wrong with the first line of a table.
type HeaderError struct{ Reason string }

func (e *HeaderError) Error() string { return "the first line of the table: " + e.Reason }

// ReadCSV yields the lines of a table, as RFC 4180 has it, whose first line names its
// columns: name and price, and any of sku, description, category and stock. It ends with
// the error that came in the way of reading, which is a [*HeaderError] if it is the first
// line, and holds no more than one line.
func ReadCSV(from io.Reader) iter.Seq2[Line, error] { return ReadTable(from, ',') }

// ReadTable is [ReadCSV] of a table whose columns are set apart by another sign, such as the
// tabulator of what is copied out of a spreadsheet.
func ReadTable(from io.Reader, separator rune) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		bounded := &bounded{from: importing.WithoutMark(from), left: MaxLine}
		table := csv.NewReader(bounded)
		table.ReuseRecord, table.Comma = true, separator
		header, err := table.Read()
		if err == nil {
			header = slices.Clone(header)
			err = checkHeader(header)
		} else if err == io.EOF {
			err = &HeaderError{"it is missing; name the columns, at least name and price"}
		}
		if malformed := (*csv.ParseError)(nil); errors.As(err, &malformed) {
			err = &HeaderError{malformed.Error()}
		}
		if err != nil {
			yield(Line{}, err)
			return
		}
		for {
			bounded.left = MaxLine
			before, begins := table.InputOffset(), bounded.lines+1
			record, err := table.Read()
			malformed := (*csv.ParseError)(nil)
			var line Line
			switch {
			case err == io.EOF:
				return
			case errors.Is(err, ErrLineTooLong):
				// Nobody knows where the next line begins.
				yield(Line{Number: begins, Wrong: fmt.Errorf("%w, and so is whatever follows it not read", ErrLineTooLong)}, nil)
				return
			case errors.As(err, &malformed):
				line = Line{Number: malformed.StartLine, Wrong: malformed.Err, Column: malformed.Column}
			case err != nil:
				yield(Line{}, err)
				return
			default:
				line = lineOf(table, header, record)
			}
			line.Size = int(table.InputOffset() - before)
			if !yield(line, nil) {
				return
			}
		}
	}
}

// checkHeader returns what is wrong with the names of a table's columns. It mends how they
// are written.
func checkHeader(header []string) error {
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(csvColumns, name):
			return &HeaderError{fmt.Sprintf("there is no column %.40q; there are %s", name, strings.Join(csvColumns, ", "))}
		case slices.Contains(header[:i], name):
			return &HeaderError{fmt.Sprintf("column %s stands there twice", name)}
		}
		header[i] = name
	}
	for _, needed := range csvColumns[:2] {
		if !slices.Contains(header, needed) {
			return &HeaderError{fmt.Sprintf("column %s is missing", needed)}
		}
	}
	return nil
}

// lineOf returns a line of a table.
func lineOf(table *csv.Reader, header, record []string) (line Line) {
	line.Number, _ = table.FieldPos(0)
	for i, name := range header {
		text := record[i]
		var err error
		switch c := &line.Create; name {
		case "name":
			c.Name = strings.Clone(text)
		case "price":
			var price Price
			if price, err = ParsePrice(strings.TrimSpace(text)); err == nil {
				c.Price = &price
			}
		case "sku":
			err = c.SKU.UnmarshalText([]byte(text))
		case "description":
			c.Description = strings.Clone(text)
		case "category":
			c.Category = strings.Clone(text)
		case "stock":
			if text = strings.TrimSpace(text); text == "" {
				break
			}
			if c.Stock, err = strconv.ParseInt(text, 10, 64); err != nil {
				err = fmt.Errorf("%.40q is not a whole number", text)
			}
		}
		if err == nil && !utf8.ValidString(text) {
			err = errors.New("is not UTF-8")
		}
		if err != nil {
			_, line.Column = table.FieldPos(i)
			line.Wrong = fmt.Errorf("%s: %w", name, err)
			return line
		}
	}
	line.Wrong = line.Create.Validate()
	return line
}

// A bounded reader gives no more than so many bytes of one line to whoever would keep all
// of it.
type bounded struct {
	from  *bufio.Reader
	left  int
	lines int // those that were given to their end
}

// Read implements [io.Reader]. It gives one line at most, so that what is left is that of
// the line which is being read.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrLineTooLong
	}
	ahead, err := b.from.Peek(1)
	if len(ahead) == 0 {
		return 0, err
	}
	ahead, _ = b.from.Peek(min(b.from.Buffered(), len(p), b.left))
	if end := bytes.IndexByte(ahead, '\n'); end >= 0 {
		ahead = ahead[:end+1]
	}
	n := copy(p, ahead)
	b.lines += bytes.Count(ahead, []byte("\n"))
	_, _ = b.from.Discard(n) // it is there
	b.left -= n
	return n, nil
}
