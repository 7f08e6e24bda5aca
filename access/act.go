package access

import (
	"fmt"

	"github.com/daybook-es/daybook"
)

// A Kind is a kind of act.
type Kind uint8

// The kinds of act, as policies name them.
const (
	// Sending is of a command: "send".
	Sending Kind = iota + 1
	// Asking is of a query: "ask".
	Asking
	// Reading is of events: "read".
	Reading
	// Administering is of everything that is no daily work, such as a rebuild, a replay, an
	// export, or giving out a key: "administer".
	Administering
)

// String returns the verb that policies have for it.
func (k Kind) String() string {
	switch k {
	case Sending:
		return "send"
	case Asking:
		return "ask"
	case Reading:
		return "read"
	case Administering:
		return "administer"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// An Act is what somebody wants to do. Make it with [Send], [Ask], [Read] or [Administer].
type Act struct {
	Kind Kind
	// Name is that of the command, the query, or what is administered. Reading has none: it
	// is of the types of the events.
	Name string
	// On is which events it is about. Of reading it is the query to be read. Of other acts
	// it names the streams that they are about, all of them or none, and so the tags. Where
	// they do not say, a rule that allows them on something in particular does not, and one
	// that denies them so does.
	On daybook.Query

	anything bool // what it is about is the most favourable thing there is
}

// Send is the act of sending a command.
func Send(name string) Act { return Act{Kind: Sending, Name: name} }

// Ask is the act of asking a query.
func Ask(name string) Act { return Act{Kind: Asking, Name: name} }

// Read is the act of reading events.
func Read(q daybook.Query) Act { return Act{Kind: Reading, On: q} }

// Administer is the act of administering something.
func Administer(name string) Act { return Act{Kind: Administering, Name: name} }

// About returns the act with what it is about.
func (a Act) About(q daybook.Query) Act {
	a.On = q
	return a
}

// String returns the act in the words of a policy: "send PlaceOrder".
func (a Act) String() string {
	if a.Kind == Reading {
		return "read events"
	}
	return a.Kind.String() + " " + a.Name
}

// An atom is the smallest thing that a rule is compared with: one name, in at most one stream
// or category. An act is made of atoms, and may be done if each of them may.
type atom struct {
	name     string // of the command, query or type; empty for events of any type
	stream   string // empty for any
	category string // of the stream, if inCategory
	tags     []string
	// inCategory says that the category is known. It may be the empty one.
	inCategory bool
	// whole says that the tags, if there are any, are all that there are. The events that a
	// query selects may have others.
	whole bool
	// unsaid says that an act did not say what it is about, anything that it may be about
	// whatever is allowed.
	unsaid, anything bool
}

// atoms returns what the act is made of. Nothing is left of what can select no event.
func (a Act) atoms() []atom {
	reading := a.Kind == Reading
	if !reading && len(a.On) == 0 {
		return []atom{{name: a.Name, unsaid: true, anything: a.anything}}
	}
	var all []atom
	for _, item := range a.On {
		names := []string{a.Name}
		if reading {
			names = orAny(item.Types)
		}
		for _, name := range names {
			for _, stream := range orAny(item.Streams) {
				for _, category := range orNil(item.Categories) {
					at := atom{name: name, stream: stream, tags: item.Tags, whole: !reading}
					if category != nil {
						at.category, at.inCategory = *category, true
					}
					if stream != "" {
						if at.inCategory && daybook.CategoryOf(stream) != at.category {
							continue // a stream of another category
						}
						at.category, at.inCategory = daybook.CategoryOf(stream), true
					}
					all = append(all, at)
				}
			}
		}
	}
	return all
}

// orAny returns the names, or the one that stands for any.
func orAny(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

// orNil returns the names, or nil as the one that stands for any: the empty name is that of
// a category.
func orNil(names []string) []*string {
	if len(names) == 0 {
		return []*string{nil}
	}
	each := make([]*string, len(names))
	for i := range names {
		each[i] = &names[i]
	}
	return each
}
