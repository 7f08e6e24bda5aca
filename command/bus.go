package command

import (
	"context"
	"fmt"
	"reflect"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// An Envelope is what is written on a command from outside. The zero Envelope sends
// a new command, by nobody in particular, on no condition.
type Envelope struct {
	// ID is the command's id. Zero derives it from Key, or makes a new one where there
	// is no key either.
	ID ID
	// Principal is who sends the command: it is what Authorize is asked about, what
	// keys belong to, and the actor where the context's trace names none.
	Principal string
	// Key is the sender's own name for the command, such as an Idempotency-Key.
	Key string
	// If is a condition of the sender's own, such as that of an If-Match. It is
	// final; see [decider.Plan.If].
	If daybook.Condition
}

// Options adjust a bus. The zero value, and nil, are right for a program without
// permissions.
type Options struct {
	// Authorize is asked whether a principal may send a command, before it is
	// validated. An error of it is returned in a [*DeniedError]. Nil permits all.
	Authorize func(ctx context.Context, principal string, command any) error
	// Around, if set, is called for every command that was decoded, and calls next to
	// have it run: for logs, metrics and spans. It returns what next returns.
	Around func(ctx context.Context, sent Sent, next func(context.Context) (daybook.Receipt, error)) (daybook.Receipt, error)
	// Decide are options for deciding, such as [decider.WithSnapshots].
	Decide []decider.Option
}

// Sent is a command on its way.
type Sent struct {
	ID        ID
	Type      string
	Principal string
	Command   any
}

// A Bus runs commands against a store. It may be used by many goroutines.
type Bus struct {
	store   daybook.Store
	options Options
	byName  map[string]Handler
	byType  map[reflect.Type]Handler
}

// NewBus returns a bus for these commands. It panics, as a mistake to be found when
// the program starts, if a name or a type is declared twice.
func NewBus(store daybook.Store, handlers []Handler, options *Options) *Bus {
	b := &Bus{store: store, byName: make(map[string]Handler), byType: make(map[reflect.Type]Handler)}
	if options != nil {
		b.options = *options
	}
	for _, h := range handlers {
		if _, twice := b.byName[h.name]; twice {
			panic(fmt.Sprintf("command: %q is declared twice", h.name))
		}
		if before, twice := b.byType[h.of]; twice {
			panic(fmt.Sprintf("command: %s is called %q and %q", h.of, before.name, h.name))
		}
		b.byName[h.name], b.byType[h.of] = h, h
	}
	return b
}

// Send runs the command of this name that is written in data as a JSON object.
func (b *Bus) Send(ctx context.Context, e Envelope, name string, data []byte) (daybook.Receipt, error) {
	h, known := b.byName[name]
	if !known {
		return daybook.Receipt{}, &daybook.InvalidError{What: "command", Value: name, Reason: "is not known here"}
	}
	c, err := h.decode(data)
	if err != nil {
		return daybook.Receipt{}, &daybook.InvalidError{What: "command " + name, Reason: err.Error()}
	}
	return b.run(ctx, e, h, c)
}

// Do runs a command, a value of a declared type.
func (b *Bus) Do(ctx context.Context, e Envelope, c any) (daybook.Receipt, error) {
	h, known := b.byType[reflect.TypeOf(c)]
	if !known {
		return daybook.Receipt{}, &daybook.InvalidError{What: fmt.Sprintf("command %T", c), Reason: "is not known here"}
	}
	return b.run(ctx, e, h, c)
}

func (b *Bus) run(ctx context.Context, e Envelope, h Handler, c any) (daybook.Receipt, error) {
	id := e.ID
	switch {
	case id != ID{}:
	case e.Key != "":
		id = KeyID(e.Principal, h.name, e.Key)
	default:
		id = NewID()
	}
	if err := validate(h.name, c); err != nil {
		return daybook.Receipt{}, err
	}
	return decider.Decide(ctx, b.store, h.plan(c, id).If(e.If), b.options.Decide...)
}
