package decider_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// The tests' first domain: a box of numbered things, each of which can be put in
// once.
type (
	Put  struct{ Thing int }
	Took struct{ Thing int }
	Note struct{ Text string }
)

type Box struct {
	Things map[int]bool
	Puts   int
}

var errFull = daybook.NewRule("box-full", "no more than three things fit into a box")

var Boxes = decider.For("box",
	decider.On("ThingPut", func(b *Box, e Put) {
		b.Things = maps.Clone(b.Things)
		if b.Things == nil {
			b.Things = make(map[int]bool)
		}
		b.Things[e.Thing] = true
		b.Puts++
	}, func(e Put) []string { return []string{"put"} }),
	decider.On("ThingTaken", func(b *Box, e Took) {
		b.Things = maps.Clone(b.Things)
		delete(b.Things, e.Thing)
	}),
	decider.On[Box, Note]("BoxNoted", nil),
)

// put puts a thing into a box that does not have it yet.
func put(thing int) decider.Decision[Box] {
	return func(b Box) ([]any, error) {
		switch {
		case b.Things[thing]:
			return nil, nil
		case len(b.Things) == 3:
			return nil, errFull
		}
		return []any{Put{thing}}, nil
	}
}

// The second domain: a library that lends copies of books.
type (
	Bought   struct{ Book string }
	Borrowed struct{ Book, Reader string }
	Returned struct{ Book, Reader string }
	Remark   struct{ Text string }
)

type Lending struct {
	Book, Reader string
	Left, Held   int
}

var errNotLent = daybook.NewRule("lendable", "a copy must be left, and a reader holds two books at most")

var lendingCodec = daybook.NewCodec(
	daybook.KindOf("BookBought", func(e Bought) []string { return []string{"book:" + e.Book} }),
	daybook.KindOf("BookBorrowed", func(e Borrowed) []string { return []string{"book:" + e.Book, "reader:" + e.Reader} }),
	daybook.KindOf("BookReturned", func(e Returned) []string { return []string{"book:" + e.Book, "reader:" + e.Reader} }),
	daybook.KindOf[Remark]("BookNoted", nil),
)

var Lendings = decider.Over("lendings", lendingCodec,
	decider.Apply(func(l *Lending, e Bought) {
		if e.Book == l.Book {
			l.Left++
		}
	}),
	decider.Apply(func(l *Lending, e Borrowed) { l.lend(e.Book, e.Reader, 1) }),
	decider.Apply(func(l *Lending, e Returned) { l.lend(e.Book, e.Reader, -1) }),
)

func (l *Lending) lend(book, reader string, n int) {
	if book == l.Book {
		l.Left -= n
	}
	if reader == l.Reader {
		l.Held += n
	}
}

const mostHeld = 2

func about(book, reader string) (daybook.Query, Lending) {
	return daybook.Query{{Tags: []string{"book:" + book}}, {Tags: []string{"reader:" + reader}}}, Lending{Book: book, Reader: reader}
}

func buy(book string) decider.Plan {
	q, start := about(book, "nobody")
	return Lendings.Within(q, start, func(Lending) ([]any, error) { return []any{Bought{book}}, nil })
}

func borrow(book, reader string) decider.Plan {
	q, start := about(book, reader)
	return Lendings.Within(q, start, func(l Lending) ([]any, error) {
		if l.Left < 1 || l.Held >= mostHeld {
			return nil, errNotLent
		}
		return []any{Borrowed{book, reader}}, nil
	})
}

func giveBack(book, reader string) decider.Plan {
	q, start := about(book, reader)
	return Lendings.Within(q, start, func(l Lending) ([]any, error) {
		if l.Held == 0 {
			return nil, nil
		}
		return []any{Returned{book, reader}}, nil
	})
}

// all returns everything that a store has recorded.
func all(t testing.TB, store daybook.Store) []daybook.Recorded {
	t.Helper()
	reading, err := store.Read(context.Background(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatalf("read everything: %v", err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatalf("read everything: %v", err)
	}
	return events
}

// must returns a value and fails the test on an error that it does not expect:
// must(f())(t).
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// as finds an error of a type.
func as[E error](t testing.TB, err error) E {
	t.Helper()
	var found E
	if !errors.As(err, &found) {
		t.Fatalf("the error is %v, want a %T", err, found)
	}
	return found
}
