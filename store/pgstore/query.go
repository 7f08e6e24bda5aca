package pgstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A search is a statement that finds what a query selects. Its text depends on the shape of
// the query alone, so that it is prepared once; whatever is a name or a number is a
// parameter.
//
// Each item has its own way into the log, an index in the order of position: by ids, by the
// first of its tags, by streams, types or categories, whichever comes first, or through
// everything. What else the item names is looked at event by event.
type search struct {
	args     []any
	backward bool
}

// columns are those of a whole event, in the order of [eventOf].
const columns = `e.position, e.recorded_at, e.version, e.happened_at, e.id, e.stub, e.type, e.stream, e.tags, e.content_type, e.metadata, e.data, e.digest`

// Every search has these parameters: the log, the positions between which it looks, the
// second one included, and how many it wants.
const (
	paramLog   = "$1"
	paramLow   = "$2"
	paramHigh  = "$3"
	paramLimit = "$4"
)

// searchEvents returns the statement for the first events that q selects, in order, and what
// its parameters from the fifth on are. The query is not empty.
func searchEvents(q daybook.Query, backward bool) (text string, args []any) {
	s := search{backward: backward}
	if i := slices.IndexFunc(q, daybook.Item.IsAll); i >= 0 {
		return s.item(q[i], columns), s.args
	}
	if len(q) == 1 {
		return s.item(q[0], columns), s.args
	}
	var items []string
	for _, item := range q {
		items = append(items, "("+s.item(item, "e.position")+")")
	}
	return fmt.Sprintf(`select %s from daybook_event e where e.log = %s and e.position = any(array(select c.position from (%s) c order by c.position %s limit %s)) order by e.position %[4]s`,
		columns, paramLog, strings.Join(items, " union "), s.order(), paramLimit), s.args
}

// searchNewest returns the statement for the position of the newest event that q selects, or
// null, and what its parameters from the fifth on are. The query is not empty.
func searchNewest(q daybook.Query) (text string, args []any) {
	s := search{backward: true}
	var items []string
	for _, item := range q {
		items = append(items, "("+s.item(item, "e.position")+")")
	}
	return fmt.Sprintf(`select max(c.position) from (%s) c`, strings.Join(items, " union all ")), s.args
}

// param adds a parameter and returns its name.
func (s *search) param(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(4+len(s.args))
}

func (s *search) order() string {
	if s.backward {
		return "desc"
	}
	return "asc"
}

// item returns the statement for the first events that an item selects.
func (s *search) item(it daybook.Item, columns string) string {
	switch {
	case it.IsAll():
		return s.through("e.log = "+paramLog, columns, "")
	case len(it.IDs) > 0:
		ids := it.IDs
		it.IDs = nil
		return s.identified(ids, columns, s.filters(it))
	case len(it.Tags) > 0:
		return s.tagged(it, columns)
	case len(it.Streams) > 0:
		names := distinct(it.Streams)
		it.Streams = nil
		return s.named("e.stream", names, columns, s.filters(it))
	case len(it.Types) > 0:
		names := typeNames(it.Types)
		it.Types = nil
		return s.named("e.type", names, columns, s.filters(it))
	default:
		return s.named("split_part(e.stream, '-', 1)", distinct(it.Categories), columns, "")
	}
}

// named returns the statement for events of which a column has one of some names.
func (s *search) named(column string, names []string, columns, filters string) string {
	if len(names) == 1 {
		return s.through(s.is(column, s.param(names[0])), columns, filters)
	}
	inner := s.through(s.is(column, "asked.name"), columns, filters)
	return fmt.Sprintf(`select e.* from unnest(%s::text[]) asked (name) cross join lateral (%s) e order by e.position %s limit %s`,
		s.param(names), inner, s.order(), paramLimit)
}

// identified returns the statement for events that have one of some ids.
func (s *search) identified(ids []uuid.UUID, columns, filters string) string {
	inner := s.through(s.is("e.id", "asked.id"), columns, filters)
	return fmt.Sprintf(`select e.* from (select distinct id from unnest(%s) asked (id)) asked cross join lateral (%s) e order by e.position %s limit %s`,
		s.ids(ids), inner, s.order(), paramLimit)
}

