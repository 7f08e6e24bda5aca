package sqlview

import (
	"fmt"
	"regexp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A Definition says what a read model in SQL consists of. Make it with [New], once, in
// a variable. It never changes, and may be opened any number of times.
type Definition struct {
	name     string
	version  int
	edition  int
	sqlite   string // the statements that make its tables,
	postgres string // in each kind of database
	parts    int
	keys     func(daybook.Recorded) []string
	lineage  bool
	handlers *projection.Handlers[*Tx]
}

// A Handler changes the tables of a read model. Make it with [On].
type Handler = projection.Handler[*Tx]

// On returns a handler that changes tables because of a fact of type E. It is also
// given the event that the fact was recorded as.
//
// Handlers of a part run one at a time, in order of position within a key. If one returns
// an error or panics, what the batch did is undone, its event is set aside, and the others
// are applied again: so a handler must have no effect but on the tables. That is why it
// gets no context.
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

// names need no escaping in the name of a file or of a schema.
var names = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// New returns the definition of a read model. The statements in schema create its
// tables, whose names must not begin with "daybook"; the handlers, of facts that the
// codec knows, change them. Raise the version whenever the schema or a handler
// changes.
//
// The schema is for SQLite, and for PostgreSQL too unless [Definition.WithPostgres]
// says otherwise: what both understand, such as text, bigint and boolean, needs to be
// written once.
//
// New panics if name is not a lower-case letter followed by at most 47 lower-case
// letters, digits and underscores, if the version is below 1, and as
// [projection.NewHandlers] does: such mistakes are found when the program starts.
func New(name string, version int, codec *daybook.Codec, schema string, handlers ...Handler) *Definition {
	if !names.MatchString(name) {
		panic(fmt.Sprintf("sqlview: the name %q is not of lower-case letters, digits and underscores", name))
	}
	if version < 1 {
		panic(fmt.Sprintf("sqlview: version %d of %s; the first version is 1", version, name))
	}
	return &Definition{
		name: name, version: version, edition: 1, sqlite: schema, postgres: schema,
		parts: 1, keys: projection.ByStream,
		handlers: projection.NewHandlers(codec, handlers...),
	}
}

// WithPostgres returns a definition with another schema for PostgreSQL, whose types are
// not those of SQLite. What handlers pass is kept in these:
//
//	Go                        SQLite    PostgreSQL
//	int, uint and so on       integer   bigint, integer, smallint
//	float64                   real      double precision
//	string                    text      text, and any type that is written as text
//	uuid.UUID                 text      uuid, text
//	bool                      integer   boolean
//	time.Time, nanoseconds    integer   bigint
//	[]byte                    blob      bytea, jsonb
//
// Times are not kept as timestamptz, which would cut them to microseconds.
func (d *Definition) WithPostgres(schema string) *Definition {
	other := *d
	other.postgres = schema
	return &other
}

// Name returns the name of the read model.
func (d *Definition) Name() string { return d.name }

// WithKeys returns a definition whose events have other keys than their streams: see
// [projection.View] and [projection.ByTag].
func (d *Definition) WithKeys(keys func(e daybook.Recorded) []string) *Definition {
	other := *d
	other.keys = keys
	return &other
}

// WithParts returns a definition of so many parts, which is at least one and part of the
// version. In PostgreSQL parts are changed at the same time, each through a connection
// of its own: their handlers should not change the same rows, for which they would wait
// for each other, and in which they could deadlock. In SQLite they take turns.
func (d *Definition) WithParts(parts int) *Definition {
	if parts < 1 {
		panic(fmt.Sprintf("sqlview: %s has %d parts; the least is 1", d.name, parts))
	}
	other := *d
	other.parts = parts
	return &other
}

// WithLineage returns a definition of tables that note which events changed each row:
// see [View.Lineage]. Every row that is changed then costs another one. Tables without
// a primary key note nothing. It is part of the version.
func (d *Definition) WithLineage() *Definition {
	other := *d
	other.lineage = true
	return &other
}
