package command

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// An Envelope says who sends a command, under which id, and on which condition. The
// zero Envelope sends a new command, by nobody in particular, on no condition.
type Envelope struct {
	// ID is the command's id. If it is zero, it is derived from Key, or a new one if
	// there is no key either. An id and a key together are invalid.
	ID ID
	// Principal is who sends the command. Authorize is asked about the principal, keys
	// belong to one, and it is the actor if the context's trace names none.
	Principal string
	// Key is the sender's own name for the command, such as an Idempotency-Key.
	Key string
	// If is a condition of the sender's own, such as that of an If-Match. It is
	// final (see [decider.Plan.If]), and is not looked at if the command is recorded
	// already.
	If daybook.Condition
}

// Options adjust a bus. The zero value, and nil, are right for a program without
// permissions.
type Options struct {
	// Authorize reports whether a command may be sent by its principal: nil if so, otherwise
	// an error, which is returned in a [*DeniedError]. It is called after the command was
	// decoded and before it is validated, by many goroutines. Nil permits all.
	Authorize func(ctx context.Context, sent Sent) error
	// Around, if set, is called for every command that was decoded, and calls next to
	// run it: for logs, metrics and spans. It returns what next returns. It is called
	// by many goroutines.
	Around Around
	// Decide are options for deciding, such as [decider.WithSnapshots]. The bus sets
	// [decider.Recall] and [decider.Stamp] itself.
	Decide []decider.Option
}

// Sent is a command on its way, as [Options.Authorize] and [Options.Around] see it.
type Sent struct {
	// ID is the command's id, given, derived or new.
	ID ID
	// Type is the command's name, and Command the value of its Go type.
	Type    string
	Command any
	// Principal is who sent it.
	Principal string
}

// A Bus runs commands against a store. It never changes and may be used by many
// goroutines. Any number of buses, in any number of processes, may serve one log.
type Bus struct {
	store   daybook.Store
	options Options
	byName  map[string]Handler
	byType  map[reflect.Type]Handler
}

// NewBus returns a bus for these commands. Nil options mean the zero Options. It
// panics if a name is empty, or a name or a type is declared twice: such mistakes
// are found when the program starts.
func NewBus(store daybook.Store, handlers []Handler, options *Options) *Bus {
	b := &Bus{store: store, byName: make(map[string]Handler), byType: make(map[reflect.Type]Handler)}
	if options != nil {
		b.options = *options
	}
	for _, h := range handlers {
		if h.name == "" {
			panic(fmt.Sprintf("command: %s has no name", h.of))
		}
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

// Handles reports whether the bus has commands of this name.
func (b *Bus) Handles(name string) bool {
	_, known := b.byName[name]
	return known
}

// Send runs the command of this name, which data holds as a JSON object, and returns
// the receipt of its events: those recorded now or, with Repeated set, those recorded
// when it was sent before. If nothing was to be recorded, the receipt has no versions
// and the point up to which the log was read for the decision.
//
// The errors are those of [decider.Decide], and
//
//   - a [*daybook.InvalidError] that says what is wrong and where, for an unknown
//     name, for data that is not exactly such a command, and for a command that its
//     Validate does not accept;
//   - a [*DeniedError] if the principal may not send it;
//   - a [*ReusedError] if another command was recorded under its id.
//
// Appended events carry the context's trace, with the command as their cause.
func (b *Bus) Send(ctx context.Context, e Envelope, name string, data []byte) (daybook.Receipt, error) {
	h, known := b.byName[name]
	if !known {
		return daybook.Receipt{}, &daybook.InvalidError{What: "command", Value: name, Reason: "is not one of this bus"}
	}
	c, err := h.decode(data)
	if err != nil {
		return daybook.Receipt{}, invalid(name, err)
	}
	return b.send(ctx, e, h, c)
}

// Do runs a command, which is a value of a declared type. It is [Bus.Send] for
// callers in the same program.
func (b *Bus) Do(ctx context.Context, e Envelope, c any) (daybook.Receipt, error) {
	h, err := b.handlerOf(c)
	if err != nil {
		return daybook.Receipt{}, err
	}
	return b.send(ctx, e, h, c)
}

// handlerOf returns the handler of a command's Go type.
func (b *Bus) handlerOf(c any) (Handler, error) {
	h, known := b.byType[reflect.TypeOf(c)]
	if !known {
		return h, &daybook.InvalidError{What: fmt.Sprintf("command %T", c), Reason: "is not one of this bus"}
	}
	return h, nil
}

// send finds out the command's id and runs it.
func (b *Bus) send(ctx context.Context, e Envelope, h Handler, c any) (daybook.Receipt, error) {
	e, err := h.identify(e)
	if err != nil {
		return daybook.Receipt{}, err
	}
	sent := Sent{ID: e.ID, Type: h.name, Command: c, Principal: e.Principal}
	next := func(ctx context.Context) (daybook.Receipt, error) { return b.run(ctx, sent, h, e.If) }
	if b.options.Around == nil {
		return next(ctx)
	}
	return b.options.Around(ctx, sent, next)
}

// Identify returns the envelope with the id under which a command that is sent in it is
// run, in place of the key: for callers who must know, before they send it, the id of
// what it creates (see [ID.Derive]). An envelope with neither gets a new id. The
// command is a value of a declared type; any other, and an envelope with both an id and
// a key, is an [*daybook.InvalidError].
func (b *Bus) Identify(e Envelope, c any) (Envelope, error) {
	h, err := b.handlerOf(c)
	if err != nil {
		return e, err
	}
	return h.identify(e)
}

// identify puts the command's id into the envelope, in place of the key.
func (h Handler) identify(e Envelope) (Envelope, error) {
	switch {
	case e.ID != ID{} && e.Key != "":
		return e, &daybook.InvalidError{What: "command " + h.name, Reason: "has both an id and a key; the id of one would hide the other"}
	case e.Key != "":
		e.ID, e.Key = KeyID(e.Principal, h.name, e.Key), ""
	case e.ID == ID{}:
		e.ID = NewID()
	}
	return e, nil
}

// run authorises, validates and decides.
func (b *Bus) run(ctx context.Context, sent Sent, h Handler, final daybook.Condition) (daybook.Receipt, error) {
	if b.options.Authorize != nil {
		if err := b.options.Authorize(ctx, sent); err != nil {
			return daybook.Receipt{}, &DeniedError{Principal: sent.Principal, Type: sent.Type, Err: err}
		}
	}
	if err := h.validate(sent.Command); err != nil {
		return daybook.Receipt{}, invalid(sent.Type, err)
	}
	digest, err := digest(sent.Command)
	if err != nil {
		return daybook.Receipt{}, invalid(sent.Type, err)
	}
	r := run{store: b.store, sent: sent, digest: digest}
	return decider.Decide(ctx, b.store, h.plan(sent.Command, sent.ID).If(final),
		slices.Concat(b.options.Decide, []decider.Option{decider.Recall(r.recall), decider.Stamp(r.stamp(ctx))})...)
}
