package access

import (
	"fmt"
	"slices"

	"github.com/daybook-es/daybook"
)

// A Policy says who may do what. It is data: [ParsePolicy] reads it from a JSON document such
// as
//
//	{
//	  "roles": {
//	    "reader": "looks at everything",
//	    "clerk":  "sells",
//	    "admin":  "answers for the shop"
//	  },
//	  "allow": [
//	    {"roles": ["reader", "clerk", "admin"], "ask": ["*"]},
//	    {"roles": ["clerk"], "send": ["PlaceOrder", "PayOrder"]},
//	    {"roles": ["admin"], "send": ["*"], "read": ["*"], "administer": ["*"]},
//	    {"principals": ["partner"], "read": ["OrderShipped"], "on": [{"tags": ["carrier:dhl"]}]}
//	  ],
//	  "deny": [
//	    {"principals": ["trainee"], "send": ["RefundOrder"], "because": "who is new gives no money back"}
//	  ]
//	}
//
// The order of the rules means nothing. A rule that denies wins over all that allow, and what
// no rule allows is denied. The zero Policy denies everything.
//
// A policy does not change; it may be used by many goroutines.
type Policy struct {
	// Roles are those that there are, each with what it is for.
	Roles map[string]string `json:"roles"`
	Allow []Rule            `json:"allow"`
	Deny  []Rule            `json:"deny,omitempty"`
}

// A Rule is about some principals and some acts.
type Rule struct {
	// Roles and Principals say whom it is about: whoever has one of the roles or one of the
	// names. "*" among the principals is everybody who is somebody.
	Roles      []string `json:"roles,omitempty"`
	Principals []string `json:"principals,omitempty"`
	Scope
	// Because says why, for people. Whoever is denied by the rule is told.
	Because string `json:"because,omitempty"`
}

// A Scope is what a rule is about: acts, by name, on something.
type Scope struct {
	// Send, Ask and Administer name commands, queries, and what is administered. Read names
	// types of events. "*" alone is every one.
	Send       []string `json:"send,omitempty"`
	Ask        []string `json:"ask,omitempty"`
	Read       []string `json:"read,omitempty"`
	Administer []string `json:"administer,omitempty"`
	// On bounds it to acts that are about one of these. Nothing means that it is not
	// bounded.
	On []Thing `json:"on,omitempty"`
}

// A Thing is what events are about: those that satisfy all of its fields, as the items of a
// [daybook.Query] have them.
type Thing struct {
	// Streams: the event is in one of these streams.
	Streams []string `json:"streams,omitempty"`
	// Categories: the event's stream is of one of these categories.
	Categories []string `json:"categories,omitempty"`
	// Tags: the event carries every one of these tags.
	Tags []string `json:"tags,omitempty"`
}

// Every stands for every name, where it stands alone.
const Every = "*"

// Decide returns nil if a principal may do an act, and a [*DeniedError] otherwise. Reading may
// be done if every event that the query could ever select may be read; if that cannot be told
// from the query, such as of one that names ids and nothing else, it is denied.
func (p *Policy) Decide(who Principal, act Act) error {
	denied := &DeniedError{Principal: who.Name, Act: act}
	if who.IsNobody() {
		denied.Reason = "it is not known who asks"
		return denied
	}
	for _, at := range act.atoms() {
		for i, rule := range p.Deny {
			if rule.isAbout(who) && rule.touches(act.Kind, at) {
				denied.Rule, denied.Reason = fmt.Sprintf("deny[%d]", i), rule.Because
				if denied.Reason == "" {
					denied.Reason = "the policy forbids it"
				}
				return denied
			}
		}
		if !slices.ContainsFunc(p.Allow, func(rule Rule) bool { return rule.isAbout(who) && rule.covers(act.Kind, at) }) {
			denied.Reason = "no rule of the policy allows it" + at.named(act.Kind)
			return denied
		}
		if who.Scope != nil && !who.Scope.covers(act.Kind, at) {
			denied.Reason = "it is outside the scope of " + who.By + at.named(act.Kind)
			return denied
		}
	}
	return nil
}

// named says which part of a reading is meant.
func (a atom) named(kind Kind) string {
	if kind != Reading {
		return ""
	}
	what := "every type"
	if a.name != "" {
		what = a.name
	}
	switch {
	case a.stream != "":
		return fmt.Sprintf(", for %s in the stream %q", what, a.stream)
	case a.inCategory:
		return fmt.Sprintf(", for %s in the category %q", what, a.category)
	}
	return fmt.Sprintf(", for %s in every stream", what)
}

func (r Rule) isAbout(who Principal) bool {
	if slices.Contains(r.Principals, Every) || slices.Contains(r.Principals, who.Name) {
		return true
	}
	return slices.ContainsFunc(who.Roles, func(role string) bool { return slices.Contains(r.Roles, role) })
}

// names returns the names for a kind of act.
func (s *Scope) names(kind Kind) []string {
	switch kind {
	case Sending:
		return s.Send
	case Asking:
		return s.Ask
	case Reading:
		return s.Read
	case Administering:
		return s.Administer
	}
	return nil
}

// covers reports whether everything that an atom stands for is within the scope.
func (s *Scope) covers(kind Kind, at atom) bool {
	names := s.names(kind)
	if !slices.Contains(names, Every) && (at.name == "" || !slices.Contains(names, at.name)) {
		return false
	}
	return len(s.On) == 0 || slices.ContainsFunc(s.On, func(on Thing) bool { return on.covers(at) })
}

// touches reports whether something that an atom stands for may be within the scope.
func (s *Scope) touches(kind Kind, at atom) bool {
	names := s.names(kind)
	if len(names) == 0 {
		return false
	}
	if !slices.Contains(names, Every) && at.name != "" && !slices.Contains(names, at.name) {
		return false
	}
	return len(s.On) == 0 || slices.ContainsFunc(s.On, func(on Thing) bool { return on.touches(at) })
}

// covers reports whether all that an atom stands for is such a thing.
func (on Thing) covers(at atom) bool {
	if at.anything {
		return true
	}
	if len(on.Streams) > 0 && (at.stream == "" || !slices.Contains(on.Streams, at.stream)) {
		return false
	}
	if len(on.Categories) > 0 && (!at.inCategory || !slices.Contains(on.Categories, at.category)) {
		return false
	}
	return !slices.ContainsFunc(on.Tags, func(tag string) bool { return !slices.Contains(at.tags, tag) })
}

// touches reports whether some of what an atom stands for may be such a thing. An event may
// carry more tags than the query names that selected it, so tags alone never tell that it is
// not.
func (on Thing) touches(at atom) bool {
	if at.unsaid {
		return !at.anything
	}
	if len(on.Streams) > 0 && !slices.ContainsFunc(on.Streams, at.mayBeIn) {
		return false
	}
	if len(on.Categories) > 0 && !slices.ContainsFunc(on.Categories, at.mayBeOf) {
		return false
	}
	return !at.whole || len(at.tags) == 0 || !slices.ContainsFunc(on.Tags, func(tag string) bool { return !slices.Contains(at.tags, tag) })
}

// mayBeIn reports whether what an atom stands for may be in a stream.
func (a atom) mayBeIn(stream string) bool {
	if a.stream != "" {
		return a.stream == stream
	}
	return a.mayBeOf(daybook.CategoryOf(stream))
}

// mayBeOf reports whether what an atom stands for may be of a category.
func (a atom) mayBeOf(category string) bool {
	return !a.inCategory || a.category == category
}
