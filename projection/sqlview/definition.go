package sqlview

import (
	"fmt"
	"regexp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A Definition says what a read model in SQL is. Make it with [New], once, in a
// variable. It never changes, and may be opened any number of times.
type Definition struct {
	name     string
	version  int
	schema   string
	handlers *projection.Handlers[*Tx]
}

// A Handler changes the tables of a read model. Make it with [On].
type Handler = projection.Handler[*Tx]

// On returns a handler that changes tables because of a fact of type E. It is given
// the event that the fact was recorded as, too.
//
// Handlers run one at a time, in order of position. If one returns an error, or
// panics, everything since the last checkpoint is undone and it is tried again
// later: so it must have no effect but on the tables. It gets no context for that
// reason.
func On[E any](handle func(tx *Tx, fact E, at daybook.Recorded) error) Handler {
	return projection.Handle(func(tx *Tx, fact E, at daybook.Recorded) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("the handler of %T panicked: %v", fact, p)
			}
		}()
		return handle(tx, fact, at)
	})
}

// names are such that they need no escaping in the name of a file or of a schema.
var names = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// New returns the definition of a read model whose tables the statements in schema
// create, which handlers of facts that the codec knows change. Names that begin with
// "daybook" are taken. Raise the version whenever schema or a handler changes.
//
// It panics on mistakes that can be found when the program starts: a name that is
// not of lower-case letters, digits and underscores (48 at most), a version below 1,
// and those of [projection.NewHandlers].
func New(name string, version int, codec *daybook.Codec, schema string, handlers ...Handler) *Definition {
	if !names.MatchString(name) {
		panic(fmt.Sprintf("sqlview: the name %q is not of lower-case letters, digits and underscores", name))
	}
	if version < 1 {
		panic(fmt.Sprintf("sqlview: version %d of %s; the first version is 1", version, name))
	}
	return &Definition{name: name, version: version, schema: schema, handlers: projection.NewHandlers(codec, handlers...)}
}
