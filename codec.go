package daybook

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A Codec turns facts, which are Go values, into events and back. It knows under
// which name each kind of fact is stored, for ever, and how events of earlier
// shapes become facts of today. Make it with [NewCodec] or [Join], once, in a
// variable. It never changes and may be used by many goroutines.
type Codec struct {
	byName  map[string]Kind
	current map[reflect.Type]Kind // the kinds that facts are written as
	old     map[reflect.Type]Kind // the kinds whose shapes are read but no longer written
}

// NewCodec returns a codec of these kinds. It panics if a name or a type would mean
// two things, if no event may have the name, or if an upcast leads nowhere or in a
// circle: such mistakes are found when the program starts.
func NewCodec(kinds ...Kind) *Codec {
	c := &Codec{
		byName:  make(map[string]Kind, len(kinds)),
		current: make(map[reflect.Type]Kind, len(kinds)),
		old:     make(map[reflect.Type]Kind),
	}
	for _, k := range kinds {
		if reason := checkOwnName(k.name); reason != "" {
			panic(fmt.Sprintf("daybook: the name %q of a kind %s", k.name, reason))
		}
		if k.stored.Kind() == reflect.Pointer || k.stored.Kind() == reflect.Interface {
			panic(fmt.Sprintf("daybook: %s is declared as %s; facts are plain values", k.name, k.stored))
		}
		if before, twice := c.byName[k.name]; twice {
			panic(fmt.Sprintf("daybook: %q is the name of %s and of %s", k.name, before.stored, k.stored))
		}
		c.byName[k.name] = k
		if !k.current {
			continue
		}
		if before, twice := c.current[k.stored]; twice {
			panic(fmt.Sprintf("daybook: %s is called %q and %q", k.stored, before.name, k.name))
		}
		c.current[k.stored] = k
	}
	shared := make(map[reflect.Type]string) // which shapes have another kind than the one in old
	for _, k := range kinds {
		if k.current {
			continue
		}
		if _, written := c.current[k.stored]; written {
			continue
		}
		if before, twice := c.old[k.stored]; twice {
			shared[k.stored] = before.name
		}
		c.old[k.stored] = k
	}
	for _, k := range kinds {
		for _, becomes := range k.becomes {
			if other, ambiguous := shared[becomes]; ambiguous {
				panic(fmt.Sprintf("daybook: %q becomes %s, which is the old shape of %q and of %q", k.name, becomes, other, c.old[becomes].name))
			}
		}
		if _, err := c.facts(k, nil); err != "" {
			panic("daybook: " + err)
		}
	}
	return c
}

// Join returns a codec that knows all that these know, for projections over several
// domains. It panics where they contradict each other, as [NewCodec] does. A kind
// may be in several of them if it is the same in each.
func Join(codecs ...*Codec) *Codec {
	var kinds []Kind
	seen := make(map[string]Kind)
	for _, c := range codecs {
		for _, name := range c.names() {
			k := c.byName[name]
			if before, twice := seen[name]; twice && before.same(k) {
				continue
			}
			seen[name] = k
			kinds = append(kinds, k)
		}
	}
	return NewCodec(kinds...)
}

func (k Kind) same(other Kind) bool {
	return k.name == other.name && k.stored == other.stored && k.current == other.current && slices.Equal(k.becomes, other.becomes)
}

// facts returns the types of the facts that an event of kind k can become today.
// The second result says what is wrong, if anything is.
func (c *Codec) facts(k Kind, path []string) ([]reflect.Type, string) {
	if k.current {
		return []reflect.Type{k.stored}, ""
	}
	if slices.Contains(path, k.name) {
		return nil, fmt.Sprintf("the upcasts of %s lead in a circle", strings.Join(append(path, k.name), ", "))
	}
	var facts []reflect.Type
	for _, becomes := range k.becomes {
		next, known := c.current[becomes]
		if !known {
			next, known = c.old[becomes]
		}
		if !known {
			return nil, fmt.Sprintf("%q becomes %s, which this codec has no kind for", k.name, becomes)
		}
		more, wrong := c.facts(next, append(path, k.name))
		if wrong != "" {
			return nil, wrong
		}
		facts = append(facts, more...)
	}
	return facts, ""
}

// Event returns a fact as an event to be recorded: type and tags as its kind says,
// data as JSON, no id and no stream. A fact that the codec has no kind for, or that
// cannot be written as JSON, is an [*InvalidError].
func (c *Codec) Event(fact any) (Event, error) {
	k, known := c.current[reflect.TypeOf(fact)]
	if !known {
		return Event{}, &InvalidError{What: fmt.Sprintf("fact %T", fact), Reason: "has no kind in this codec; declare it, and return facts as values"}
	}
	data, err := encode(fact)
	if err != nil {
		return Event{}, &InvalidError{What: fmt.Sprintf("fact %T", fact), Reason: fmt.Sprintf("cannot be written as JSON: %v", err)}
	}
	e := Event{Type: k.name, Data: data, ContentType: JSON}
	if k.tags != nil {
		e.Tags = k.tags(fact)
	}
	return e, nil
}

