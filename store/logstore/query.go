package logstore

import (
	"bytes"
	"slices"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// A plan is a query with its names as terms. It holds nothing of the caller's.
type plan []planned

// A planned item finds events by any one of its groups of terms; the item itself then
// says whether an event found is meant.
type planned struct {
	item   daybook.Item
	groups [][]uint64
	about  bool // it asks for events about streams
}

// planGuarded returns the plan by which a condition over a query is checked, and the
// query as a copy of its own.
func planGuarded(q daybook.Query) (plan, daybook.Query) {
	p, kept := planQuery(q.Guarded())
	for i := len(q); i < len(p); i++ {
		p[i].about = true
	}
	return p, kept[:len(q):len(q)]
}

// planQuery returns a query's plan, and the query as a copy of its own.
func planQuery(q daybook.Query) (plan, daybook.Query) {
	p := make(plan, len(q))
	kept := slices.Clone(q)
	for i := range kept {
		it := &kept[i]
		it.IDs, it.Tags = slices.Clone(it.IDs), slices.Clone(it.Tags)
		it.Streams, it.Categories, it.Types = slices.Clone(it.Streams), slices.Clone(it.Categories), slices.Clone(it.Types)
		p[i] = planItem(*it)
	}
	return p, kept
}

func planItem(it daybook.Item) planned {
	p := planned{item: it, groups: make([][]uint64, 0, 4+len(it.Tags))}
	terms := make([]uint64, 0, len(it.IDs)+len(it.Streams)+len(it.Categories)+len(it.Types)+len(it.Tags)) // of all groups
	group := func(n int) {
		p.groups = append(p.groups, terms[n:len(terms):len(terms)])
	}
	if len(it.IDs) > 0 {
		for _, id := range it.IDs {
			terms = append(terms, term.OfID(id))
		}
		group(0)
	}
	for _, any := range []struct {
		kind  daybook.NameKind
		names []string
	}{{term.Stream, it.Streams}, {term.Category, it.Categories}, {term.Type, it.Types}} {
		if len(any.names) == 0 {
			continue
		}
		begin := len(terms)
		for _, name := range any.names {
			terms = append(terms, term.Hash(any.kind, name))
		}
		group(begin)
	}
	for _, tag := range it.Tags {
		terms = append(terms, term.Hash(term.Tag, tag))
		group(len(terms) - 1)
	}
	return p
}

// selects reports whether the plan's query selects an event, as [daybook.Query.Selects]
// does, without making strings of the event's bytes.
func (p plan) selects(e frame.Event) bool {
	for i := range p {
		if p[i].selects(e) {
			return true
		}
	}
	return false
}

func (p *planned) selects(e frame.Event) bool {
	it := &p.item
	if it.IsAll() {
		return true
	}
	if len(it.IDs) > 0 && !slices.Contains(it.IDs, e.ID()) {
		return false
	}
	if len(it.Streams) > 0 && !contains(it.Streams, e.Stream()) {
		return false
	}
	if len(it.Categories) > 0 {
		stream := e.Stream()
		category, _, _ := bytes.Cut(stream, []byte("-"))
		if planted("category-cut-at-the-last-dash") {
			category = stream[:max(0, bytes.LastIndexByte(stream, '-'))]
		}
		if len(stream) == 0 || !contains(it.Categories, category) {
			return false
		}
	}
	if len(it.Types) > 0 && !hasOneOf(it.Types, e) {
		return false
	}
	for _, tag := range it.Tags {
		if !e.HasTag(tag) && !planted("one-tag-is-enough") {
			return false
		}
	}
	return true
}

// hasOneOf reports whether the event is of one of these types.
func hasOneOf(types []string, e frame.Event) bool {
	if !e.IsStub() {
		return contains(types, e.Type())
	}
	return slices.ContainsFunc(types, e.HasType)
}

// selectsForgotten reports whether the plan's query selects an event even if it is
// forgotten.
func (p plan) selectsForgotten(e frame.Event) bool {
	for i := range p {
		if len(p[i].item.IDs) > 0 && p[i].selects(e) {
			return true
		}
	}
	return false
}

func contains(names []string, name []byte) bool {
	for i := range names {
		if names[i] == string(name) {
			return true
		}
	}
	return false
}

// newest returns the position of the newest event that the plan's query selects after a
// position, as far as it lies behind a place; zero if there is none.
func (p plan) newest(v *view, in *fetcher, after daybook.Position, since place) (daybook.Position, error) {
	if after >= v.head {
		return 0, nil
	}
	from, err := v.after(after)
	if err != nil {
		return 0, err
	}
	if from.segment < since.segment || from.segment == since.segment && from.offset < since.offset {
		from = since
	}
	if from == v.endPlace() {
		return 0, nil
	}
	var newest daybook.Position
	for i := range p {
		item := &p[i]
		if item.about {
			if some, err := v.hasAbouts(from, v.quiet()); err != nil {
				return 0, err
			} else if !some {
				continue
			}
		}
		if item.item.IsAll() {
			return v.head, nil
		}
		f, e, err := v.newest(in, item.groups, from, func(f frame.Frame, e frame.Event) bool {
			return positionOf(f, e) > after && item.selects(e) && !(e.IsStub() && planted("stubs-do-not-count"))
		})
		if err != nil {
			return 0, err
		}
		if e != nil {
			newest = max(newest, positionOf(f, e))
		}
	}
	return newest, nil
}

func positionOf(f frame.Frame, e frame.Event) daybook.Position {
	return f.First() + daybook.Position(e.Place())
}

// appendTerms appends the terms of an event.
func appendTerms(terms []uint64, e frame.Event) []uint64 {
	if stream := e.Stream(); len(stream) > 0 {
		terms = append(terms, term.Hash(term.Stream, stream), term.OfCategory(stream))
	}
	if e.IsStub() {
		terms = append(terms, frame.Hash(e.Type()))
		for tag := range e.Tags() {
			if !planted("stub-not-found-by-its-tags") {
				terms = append(terms, frame.Hash(tag))
			}
		}
		return append(terms, term.OfID(e.ID()))
	}
	terms = append(terms, term.Hash(term.Type, e.Type()))
	for tag := range e.Tags() {
		terms = append(terms, term.Hash(term.Tag, tag))
	}
	return append(terms, term.OfID(e.ID()))
}
