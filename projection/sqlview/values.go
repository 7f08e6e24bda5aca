package sqlview

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// arguments returns what the driver is given for what callers pass. Times become
// nanoseconds since 1970 in UTC, as a number that compares and sorts as they do; the
// zero time becomes null.
func arguments(args []any) []any {
	converted := make([]any, len(args))
	for i, arg := range args {
		converted[i] = arg
		if t, isTime := arg.(time.Time); isTime {
			converted[i] = nil
			if !t.IsZero() {
				converted[i] = instant(t)
			}
		}
	}
	return converted
}

// postgresArguments returns what pgx is given for what callers pass. It chooses by the
// type of the column: so it is given a few plain types only, each of which has one way
// to be written. Bytes are copied, because statements may wait.
func postgresArguments(args []any) ([]any, error) {
	converted := arguments(args)
	for i, arg := range converted {
		switch arg := arg.(type) {
		case nil, bool, int64, float64, string:
		case int:
			converted[i] = int64(arg)
		case []byte:
			converted[i] = bytes.Clone(arg)
		default:
			value, err := driver.DefaultParameterConverter.ConvertValue(arg)
			if err != nil {
				return nil, err
			}
			if shared, isBytes := value.([]byte); isBytes {
				value = bytes.Clone(shared)
			}
			converted[i] = value
		}
	}
	return converted, nil
}

// instant is a time that is not zero, as an argument.
type instant time.Time

// Value implements the interface of package database/sql. A time that 64 bits of
// nanoseconds do not reach is a [*daybook.InvalidError]: its number would be that of
// another time.
func (i instant) Value() (driver.Value, error) {
	t := time.Time(i)
	if !time.Unix(0, t.UnixNano()).Equal(t) {
		return nil, &daybook.InvalidError{What: "time", Value: t.UTC().Format(time.RFC3339), Reason: "is outside 1678 to 2261, and cannot be kept or compared with"}
	}
	return t.UnixNano(), nil
}

// destinations returns where the driver is to put what callers want to have: the
// other way round.
func destinations(dest []any) []any {
	converted := make([]any, len(dest))
	for i, d := range dest {
		converted[i] = d
		if t, isTime := d.(*time.Time); isTime {
			converted[i] = (*nanoseconds)(t)
		}
	}
	return converted
}

// optional returns where a value is put that may be null: nothing is put there then.
func optional[T any](to *T) sql.Scanner { return &nullable[T]{to} }

type nullable[T any] struct{ to *T }

// Scan implements the interface of package database/sql.
func (n *nullable[T]) Scan(value any) error {
	var got sql.Null[T]
	if err := got.Scan(value); err != nil {
		return err
	}
	if got.Valid {
		*n.to = got.V
	}
	return nil
}

// nanoseconds is a time that is read from a number.
type nanoseconds time.Time

// Scan implements the interface of package database/sql.
func (n *nanoseconds) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		*n = nanoseconds{}
	case int64:
		*n = nanoseconds(time.Unix(0, value).UTC())
	default:
		return fmt.Errorf("a time is kept as a number, and this is %T", value)
	}
	return nil
}

// Value implements the interface of package database/sql.
func (i id) Value() (driver.Value, error) {
	if i == (id{}) {
		return "", nil
	}
	return uuid.UUID(i).String(), nil
}

// Scan implements the interface of package database/sql.
func (i *id) Scan(value any) error {
	text, isText := value.(string)
	if !isText {
		return fmt.Errorf("a UUID is kept as text, and this is %T", value)
	}
	if text == "" {
		*i = id{}
		return nil
	}
	parsed, err := uuid.Parse(text)
	*i = id(parsed)
	return err
}
