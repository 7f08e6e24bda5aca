package daybook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// A Kind says how one kind of fact is stored: the event type, the tags, and the Go
// type that its data is read into. Make it with [KindOf], [Was] or [Split], and
// hand it to [NewCodec].
type Kind struct {
	name string
	// stored is the Go type that the data is decoded into.
	stored reflect.Type
	// current reports whether facts of the stored type are written under this name.
	current bool
	tags    func(any) []string
	decode  func([]byte) (any, error)
	// upcast turns a stored fact into the facts that it has become, which are of the
	// types in becomes. It is nil for current kinds.
	upcast  func(any) []any
	becomes []reflect.Type
}

// KindOf declares that facts of type E are stored as events of the type name, for
// ever, with the tags that the function returns; a nil function means none. E is a
// plain struct that encoding/json can write and read back.
func KindOf[E any](name string, tags func(E) []string) Kind {
	k := stored[E](name)
	k.current = true
	if tags != nil {
		k.tags = func(fact any) []string { return tags(fact.(E)) }
	}
	return k
}

// Was declares that events of the type name, whose data has the shape of Old, are
// read as facts of type E: because the fact got another shape, or another name.
// Deciders and projections that handle E then ask the store for these events too.
// Old and E may be the same type, and Old may be what a still older shape became.
// The upcast is a pure function.
func Was[Old, E any](name string, upcast func(Old) E) Kind {
	k := stored[Old](name)
	k.upcast = func(old any) []any { return []any{upcast(old.(Old))} }
	k.becomes = []reflect.Type{reflect.TypeFor[E]()}
	return k
}

// Split declares that an event of the type name, whose data has the shape of Old,
// is read as several facts. They share the event's id and position and are applied
// together. The examples are one value, any value, of each type that upcast may
// return: whoever handles one of these types asks the store for these events too.
func Split[Old any](name string, upcast func(Old) []any, examples ...any) Kind {
	k := stored[Old](name)
	k.upcast = func(old any) []any { return upcast(old.(Old)) }
	for _, example := range examples {
		k.becomes = append(k.becomes, reflect.TypeOf(example))
	}
	return k
}

// stored returns the part of a kind that all kinds have.
func stored[E any](name string) Kind {
	return Kind{
		name:   name,
		stored: reflect.TypeFor[E](),
		decode: func(data []byte) (any, error) {
			var fact E
			err := json.Unmarshal(data, &fact)
			return fact, err
		},
	}
}

// encode returns a fact as JSON. Text that is not UTF-8 is refused: encoding/json
// would silently replace what it cannot write.
func encode(fact any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fact); err != nil {
		return nil, err
	}
	data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if i := replacement(data); i >= 0 {
		return nil, fmt.Errorf("text that is not UTF-8, near %.40q", data[max(0, i-20):])
	}
	return data, nil
}

// replacement returns where in JSON that encoding/json wrote there is the escape
// that it writes for bytes that are not UTF-8, or -1. It writes an actual U+FFFD as
// itself; an escaped backslash before "ufffd" is text.
func replacement(data []byte) int {
	for i := 0; i < len(data)-5; i++ {
		if data[i] != '\\' {
			continue
		}
		if string(data[i:i+6]) == `\ufffd` {
			return i
		}
		i++ // the escaped character
	}
	return -1
}
