package pgstore

import (
	"log/slog"
	"time"

	"github.com/daybook-es/daybook"
)

// Options adjust a store. The zero value, and nil, are right for most programs.
type Options struct {
	// Log is the name of the log in the schema. Any number of logs share a schema, and
	// each has its own lock, so that those who append to one never wait for another.
	// Empty means "main".
	Log string

	// Schema is the schema of the database that holds the tables. Empty means "daybook".
	// It is created if it is not there, as are the tables.
	Schema string

	// Existing has Open refuse a database that has no log of this name, and make nothing
	// there. It is for programs that only look.
	Existing bool

	// ReadOnly opens a log that is there in order to read it, whatever synchronous read
	// models it is kept with. Everything that records is a [*daybook.UnavailableError] that
	// wraps [daybook.ErrReadOnly]. Two things are written to the database all the same: that
	// nothing is recorded any more at a time about which a reading asks what was known then,
	// and a new incarnation where one is due.
	ReadOnly bool

	// Require is the least durability that receipts must state. Open refuses a server that
	// is set up for less. Zero requires nothing.
	Require daybook.Durability

	// Stride is how many positions the head moves before Wait returns although nothing
	// that it waits for was recorded. Zero means 10,000.
	Stride uint64

	// Synchronous are the read models that are changed in the transaction that records an
	// event; see [Synchronous]. The log is kept with these and no others.
	Synchronous []Synchronous

	// MaxConns is the greatest number of connections that read. Zero means what the URL
	// says as pool_max_conns, or else 8. There are up to two more: one that appends, and
	// one that is told what others append.
	MaxConns int

	// Logger is told of connections that were lost, and of a new incarnation. Nil means
	// [slog.Default].
	Logger *slog.Logger

	// For tests. clock takes the place of the server's clock, and patience of the time for
	// which a group of appends is tried again.
	clock    func() time.Time
	patience time.Duration
}

const (
	defaultLog    = "main"
	defaultSchema = "daybook"
	defaultStride = 10_000
	defaultConns  = 8
	// Long enough for a server to be started again, or for a client to find another one.
	defaultPatience = 30 * time.Second
)

// longestName is PostgreSQL's limit for the name of a schema, in bytes. It cuts off what is
// longer, and two would be one.
const longestName = 63

// limits: one append is one statement. 16 MiB and 10,000 events are some tenths of a second,
// for which all others wait. The connection has to carry them in the two seconds after which
// the server takes a writer for stopped.
var limits = daybook.Limits{AppendEvents: 10_000, AppendBytes: 16 << 20}

// filled returns the options with the defaults in place, or what is wrong with them.
func (o *Options) filled() (Options, error) {
	var filled Options
	if o != nil {
		filled = *o
	}
	filled.Existing = filled.Existing || filled.ReadOnly
	if filled.Log == "" {
		filled.Log = defaultLog
	}
	if filled.Schema == "" {
		filled.Schema = defaultSchema
	}
	if filled.Stride == 0 {
		filled.Stride = defaultStride
	}
	if filled.Logger == nil {
		filled.Logger = slog.Default()
	}
	if filled.patience == 0 {
		filled.patience = defaultPatience
	}
	if reason := checkName(filled.Schema, longestName); reason != "" {
		return filled, &daybook.InvalidError{What: "pgstore: schema", Value: filled.Schema, Reason: reason}
	}
	if reason := checkName(filled.Log, daybook.MaxNameBytes); reason != "" {
		return filled, &daybook.InvalidError{What: "pgstore: log", Value: filled.Log, Reason: reason}
	}
	return filled, nil
}
