package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

func TestAQueryIsReadAsItIsWritten(t *testing.T) {
	id := uuid.MustParse("00000000-0000-4000-8000-000000000001")
	for text, want := range map[string]daybook.Query{
		"all":                                daybook.All(),
		"stream=order-42":                    daybook.Stream("order-42"),
		" type=A  type=B\ttag=x tag=y ":      {{Types: []string{"A", "B"}, Tags: []string{"x", "y"}}},
		"stream=a or category=b type=C":      {{Streams: []string{"a"}}, {Categories: []string{"b"}, Types: []string{"C"}}},
		"id=" + id.String():                  {{IDs: []uuid.UUID{id}}},
		`tag="with spaces or \"quotes\" \/"`: {{Tags: []string{`with spaces or "quotes" /`}}},
		"tag=a=b":                            {{Tags: []string{"a=b"}}},
		"tag=or":                             {{Tags: []string{"or"}}},
	} {
		if got, err := parseQuery(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                "ends where a condition such as type=OrderPaid is expected",
		"or type=A":       `has "or", where a condition`,
		"type=A or":       "ends where a condition",
		"type=A all":      `has "all", where a condition`,
		"type":            `has "type", where a condition`,
		"type=":           "query item 1: type is empty",
		"typ=A":           `has "typ", which is none of stream, category, type, tag, id`,
		"id=7":            `has the id "7", which is not a UUID`,
		`tag="a`:          "has a quotation mark that is not closed",
		`tag=a" b"`:       `has a name that is quoted wrongly: a" b"`,
		`tag="a"b`:        `has a name that is quoted wrongly: "a"b`,
		"tag=\"\\u0000\"": "control character",
	} {
		if _, err := parseQuery(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

// Whatever somebody types is a query that can be asked, or an error.
func FuzzQuery(f *testing.F) {
	f.Add(`stream=order-42 type="A B" or id=00000000-0000-4000-8000-000000000001`)
	f.Add(`all`)
	f.Add(`tag="\"" or`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseQuery(text)
		if err != nil {
			return
		}
		if err := q.Validate(); err != nil || len(q) == 0 {
			t.Errorf("%q is the query %+v, which cannot be asked: %v", text, q, err)
		}
	})
}
