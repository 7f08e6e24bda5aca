package crowd

import (
	"cmp"
	"slices"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/library"
)

// An entry is what one event of the log says.
type entry struct {
	at     daybook.Position
	isbn   library.ISBN
	reader library.Card // of a loan or a return
	borrow bool
}

// A logged is all of the log, in order.
type logged []entry

func readLog(t *testing.T, store daybook.Store) (all logged) {
	t.Helper()
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		facts, err := library.Books.Codec().Facts(e)
		if err != nil {
			t.Fatal(err)
		}
		switch f := facts[0].(type) {
		case library.BookAdded:
			all = append(all, entry{at: e.Position, isbn: f.ISBN})
		case library.BookBorrowed:
			all = append(all, entry{e.Position, f.ISBN, f.Reader, true})
		case library.BookReturned:
			all = append(all, entry{e.Position, f.ISBN, f.Reader, false})
		}
	}
	return all
}

// A moment is who has what.
type moment map[library.ISBN]map[library.Card]bool

// apply makes it the moment right after an event.
func (m moment) apply(e entry) {
	if m[e.isbn] == nil {
		m[e.isbn] = make(map[library.Card]bool)
	}
	if e.borrow {
		m[e.isbn][e.reader] = true
	} else {
		delete(m[e.isbn], e.reader)
	}
}

func (m moment) held(reader library.Card) (n int) {
	for _, has := range m {
		if has[reader] {
			n++
		}
	}
	return n
}

// holds checks the rules at every moment.
func (l logged) holds(t *testing.T, copies map[library.ISBN]int64) {
	t.Helper()
	now := make(moment)
	for _, e := range l {
		switch has := now[e.isbn]; {
		case e.reader == "":
		case !e.borrow && !has[e.reader]:
			t.Errorf("at %d %s returned %s without having it", e.at, e.reader, e.isbn)
		case !e.borrow:
		case has[e.reader]:
			t.Errorf("at %d %s got a second copy of %s", e.at, e.reader, e.isbn)
		case int64(len(has)) >= copies[e.isbn]:
			t.Errorf("at %d a copy of %s was lent that there was not", e.at, e.isbn)
		case now.held(e.reader) >= library.MostBooks:
			t.Errorf("at %d %s got a sixth book", e.at, e.reader)
		}
		now.apply(e)
	}
}

// explains checks that the log says what everybody was answered: what was done is recorded
// there, once, and what was refused could not be done at the moment at which that was
// decided. Nothing is recorded that nobody was told of.
func (l logged) explains(t *testing.T, answers []said, copies map[library.ISBN]int64) {
	t.Helper()
	slices.SortFunc(answers, func(a, b said) int { return cmp.Compare(a.at, b.at) })
	told := make(map[daybook.Position]bool)
	now := make(moment)
	next := 0 // event of the log
	for _, s := range answers {
		for ; next < len(l) && l[next].at <= s.at; next++ {
			now.apply(l[next])
		}
		if s.rule == "" {
			if e := l[max(next, 1)-1]; (e != entry{s.at, s.isbn, s.reader, s.borrow}) || told[s.at] {
				t.Errorf("%+v was answered, and at %d is recorded %+v; answered before: %t", s, e.at, e, told[s.at])
			}
			told[s.at] = true
			continue
		}
		has := now[s.isbn]
		why := map[string]bool{
			library.ErrHasIt.Name():       s.borrow && has[s.reader],
			library.ErrHasEnough.Name():   s.borrow && now.held(s.reader) >= library.MostBooks,
			library.ErrNoneLeft.Name():    s.borrow && int64(len(has)) >= copies[s.isbn],
			library.ErrDoesNotHave.Name(): !s.borrow && !has[s.reader],
		}
		if !why[s.rule] {
			t.Errorf("%+v was refused, and the log does not say why", s)
		}
	}
	for _, e := range l {
		if e.reader != "" && !told[e.at] {
			t.Errorf("%+v is recorded, and nobody was told", e)
		}
	}
}
