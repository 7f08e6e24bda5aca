package command

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// A Handler says which decision one type of command asks for. Make it with [On].
type Handler struct {
	name     string
	of       reflect.Type
	decode   func([]byte) (any, error)
	validate func(any) error
	plan     func(any, ID) decider.Plan
}

// On declares that commands of type C are sent under this name, for ever, and says
// which decision such a command asks for. The id is for naming what the command
// creates; see [ID.Derive]. The function plan is called once each time such a command
// is sent, by many goroutines.
//
// C is a plain struct. If it, or a pointer to it, has a method Validate() error, that
// is called before anything is decided, and an error makes the command invalid. On
// panics if C is no struct or cannot be written as JSON: such mistakes are found when
// the program starts.
func On[C any](name string, plan func(c C, id ID) decider.Plan) Handler {
	h := Handler{
		name: name,
		of:   reflect.TypeFor[C](),
		decode: func(data []byte) (any, error) {
			var c C
			err := decode(data, &c)
			return c, err
		},
		validate: func(c any) error {
			addressed := c.(C)
			v, ok := any(&addressed).(interface{ Validate() error })
			if !ok {
				return nil
			}
			return v.Validate()
		},
		plan: func(c any, id ID) decider.Plan { return plan(c.(C), id) },
	}
	var zero C
	if h.of.Kind() != reflect.Struct {
		panic(fmt.Sprintf("command: %q is declared as %s; a command is a plain struct", name, h.of))
	}
	if _, err := json.Marshal(zero); err != nil {
		panic(fmt.Sprintf("command: %q cannot be written as JSON: %v", name, err))
	}
	return h
}

// decode reads one JSON object, all of the data and nothing else. Unknown fields,
// fields twice, names in another case and text that is not UTF-8 are errors: what
// the sender meant by them would be lost.
func decode(data []byte, c any) error {
	if kind := jsontext.Value(data).Kind(); kind != '{' && kind != 0 {
		return fmt.Errorf("is %s where an object was expected", kinds[kind])
	}
	return json.Unmarshal(data, c, json.RejectUnknownMembers(true))
}

// kinds names the JSON values that are no object.
var kinds = map[jsontext.Kind]string{'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number", '[': "an array"}

// digest returns the SHA-256, in hexadecimal, of a command as it was understood:
// two ways of writing the same command have the same digest. Fields with zero values
// do not count, so that a command sent before its type got a new field, and again
// after, is still the same.
func digest(c any) (string, error) {
	canonical, err := json.Marshal(c, json.Deterministic(true), json.OmitZeroStructFields(true))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// invalid returns what is wrong with a command, and where, as an InvalidError.
func invalid(name string, err error) error {
	if known := (*daybook.InvalidError)(nil); errors.As(err, &known) {
		return err
	}
	e := &daybook.InvalidError{What: "command " + name}
	syntactic, semantic := (*jsontext.SyntacticError)(nil), (*json.SemanticError)(nil)
	switch {
	case errors.As(err, &syntactic):
		e.What += place(syntactic.JSONPointer, syntactic.ByteOffset)
		e.Reason = reason(syntactic.Err)
	case errors.As(err, &semantic):
		e.What += place(semantic.JSONPointer, semantic.ByteOffset)
		e.Value = string(semantic.JSONValue)
		e.Reason = reason(semantic.Err)
		if semantic.Err == nil || e.Value != "" {
			e.Reason = fmt.Sprintf("cannot be read as %s", semantic.GoType)
			if semantic.Err != nil {
				e.Reason += ": " + semantic.Err.Error()
			}
		}
	default:
		e.What += ":" // the reason may begin with the name of a field
		e.Reason = err.Error()
	}
	return e
}

// place says where in a document something is.
func place(pointer jsontext.Pointer, offset int64) string {
	if pointer == "" {
		return " at byte " + strconv.FormatInt(offset, 10)
	}
	return fmt.Sprintf(" at %s (byte %d)", pointer, offset)
}

// reason says what is wrong there, in plainer words than the decoder's if there are.
func reason(err error) string {
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return "is a field that the command does not have"
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "is there twice"
	case err == nil:
		return "is not understood"
	}
	return "is not understood: " + err.Error()
}
