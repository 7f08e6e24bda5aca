package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A Filter is which events a verb is about.
type Filter struct {
	Stream   []string    `group:"filter" sep:"none" placeholder:"NAME" help:"Those of a stream; given again, of any of these streams."`
	Category []string    `group:"filter" sep:"none" placeholder:"NAME" help:"Those of the streams of a category, which is what stands before the first \"-\"; likewise."`
	Type     []string    `group:"filter" sep:"none" placeholder:"NAME" help:"Those of a type; likewise."`
	Tag      []string    `group:"filter" sep:"none" placeholder:"NAME" help:"Those with a tag; given again, with all of these tags."`
	ID       []uuid.UUID `group:"filter" name:"id" placeholder:"UUID" help:"Those with an id, forgotten or not; given again, with any of these ids."`
	Query    []string    `group:"filter" sep:"none" placeholder:"QUERY" help:"Besides, what a query selects, such as 'stream=order-42 or type=OrderPaid tag=customer:ada'."`
}

// query returns the query that a filter is. The flags that name something are one item,
// and without any flag it is everything.
func (f Filter) query() (daybook.Query, error) {
	var q daybook.Query
	if len(f.ID)+len(f.Stream)+len(f.Category)+len(f.Type)+len(f.Tag) > 0 {
		q = daybook.Query{{IDs: f.ID, Streams: f.Stream, Categories: f.Category, Types: f.Type, Tags: f.Tag}}
	}
	for _, text := range f.Query {
		more, err := parseQuery(text)
		if err != nil {
			return nil, err
		}
		q = append(q, more...)
	}
	if len(q) == 0 {
		return daybook.All(), nil
	}
	return q, nil
}

// queryHelp explains what parseQuery reads.
const queryHelp = `A QUERY is written as conditions of the form stream=NAME, category=NAME, type=NAME, tag=NAME or id=UUID, with spaces between them. An event has to satisfy all of them, but only one of those with the same word before the sign, except that it has to have all tags. The word or stands between alternatives, and the word all is every event. A name with spaces or quotation marks stands in quotation marks, as in JSON: tag="with spaces".`

// parseQuery reads a query as people write it.
func parseQuery(text string) (daybook.Query, error) {
	words, err := splitWords(text)
	if err != nil {
		return nil, fmt.Errorf("query %q %w", text, err)
	}
	var q daybook.Query
	var item *daybook.Item // nil before the first condition of an alternative
	for _, word := range words {
		switch key, value, is := strings.Cut(word, "="); {
		case word == "or" && item != nil:
			item = nil
		case word == "all" && len(words) == 1:
			return daybook.All(), nil
		case !is:
			return nil, fmt.Errorf("query %q has %q, where a condition such as type=OrderPaid is expected", text, word)
		default:
			if item == nil {
				q = append(q, daybook.Item{})
				item = &q[len(q)-1]
			}
			if err := require(item, key, value); err != nil {
				return nil, fmt.Errorf("query %q has %w", text, err)
			}
		}
	}
	if item == nil {
		return nil, fmt.Errorf("query %q ends where a condition such as type=OrderPaid is expected", text)
	}
	return q, q.Validate()
}

// require adds a condition to an item.
func require(item *daybook.Item, key, value string) error {
	if strings.Contains(value, `"`) {
		quoted := value
		if err := json.Unmarshal([]byte(quoted), &value); err != nil {
			return fmt.Errorf("a name that is quoted wrongly: %s", quoted)
		}
	}
	switch key {
	case "stream":
		item.Streams = append(item.Streams, value)
	case "category":
		item.Categories = append(item.Categories, value)
	case "type":
		item.Types = append(item.Types, value)
	case "tag":
		item.Tags = append(item.Tags, value)
	case "id":
		id, err := uuid.Parse(value)
		if err != nil {
			return fmt.Errorf("the id %q, which is not a UUID", value)
		}
		item.IDs = append(item.IDs, id)
	default:
		return fmt.Errorf("%q, which is none of stream, category, type, tag, id", key)
	}
	return nil
}

// splitWords parts a text at its spaces, but not at those in quotation marks.
func splitWords(text string) ([]string, error) {
	var words []string
	start, quoted, escaped := -1, false, false
	for i, r := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		}
		switch outside := unicode.IsSpace(r) && !quoted; {
		case outside && start >= 0:
			words, start = append(words, text[start:i]), -1
		case !outside && start < 0:
			start = i
		}
	}
	if quoted {
		return nil, errors.New("has a quotation mark that is not closed")
	}
	if start >= 0 {
		words = append(words, text[start:])
	}
	return words, nil
}
