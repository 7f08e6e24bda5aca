package sqlview_test

import (
	"context"
	"fmt"
	"os"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
	"github.com/daybook-es/daybook/store/memstore"
)

// The facts of a library.
type (
	Borrowed struct{ Book, Reader string }
	Returned struct{ Book, Reader string }
)

var lendings = daybook.NewCodec(
	daybook.KindOf[Borrowed]("BookBorrowed", nil),
	daybook.KindOf[Returned]("BookReturned", nil),
)

// Loans says who has which book, and since when.
var Loans = sqlview.New("loans", 1, lendings,
	`create table loans (book text, reader text, since integer, primary key (book, reader)) strict`,
	sqlview.On(func(tx *sqlview.Tx, e Borrowed, at daybook.Recorded) error {
		return tx.Exec(`insert into loans values (?, ?, ?)`, e.Book, e.Reader, at.Happened())
	}),
	sqlview.On(func(tx *sqlview.Tx, e Returned, _ daybook.Recorded) error {
		return tx.Exec(`delete from loans where book = ? and reader = ?`, e.Book, e.Reader)
	}),
)

func Example() {
	dir, _ := os.MkdirTemp("", "loans")
	defer os.RemoveAll(dir)
	ctx, store := context.Background(), memstore.New()
	for _, fact := range []any{
		Borrowed{"1984", "ada"}, Borrowed{"Emma", "ada"}, Borrowed{"1984", "bob"}, Returned{"1984", "ada"},
	} {
		event, _ := lendings.Event(fact)
		store.Append(ctx, []daybook.Event{event}, nil)
	}

	view, err := Loans.Open(ctx, dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer view.Close()
	fmt.Println(projection.NewRunner(store, view, nil).CatchUp(ctx))

	// All questions are about one moment, which the reading names.
	view.Read(ctx, func(rows *sqlview.Reader, at projection.Checkpoint) error {
		var loans int
		if err := rows.QueryRow(`select count(*) from loans`).Scan(&loans); err != nil {
			return err
		}
		fmt.Println(loans, "loans at position", at.Position)
		for row, err := range rows.Query(`select book, reader from loans order by book`) {
			if err != nil {
				return err
			}
			var book, reader string
			if err := row.Scan(&book, &reader); err != nil {
				return err
			}
			fmt.Println(reader, "has", book)
		}
		return nil
	})
	// Output:
	// <nil>
	// 2 loans at position 4
	// bob has 1984
	// ada has Emma
}
