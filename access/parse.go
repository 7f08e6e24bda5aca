package access

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybook-es/daybook"
)

// ParsePolicy reads a policy: one JSON object and nothing else. What it does not understand is
// an error that says where: a member that there is not, one that stands there twice, a role
// that is not declared, a rule about nobody or nothing. Which commands, queries, types and
// administrative acts there are, a policy cannot know: see [Policy.Check].
func ParsePolicy(document []byte) (*Policy, error) {
	p := new(Policy)
	if err := parse(document, p); err != nil {
		return nil, fmt.Errorf("access: policy: %w", err)
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// MustParsePolicy is [ParsePolicy] for a policy that is a part of the program. It panics if it
// cannot be read: such mistakes are found when the program starts.
func MustParsePolicy(document []byte) *Policy {
	p, err := ParsePolicy(document)
	if err != nil {
		panic(err)
	}
	return p
}

// ParseScope reads a scope, as a rule has it without saying for whom: one JSON object, such as
// {"ask": ["*"], "send": ["PlaceOrder"]}. Roles are not known here, and names are not either:
// see [Scope.Check].
func ParseScope(document []byte) (*Scope, error) {
	s := new(Scope)
	if err := parse(document, s); err != nil {
		return nil, fmt.Errorf("access: scope: %w", err)
	}
	var found problems
	s.validate("scope", &found)
	return s, found.err()
}

// parse reads one JSON value strictly. The error says where it is wrong.
func parse(document []byte, into any) error {
	err := json.Unmarshal(document, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	syntactic, semantic := (*jsontext.SyntacticError)(nil), (*json.SemanticError)(nil)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return fmt.Errorf("%s is there twice", where(document, syntactic.JSONPointer, syntactic.ByteOffset))
	case errors.As(err, &syntactic):
		return fmt.Errorf("%s: it is no JSON from there on: %w", where(document, syntactic.JSONPointer, syntactic.ByteOffset), syntactic.Err)
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return fmt.Errorf("%s is a member that there is not", where(document, semantic.JSONPointer, semantic.ByteOffset))
	case errors.As(err, &semantic):
		return fmt.Errorf("%s cannot be %s", where(document, semantic.JSONPointer, semantic.ByteOffset), jsonKinds[semantic.JSONKind])
	}
	return err
}

// jsonKinds names the kinds of JSON value.
var jsonKinds = map[jsontext.Kind]string{
	0: "nothing", 'n': "null", 't': "true", 'f': "false", '"': "text", '0': "a number", '[': "an array", '{': "an object",
}

// where says which line of a document a place is in, and what stands there.
func where(document []byte, at jsontext.Pointer, offset int64) string {
	line := 1 + strings.Count(string(document[:min(int(offset), len(document))]), "\n")
	if at == "" {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("line %d: %s", line, at)
}

// problems are what is wrong with a policy, all of it at once.
type problems []error

func (p *problems) add(at, reason string, args ...any) {
	*p = append(*p, fmt.Errorf("access: policy: "+at+": "+reason, args...))
}

func (p problems) err() error { return errors.Join(p...) }

// validate says what is wrong with a policy whatever the program is.
func (p *Policy) validate() error {
	var found problems
	for role := range p.Roles {
		if strings.TrimSpace(role) == "" || role == Every {
			found.add("roles", "%q is no name of a role", role)
		}
	}
	for _, list := range p.lists() {
		for i, rule := range list.rules {
			rule.validate(fmt.Sprintf("%s[%d]", list.name, i), p.Roles, &found)
		}
	}
	return found.err()
}

type ruleList struct {
	name  string
	rules []Rule
}

func (p *Policy) lists() []ruleList { return []ruleList{{"allow", p.Allow}, {"deny", p.Deny}} }

func (r *Rule) validate(at string, roles map[string]string, found *problems) {
	if len(r.Roles)+len(r.Principals) == 0 {
		found.add(at, "it is about nobody: name roles or principals")
	}
	for i, role := range r.Roles {
		if _, there := roles[role]; !there {
			found.add(fmt.Sprintf("%s.roles[%d]", at, i), "%q is no role of this policy%s", role, meant(role, slices.Sorted(maps.Keys(roles))))
		}
	}
	if slices.Contains(r.Principals, "") {
		found.add(at+".principals", "nobody has an empty name")
	}
	r.Scope.validate(at, found)
}

func (s *Scope) validate(at string, found *problems) {
	verbs := 0
	for _, kind := range []Kind{Sending, Asking, Reading, Administering} {
		names := s.names(kind)
		verbs += len(names)
		if len(names) > 1 && slices.Contains(names, Every) {
			found.add(at+"."+kind.String(), `"*" is every one: it stands alone`)
		}
	}
	if verbs == 0 {
		found.add(at, "it says nothing to be done: name something to send, ask, read or administer")
	}
	if len(s.On) > 0 && len(s.Administer) > 0 {
		found.add(at+".on", "what is administered is about no streams or tags: make it a rule of its own")
	}
	for i, on := range s.On {
		at := fmt.Sprintf("%s.on[%d]", at, i)
		switch item := (daybook.Item{Streams: on.Streams, Categories: on.Categories, Tags: on.Tags}); {
		case len(on.Streams)+len(on.Categories)+len(on.Tags) == 0:
			found.add(at, "it names nothing: without on, a rule is about everything")
		case len(on.Streams) > 0 && len(on.Categories) > 0:
			found.add(at, "a stream is of one category: name streams or categories")
		default:
			if wrong := (*daybook.InvalidError)(nil); errors.As(daybook.Query{item}.Validate(), &wrong) {
				found.add(at, "%q %s", wrong.Value, wrong.Reason)
			}
		}
	}
}

// Names are those that a program has.
type Names struct {
	// Send, Ask, Read and Administer are the names of its commands, its queries, the types
	// of its events, and what it administers. A nil list is not known, and not checked.
	Send, Ask, Read, Administer []string
}

// of returns the names for a kind of act, and what they are called.
func (n Names) of(kind Kind) ([]string, string) {
	switch kind {
	case Sending:
		return n.Send, "command"
	case Asking:
		return n.Ask, "query"
	case Reading:
		return n.Read, "type of event"
	}
	return n.Administer, "administrative act"
}

// Check returns what a policy says about commands, queries, types and administrative acts
// that a program does not have: a name that is misspelt allows nothing, and what is worse, it
// denies nothing.
func (p *Policy) Check(names Names) error {
	var found problems
	for _, list := range p.lists() {
		for i, rule := range list.rules {
			rule.Scope.check(fmt.Sprintf("%s[%d]", list.name, i), names, &found)
		}
	}
	return found.err()
}

// Check returns what a scope says about names that a program does not have.
func (s *Scope) Check(names Names) error {
	var found problems
	s.check("scope", names, &found)
	return found.err()
}

func (s *Scope) check(at string, names Names, found *problems) {
	for _, kind := range []Kind{Sending, Asking, Reading, Administering} {
		there, called := names.of(kind)
		if there == nil {
			continue
		}
		for i, name := range s.names(kind) {
			if name != Every && !slices.Contains(there, name) {
				found.add(fmt.Sprintf("%s.%s[%d]", at, kind, i), "%q is no %s here%s", name, called, meant(name, there))
			}
		}
	}
}

// CheckRoles returns an error that names the roles which the policy does not have.
func (p *Policy) CheckRoles(roles []string) error {
	var found problems
	for _, role := range roles {
		if _, there := p.Roles[role]; !there {
			found.add("roles", "%q is no role of this policy%s", role, meant(role, slices.Sorted(maps.Keys(p.Roles))))
		}
	}
	return found.err()
}

// RoleNames returns the names of all roles, sorted.
func (p *Policy) RoleNames() []string { return slices.Sorted(maps.Keys(p.Roles)) }

// meant returns what may have been meant by a name that is not there: the one that is nearest,
// if it is near, or else all, if they are few.
func meant(name string, there []string) string {
	nearest, least := "", 1+len(name)/3
	for _, candidate := range there {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(candidate)); d <= least {
			nearest, least = candidate, d-1
		}
	}
	switch {
	case nearest != "":
		return fmt.Sprintf("; is it %q that is meant?", nearest)
	case len(there) == 0:
		return "; there are none"
	case len(there) <= 12:
		return "; there are " + strings.Join(there, ", ")
	}
	return ""
}
