package alert

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/sealed"
)

// A standing is what is known of one thing that is, or was lately, wrong.
type standing struct {
	Key     key       `json:"key"`
	ID      uuid.UUID `json:"id"`    // of this time that it is wrong
	Since   time.Time `json:"since"` // when it came to be wrong
	Well    time.Time `json:"well"`  // since when it is well again; zero while it is wrong
	Told    bool      `json:"told"`  // that it has begun; that it has ended is still to be told
	Again   int       `json:"again"` // how often it came back lately
	Seen    time.Time `json:"seen"`  // when there last was such a metric
	Of      string    `json:"of"`
	Summary string    `json:"summary"`
}

// A letter is something that is to be told.
type letter struct {
	Number uint64    `json:"number"`
	ID     uuid.UUID `json:"id"`
	Key    string    `json:"key"`
	At     time.Time `json:"at"`
	Told   Told      `json:"told"`
}

// The most that waits to be told. What is wrong is bounded by what the program has, and this
// by how long nobody takes it.
const mostLetters = 1000

// A state is what a watch remembers: what is wrong, and what is yet to be told.
type state struct {
	Standings []*standing `json:"standings"`
	Letters   []letter    `json:"letters"`
	Number    uint64      `json:"number"` // of the last letter
}

func (s *state) find(k key) *standing {
	if n := slices.IndexFunc(s.Standings, func(st *standing) bool { return st.Key == k }); n >= 0 {
		return s.Standings[n]
	}
	return nil
}

// Times that decide what is one trouble. Something that came back within the hour is not
// over when it is well for a moment.
const (
	quietMost = time.Hour
	forgetful = time.Hour
)

// quiet returns how long all must be well before a trouble has ended that came back so
// often.
func quiet(least time.Duration, again int) time.Duration {
	return min(quietMost, least<<min(again, 10))
}

// see takes note of what was found, and writes letters about what has begun and ended. It
// reports whether there is anything new to remember.
func (s *state) see(found map[key]reading, now time.Time, o Options) (news bool) {
	for _, k := range slices.SortedFunc(maps.Keys(found), byName) {
		r, st := found[k], s.find(k)
		switch {
		case !r.wrong && st == nil:
			continue
		case !r.wrong:
			st.Seen = now
			if st.Well.IsZero() {
				st.Well, news = now, true
			}
			continue
		case st == nil:
			st = &standing{Key: k, ID: uuid.New(), Since: now}
			s.Standings, news = append(s.Standings, st), true
		case !st.Well.IsZero(): // it is back
			if !st.Told {
				st.ID, st.Since = uuid.New(), now
			}
			st.Well, st.Again, news = time.Time{}, st.Again+1, true
		}
		st.Seen, st.Of, st.Summary = now, r.of, r.rule.summary(r.of, r.value)
		if !st.Told && now.Sub(st.Since) >= r.rule.lasts {
			st.Told, news = true, true
			s.write(st, Began, now, o)
		}
	}
	kept := s.Standings[:0]
	for _, st := range s.Standings {
		if st.Well.IsZero() && now.Sub(st.Seen) >= forgetful {
			st.Well, news = st.Seen, true // there is no such thing any more
		}
		if st.Told && !st.Well.IsZero() && now.Sub(st.Well) >= quiet(o.Quiet, st.Again) {
			st.Told, news = false, true
			s.write(st, Ended, now, o)
		}
		// What nobody was told of is forgotten, unless it came back and may again.
		over := !st.Told && !st.Well.IsZero()
		neverTold := st.Again == 0 && st.Well.Equal(now)
		if over && (neverTold || now.Sub(st.Well) >= forgetful) {
			news = true
			continue
		}
		kept = append(kept, st)
	}
	clear(s.Standings[len(kept):])
	s.Standings = kept
	return news
}

func byName(a, b key) int {
	return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Labels, b.Labels))
}

// severityOf returns how urgent what a rule is about is.
func severityOf(name string) string {
	for _, r := range rules {
		if r.name == name {
			return r.severity
		}
	}
	return ticket
}

// write writes a letter.
func (s *state) write(st *standing, what string, now time.Time, o Options) {
	told := Told{
		Alert: st.Key.Rule, State: what, ID: st.ID, Program: o.Program, Of: st.Of, Severity: severityOf(st.Key.Rule), Summary: st.Summary,
		Since: st.Since.UTC(), Runbook: runbook(st.Key.Rule),
	}
	if what == Ended {
		told.Ended = st.Well.UTC()
	}
	s.Number++
	s.Letters = append(s.Letters, letter{
		Number: s.Number, ID: daybook.DeriveID(st.ID, what), Key: st.Key.Rule + " " + st.Key.Labels, At: now.UTC(), Told: told,
	})
	if excess := len(s.Letters) - mostLetters; excess > 0 {
		s.Letters = slices.Delete(s.Letters, 0, excess)
	}
}

// readState reads a state from a file; a new one if there is none.
func readState(file string) (*state, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return new(state), nil
	}
	if err != nil {
		return nil, fmt.Errorf("alert: read what was told: %w", err)
	}
	inner, sound := sealed.Open(content)
	s := new(state)
	if !sound || json.Unmarshal(inner, s) != nil {
		return nil, fmt.Errorf("alert: %s is not what was written", file)
	}
	return s, nil
}

// save writes the state into a file.
func (s *state) save(file string) error {
	content, err := json.Marshal(s)
	if err == nil {
		err = sealed.Write(file, content)
	}
	if err != nil {
		return fmt.Errorf("alert: keep what was told: %w", err)
	}
	return nil
}
