package daybook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// A Kind says how one kind of fact is stored: under which name, with which tags,
// and from which shape it is read. Make it with [KindOf], [Was] or [Split], and
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

// KindOf declares that facts of type E are stored as events of this type, for
// ever, with the tags that the function gives; nil gives none. E is a plain
// struct, which encoding/json must be able to write and read back.
func KindOf[E any](name string, tags func(E) []string) Kind {
	k := stored[E](name)
	k.current = true
	if tags != nil {
		k.tags = func(fact any) []string { return tags(fact.(E)) }
	}
	return k
}

// Was declares that events of this type, stored in the shape of Old, have become
// facts of type E: a new shape for what was said, or a new name for it. Whoever
// asks a codec for E then asks the store for these events too. Old and E may be the
// same type; Old may itself be what a still older shape became.
func Was[Old, E any](name string, upcast func(Old) E) Kind {
	k := stored[Old](name)
	k.upcast = func(old any) []any { return []any{upcast(old.(Old))} }
	k.becomes = []reflect.Type{reflect.TypeFor[E]()}
	return k
}

// Split declares that an event of this type, stored in the shape of Old, has
// become several facts. The facts keep the event's one id and position and are
// applied together. The examples, any value of each type that upcast may return,
// say who has to ask for these events.
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
