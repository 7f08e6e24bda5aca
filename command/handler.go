package command

import (
	"fmt"
	"reflect"

	json "github.com/go-json-experiment/json"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// A Handler says what is to be decided on one type of command. Make it with [On].
type Handler struct {
	name   string
	of     reflect.Type
	decode func([]byte) (any, error)
	plan   func(any, ID) decider.Plan
}

// On declares that commands of type C are sent under this name, for ever, and which
// decision each is. The id is for what the command creates; see [ID.Derive].
//
// C is a plain struct. If it has a method Validate() error, that is asked before
// anything is decided; its error makes the command invalid.
func On[C any](name string, plan func(c C, id ID) decider.Plan) Handler {
	return Handler{
		name: name,
		of:   reflect.TypeFor[C](),
		decode: func(data []byte) (any, error) {
			var c C
			err := json.Unmarshal(data, &c, json.RejectUnknownMembers(true))
			return c, err
		},
		plan: func(c any, id ID) decider.Plan { return plan(c.(C), id) },
	}
}

func validate(name string, c any) error {
	v, ok := c.(interface{ Validate() error })
	if !ok {
		return nil
	}
	if err := v.Validate(); err != nil {
		return &daybook.InvalidError{What: "command " + name, Reason: fmt.Sprintf("is not valid: %v", err)}
	}
	return nil
}
