package access_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
)

// Goal: no query that is let through selects an event that its reader may not see. Method: a
// small world in which every event that there could be is listed, with names that no rule
// knows among them, as in any real log; a random policy, and a random query.
var world = func() (events []daybook.Event) {
	for _, stream := range []string{"", "a-1", "a-2", "a-other", "b-1", "b-other", "a", "-", "-other", "$$a-1", "$$a-other", "other"} {
		for _, kind := range []string{"X", "Y", "Other"} {
			for tags := range 8 {
				e := daybook.Event{Stream: stream, Type: kind}
				for i, tag := range []string{"p", "q", "other"} {
					if tags&(1<<i) != 0 {
						e.Tags = append(e.Tags, tag)
					}
				}
				events = append(events, e)
			}
		}
	}
	return events
}()

var (
	someStreams    = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a-1", "a-2", "b-1", "$$a-1", "a", "-"}), 0, 2, rapid.ID)
	someCategories = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "", "$$a"}), 0, 2, rapid.ID)
	someTags       = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p", "q"}), 0, 2, rapid.ID)
	someTypes      = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"X", "Y"}), 0, 2, rapid.ID)
)

func someRules(t *rapid.T, name string) []access.Rule {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) access.Rule {
		rule := access.Rule{Principals: []string{rapid.SampledFrom([]string{"ada", "ada", "*", "bob"}).Draw(t, "who")}}
		rule.Read = someTypes.Draw(t, "types")
		if len(rule.Read) == 0 {
			rule.Read = []string{access.Every}
		}
		rule.On = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) access.Thing {
			on := access.Thing{Tags: someTags.Draw(t, "tags")}
			if rapid.Bool().Draw(t, "by stream") {
				on.Streams = someStreams.Draw(t, "streams")
			} else {
				on.Categories = someCategories.Draw(t, "categories")
			}
			if len(on.Streams)+len(on.Categories)+len(on.Tags) == 0 {
				on.Tags = []string{"p"}
			}
			return on
		}), 0, 2).Draw(t, "on")
		return rule
	}), 0, 4).Draw(t, name)
}

func someQuery(t *rapid.T) daybook.Query {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) daybook.Item {
		item := daybook.Item{Streams: someStreams.Draw(t, "streams"), Categories: someCategories.Draw(t, "categories"), Types: someTypes.Draw(t, "types"), Tags: someTags.Draw(t, "tags")}
		if (daybook.Query{item}).Validate() != nil {
			return daybook.All()[0]
		}
		return item
	}), 0, 3).Draw(t, "query")
}

// may reports, the plain way, whether a principal may see an event.
func may(p *access.Policy, name string, e daybook.Event) bool {
	matches := func(rule access.Rule) bool {
		if rule.Principals[0] != access.Every && rule.Principals[0] != name {
			return false
		}
		if rule.Read[0] != access.Every && !slices.Contains(rule.Read, e.Type) {
			return false
		}
		on := make(daybook.Query, len(rule.On))
		for i, thing := range rule.On {
			on[i] = daybook.Item{Streams: thing.Streams, Categories: thing.Categories, Tags: thing.Tags}
		}
		return len(on) == 0 || on.Selects(e)
	}
	return slices.ContainsFunc(p.Allow, matches) && !slices.ContainsFunc(p.Deny, matches)
}

func TestAReadingIsAllowedExactlyIfEveryEventThatItCouldSelectIs(t *testing.T) {
	allowed, denied := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		policy := &access.Policy{Allow: someRules(t, "allow"), Deny: someRules(t, "deny")}
		for range 20 {
			query := someQuery(t)
			err := policy.Decide(access.Principal{Name: "ada"}, access.Read(query))
			hidden := slices.IndexFunc(world, func(e daybook.Event) bool { return query.Selects(e) && !may(policy, "ada", e) })
			switch {
			case err == nil && hidden >= 0:
				t.Fatalf("the query may be read, and selects %+v, which may not", world[hidden])
			case err != nil && hidden < 0:
				t.Fatalf("the query may not be read (%v), and all that it selects may", err)
			case err == nil && len(query) > 0:
				allowed++
			default:
				denied++
			}
		}
	})
	if allowed == 0 || denied == 0 {
		t.Errorf("%d queries were allowed, %d denied: the test shows nothing", allowed, denied)
	}
}

// What a command is about it names wholly, so that other events are none of its concern: it
// may be sent if a rule allows it on each of these, and none denies it on any.
func TestACommandIsJudgedByWhatItIsAbout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := &access.Policy{}
		for _, list := range []*[]access.Rule{&policy.Allow, &policy.Deny} {
			for _, rule := range someRules(t, "rules") {
				rule.Send, rule.Read = []string{"Do"}, nil
				*list = append(*list, rule)
			}
		}
		var about daybook.Query
		want := true
		for i := range rapid.IntRange(1, 2).Draw(t, "things") {
			e := daybook.Event{Stream: rapid.SampledFrom([]string{"a-1", "a-2", "b-1"}).Draw(t, fmt.Sprint("stream ", i)), Type: "Do", Tags: append([]string{"mine"}, someTags.Draw(t, "tags")...)}
			about = append(about, daybook.Item{Streams: []string{e.Stream}, Tags: e.Tags})
			read := &access.Policy{}
			for _, list := range []struct{ from, to *[]access.Rule }{{&policy.Allow, &read.Allow}, {&policy.Deny, &read.Deny}} {
				for _, rule := range *list.from {
					rule.Read = rule.Send
					*list.to = append(*list.to, rule)
				}
			}
			want = want && may(read, "ada", e)
		}
		if err := policy.Decide(access.Principal{Name: "ada"}, access.Send("Do").About(about)); (err == nil) != want {
			t.Fatalf("about %+v: %v, want that it is allowed: %v", about, err, want)
		}
	})
}
