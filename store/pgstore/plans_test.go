package pgstore

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// Without statistics, which a table does not have for a minute after it was filled, and with
// those of names that are not equally frequent, the planner has to find the right index all
// the same. What is counted is pages: of the table there are hundreds, and a question that
// goes through an index needs few.
func TestWhateverTheStatisticsNoQuestionReadsMoreThanItsAnswer(t *testing.T) {
	s := open(t, pgtest.Database(t), Options{})
	conn, err := s.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `alter table daybook_event set (autovacuum_enabled = off)`); err != nil {
		t.Fatal(err)
	}
	const events, streams = 12_000, 2000
	find := func(q daybook.Query, backward bool, low, high int64, limit int) (string, []any) {
		text, args := searchEvents(q, backward)
		return text, append([]any{s.number, low, high, limit}, args...)
	}
	newest := func(q daybook.Query) (string, []any) {
		text, args := searchNewest(q)
		return text, append([]any{s.number, int64(0), int64(events), 1}, args...)
	}
	const some, few, many = "order-00077", 40, 120
	questions := map[string]func() (string, []any){
		"the newest event of a stream":    func() (string, []any) { return streamsSQL, []any{s.number, []string{some, "nobody"}} },
		"what is forgotten of a stream":   func() (string, []any) { return aboutSQL, []any{s.number, []string{"$$" + some}, int64(events)} },
		"the next stream about one":       func() (string, []any) { return aboutsSQL, []any{s.number, "$$"} },
		"a version that there is not yet": func() (string, []any) { return atVersionSQL, []any{s.number, some, int64(1000)} },
		"a stream":                        func() (string, []any) { return find(daybook.Stream(some), false, 0, events, 100) },
		"a stream backwards":              func() (string, []any) { return find(daybook.Stream(some), true, 0, events, 100) },
		"a stream of nobody":              func() (string, []any) { return find(daybook.Stream("a-1"), false, 0, events, 100) },
		"the end of a type": func() (string, []any) {
			return find(daybook.Query{{Types: []string{"Type7"}}}, false, events-500, events, 100)
		},
		"a type that is rare": func() (string, []any) {
			return find(daybook.Query{{Types: []string{"First"}}}, false, 0, events, 100)
		},
		"a type that is rare, backwards": func() (string, []any) {
			return newest(daybook.Query{{Types: []string{"First"}}})
		},
		"the end of a tag": func() (string, []any) {
			return find(daybook.Query{{Tags: []string{"tag:7"}}}, false, events-500, events, 100)
		},
		"the end of a category": func() (string, []any) {
			return find(daybook.Query{{Categories: []string{"category40"}}}, false, events-500, events, 100)
		},
		"ids": func() (string, []any) {
			return idsSQL, []any{s.number, [][16]byte{uuid.New(), uuid.New(), uuid.New(), uuid.New()}}
		},
		"events by id": func() (string, []any) {
			return find(daybook.Query{{IDs: []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}}}, false, 0, events, 100)
		},
		"the middle of everything":  func() (string, []any) { return find(daybook.All(), false, events/2, events, 20) },
		"the middle backwards":      func() (string, []any) { return find(daybook.All(), true, 0, events/2, 20) },
		"nothing behind the end":    func() (string, []any) { return find(daybook.All(), false, events, events, 100) },
		"the newest of a type":      func() (string, []any) { return newest(daybook.Query{{Types: []string{"Type7"}}}) },
		"the newest of two streams": func() (string, []any) { return newest(daybook.Query{{Streams: []string{some, "order-00078"}}}) },
	}
	// What a connection prepares while there is nothing yet it may keep for long.
	chosen := make(map[string][]string)
	if _, err := conn.Exec(t.Context(), "set plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	for name, question := range questions {
		text, args := question()
		_, plan := pagesOf(t, conn, text, args)
		chosen[name] = indexesOf(plan)
	}

	versions := map[string]daybook.Version{}
	for position := daybook.Position(1); position <= events; {
		var batch []daybook.Recorded
		for range events / 3 {
			stream := fmt.Sprintf("order-%05d", int(position)*7919%streams)
			versions[stream]++
			e := daybook.Event{ID: uuid.New(), Stream: stream, Type: "Common", Tags: []string{fmt.Sprintf("tag:%d", position%200)}, Data: []byte("{}")}
			switch {
			case position == 1:
				e.Type = "First"
			case position%200 == 7:
				e.Type = "Type7"
			}
			if position%40 == 0 {
				e.Stream = fmt.Sprintf("category%d-1", position%400)
				versions[stream]--
				versions[e.Stream]++
			}
			batch = append(batch, daybook.Recorded{Event: e, Position: position, Version: versions[e.Stream], RecordedAt: time.Unix(1_600_000_000, int64(position))})
			position++
		}
		if err := s.Restore(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}

	for _, analyzed := range []bool{false, true} {
		if analyzed {
			if _, err := conn.Exec(t.Context(), `analyze daybook_event, daybook_tag`); err != nil {
				t.Fatal(err)
			}
		}
		for name, question := range questions {
			// After five times with its values, a statement is planned without them.
			for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
				if _, err := conn.Exec(t.Context(), "set plan_cache_mode = "+mode); err != nil {
					t.Fatal(err)
				}
				text, args := question()
				most := few
				if name == "the newest of two streams" {
					most = many
				}
				pages, plan := pagesOf(t, conn, text, args)
				if pages > most {
					t.Errorf("%s reads %d pages, want %d at most (%s, analyzed: %t):\n%s", name, pages, most, mode, analyzed, plan)
				}
				if indexes := indexesOf(plan); !slices.Equal(indexes, chosen[name]) {
					t.Errorf("%s is answered by %v, and on an empty table by %v (%s, analyzed: %t)", name, indexes, chosen[name], mode, analyzed)
				}
			}
		}
	}
}

// pagesOf runs a statement and returns how many pages it looked at, and the plan.
func pagesOf(t *testing.T, conn *pgx.Conn, text string, args []any) (int, string) {
	t.Helper()
	var plan []byte
	if err := conn.QueryRow(t.Context(), "explain (analyze, buffers, format json) "+text, args...).Scan(&plan); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var explained []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	if err := json.Unmarshal(plan, &explained); err != nil || len(explained) != 1 {
		t.Fatalf("%v: %s", err, plan)
	}
	return explained[0].Plan.Hit + explained[0].Plan.Read, string(plan)
}

var indexName = regexp.MustCompile(`"Index Name": "(\w+)"`)

// indexesOf returns the indexes that a plan uses, in order of name.
func indexesOf(plan string) []string {
	var names []string
	for _, found := range indexName.FindAllStringSubmatch(plan, -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	return names
}