// Facts returns what an event says today: one fact, or several in order if its kind
// was made with [Split]. An event that the codec has no kind for, whose data is
// not what the kind says, or of which only a stub is left, is an [*UnreadableError].
// Fields of the data that the fact's type does not have are passed over.
func (c *Codec) Facts(r Recorded) ([]any, error) {
	if r.Stub != nil {
		return nil, &UnreadableError{Position: r.Position, Reason: "it was forgotten and scavenged, and only a stub is left"}
	}
	k, known := c.byName[r.Type]
	if !known {
		return nil, &UnreadableError{Type: r.Type, Position: r.Position, Reason: "this program has no kind for it; a newer one may have recorded it"}
	}
	if r.ContentType != JSON && r.ContentType != "" {
		return nil, &UnreadableError{Type: r.Type, Position: r.Position, Reason: "its data is " + r.ContentType}
	}
	fact, err := k.decode(r.Data)
	if err != nil {
		return nil, &UnreadableError{Type: r.Type, Position: r.Position, Reason: "its data cannot be read", Err: err}
	}
	if k.current {
		return []any{fact}, nil
	}
	facts, err := c.upcast(k, fact)
	if err != nil {
		return nil, &UnreadableError{Type: r.Type, Position: r.Position, Reason: "it cannot be brought up to date", Err: err}
	}
	return facts, nil
}

// upcast turns what kind k stored into facts of today.
func (c *Codec) upcast(k Kind, stored any) ([]any, error) {
	var facts []any
	for _, fact := range k.upcast(stored) {
		if !slices.Contains(k.becomes, reflect.TypeOf(fact)) {
			return nil, fmt.Errorf("its upcast returned a %T, which its kind does not announce", fact)
		}
		if _, current := c.current[reflect.TypeOf(fact)]; current {
			facts = append(facts, fact)
			continue
		}
		more, err := c.upcast(c.old[reflect.TypeOf(fact)], fact)
		if err != nil {
			return nil, err
		}
		facts = append(facts, more...)
	}
	return facts, nil
}

// NamesOf returns, sorted, every event type whose events can become facts of type E
// today. It is what a handler of E has to ask the store for. It is empty if the
// codec does not know E.
func NamesOf[E any](c *Codec) []string {
	var names []string
	for _, name := range c.names() {
		if facts, _ := c.facts(c.byName[name], nil); slices.Contains(facts, reflect.TypeFor[E]()) {
			names = append(names, name)
		}
	}
	return names
}

// names returns every stored name, sorted.
func (c *Codec) names() []string {
	names := make([]string, 0, len(c.byName))
	for name := range c.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Fingerprint identifies what the codec knows: the names, the Go types that their
// data is read into, and the types that upcasts lead to, all down to their fields.
// A cache of folded state is good only for the codec that it was folded with. A
// change inside the function of an upcast does not change the fingerprint.
func (c *Codec) Fingerprint() string {
	var b strings.Builder
	for _, name := range c.names() {
		k := c.byName[name]
		fmt.Fprintf(&b, "%q %s", name, shape(k.stored, nil))
		for _, becomes := range k.becomes {
			fmt.Fprintf(&b, " -> %s", becomes)
		}
		b.WriteByte('\n')
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:16])
}

// shape spells a type out, down to its fields. A type that is within itself is
// spelled out once.
func shape(t reflect.Type, within []reflect.Type) string {
	if slices.Contains(within, t) {
		return t.String()
	}
	within = append(within, t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return t.Kind().String() + " " + shape(t.Elem(), within)
	case reflect.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), shape(t.Elem(), within))
	case reflect.Map:
		return "map " + shape(t.Key(), within) + " " + shape(t.Elem(), within)
	case reflect.Struct:
		var b strings.Builder
		b.WriteString(t.String() + "{")
		for i := range t.NumField() {
			f := t.Field(i)
			fmt.Fprintf(&b, "%s %s %q;", f.Name, shape(f.Type, within), f.Tag)
		}
		return b.String() + "}"
	}
	return t.String()
}

// An UnreadableError reports a recorded event that this program cannot turn into
// facts. The event is sound; what is missing is a kind that knows it.
type UnreadableError struct {
	// Type and Position say which event. Type is empty if only a stub is left of it.
	Type     string
	Position Position
	// Reason says what stands in the way.
	Reason string
	// Err is the cause, if there is one.
	Err error
}

func (e *UnreadableError) Error() string {
	what := e.Type
	if what == "" {
		what = "the event"
	}
	if e.Err == nil {
		return fmt.Sprintf("daybook: unreadable: %s at position %d: %s", what, e.Position, e.Reason)
	}
	return fmt.Sprintf("daybook: unreadable: %s at position %d: %s: %v", what, e.Position, e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *UnreadableError) Unwrap() error { return e.Err }