// is returns the condition that a column has a name, in the form that its index has: see the
// migration that makes it. Equalities and bounds are those of one index, and of no other,
// whatever statistics say. A comparison of whole rows would not do: it does not end a scan.
func (s *search) is(column, name string) string {
	return fmt.Sprintf("e.log + 0 = %s and %s = %s", paramLog, column, name)
}

// through returns the statement that goes in order through the events that satisfy a
// condition, for which there is an index.
func (s *search) through(condition, columns, filters string) string {
	return fmt.Sprintf(`select %s from daybook_event e where %s and e.position > %s and e.position <= %s%s order by e.position %s limit %s`,
		columns, condition, paramLow, paramHigh, filters, s.order(), paramLimit)
}

// tagged returns the statement for events that carry all tags of an item.
func (s *search) tagged(it daybook.Item, columns string) string {
	first := s.param(tagHash(it.Tags[0]))
	return fmt.Sprintf(`select e.* from (select t.position from daybook_tag t where t.log = %s and t.hash = %s and t.position > %s and t.position <= %s order by t.position %s) t`+
		` cross join lateral (select %s from daybook_event e where e.log = %[1]s and e.position = t.position%[7]s offset 0) e order by t.position %[5]s limit %[8]s`,
		paramLog, first, paramLow, paramHigh, s.order(), columns, s.filters(it), paramLimit)
}

// filters returns what else an event must satisfy.
func (s *search) filters(it daybook.Item) string {
	var filters strings.Builder
	if len(it.IDs) > 0 {
		fmt.Fprintf(&filters, " and e.id = any(%s)", s.ids(it.IDs))
	}
	if len(it.Streams) > 0 {
		fmt.Fprintf(&filters, " and e.stream = any(%s::text[])", s.param(it.Streams))
	}
	if len(it.Categories) > 0 {
		fmt.Fprintf(&filters, " and split_part(e.stream, '-', 1) = any(%s::text[])", s.param(it.Categories))
	}
	if len(it.Types) > 0 {
		fmt.Fprintf(&filters, " and e.type = any(%s::text[])", s.param(typeNames(it.Types)))
	}
	if len(it.Tags) == 0 {
		return filters.String()
	}
	// Of a stub there are only the hashes, of an event there are the tags themselves.
	stubs := make([]string, len(it.Tags))
	for i, tag := range it.Tags {
		stubs[i] = hashed(daybook.HashName(daybook.TagName, tag))
	}
	fmt.Fprintf(&filters, " and e.tags @> case when e.stub is null then %s::text[] else %s::text[] end", s.param(it.Tags), s.param(stubs))
	return filters.String()
}

func (s *search) ids(ids []uuid.UUID) string { return s.param(rawIDs(ids)) + "::uuid[]" }

// rawIDs returns ids as pgx knows them.
func rawIDs(ids []uuid.UUID) [][16]byte {
	raw := make([][16]byte, len(ids))
	for i, id := range ids {
		raw[i] = id
	}
	return raw
}

// distinct returns names once each, in an array of their own.
func distinct(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// typeNames returns types as they are kept, of events and of stubs.
func typeNames(types []string) []string {
	names := distinct(types)
	for _, name := range names {
		names = append(names, hashed(daybook.HashName(daybook.TypeName, name)))
	}
	return names
}

// tagHash is what stands for a tag in the table of tags.
func tagHash(tag string) int64 { return int64(daybook.HashName(daybook.TagName, tag)) }

// hashed is what a stub has in the place of a name: something that is no name.
func hashed(hash uint64) string { return fmt.Sprintf("\x01%016x", hash) }

// hashOf reads what hashed wrote.
func hashOf(name string) (uint64, error) {
	if len(name) != 17 || name[0] != 1 {
		return 0, fmt.Errorf("%q is not what a stub has in the place of a name", name)
	}
	return strconv.ParseUint(name[1:], 16, 64)
}
