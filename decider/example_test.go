package decider_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// An account is overdrawn by nobody, however many try at the same time.
func Example() {
	type (
		Deposited struct{ Cents int }
		Withdrawn struct{ Cents int }
		Account   struct{ Balance int }
	)
	accounts := decider.For("account",
		decider.On("MoneyDeposited", func(a *Account, e Deposited) { a.Balance += e.Cents }),
		decider.On("MoneyWithdrawn", func(a *Account, e Withdrawn) { a.Balance -= e.Cents }),
	)
	errOverdrawn := daybook.NewRule("not-overdrawn", "no more is withdrawn than there is")
	deposit := func(cents int) decider.Decision[Account] {
		return func(Account) ([]any, error) { return []any{Deposited{cents}}, nil }
	}
	withdraw := func(cents int) decider.Decision[Account] {
		return func(a Account) ([]any, error) {
			if cents > a.Balance {
				return nil, fmt.Errorf("%w: %d cents", errOverdrawn, a.Balance)
			}
			return []any{Withdrawn{cents}}, nil
		}
	}

	ctx, store := context.Background(), memstore.New()
	receipt, err := accounts.Decide(ctx, store, "ada", deposit(1000))
	fmt.Println("deposit:", receipt.Versions, err)
	receipt, err = accounts.Decide(ctx, store, "ada", withdraw(700))
	fmt.Println("withdraw:", receipt.Versions, err)
	_, err = accounts.Decide(ctx, store, "ada", withdraw(700))
	fmt.Println("withdraw:", errors.Is(err, errOverdrawn), err)
	// Output:
	// deposit: map[account-ada:1] <nil>
	// withdraw: map[account-ada:2] <nil>
	// withdraw: true daybook: refused (not-overdrawn): no more is withdrawn than there is: 300 cents
}

// A reader may hold so many books, and a book must have a copy left: one decision
// over two tags, without a saga and without a lock.
func ExampleBoundary() {
	type (
		Bought   struct{ Book string }
		Borrowed struct{ Book, Reader string }
		Lending  struct {
			Book, Reader string
			Left, Held   int
		}
	)
	codec := daybook.NewCodec(
		daybook.KindOf("BookBought", func(e Bought) []string { return []string{"book:" + e.Book} }),
		daybook.KindOf("BookBorrowed", func(e Borrowed) []string { return []string{"book:" + e.Book, "reader:" + e.Reader} }),
	)
	lendings := decider.Over("lendings", codec,
		decider.Apply(func(l *Lending, _ Bought) { l.Left++ }),
		decider.Apply(func(l *Lending, e Borrowed) {
			if e.Book == l.Book {
				l.Left--
			}
			if e.Reader == l.Reader {
				l.Held++
			}
		}),
	)
	errNotLent := errors.New("no copy is left, or the reader holds five books")
	borrow := func(book, reader string) decider.Plan {
		return lendings.Within(
			daybook.Query{{Tags: []string{"book:" + book}}, {Tags: []string{"reader:" + reader}}},
			Lending{Book: book, Reader: reader},
			func(l Lending) ([]any, error) {
				if l.Left < 1 || l.Held >= 5 {
					return nil, errNotLent
				}
				return []any{Borrowed{book, reader}}, nil
			})
	}

	ctx, store := context.Background(), memstore.New()
	bought, err := codec.Event(Bought{"1984"})
	if err == nil {
		_, err = store.Append(ctx, []daybook.Event{bought}, nil)
	}
	fmt.Println("one copy of 1984:", err)
	for _, reader := range []string{"ada", "bob"} {
		receipt, err := decider.Decide(ctx, store, borrow("1984", reader))
		fmt.Printf("%s: position %d, %v\n", reader, receipt.Position, err)
	}
	// Output:
	// one copy of 1984: <nil>
	// ada: position 2, <nil>
	// bob: position 0, daybook: refused: no copy is left, or the reader holds five books
}

// The caller has seen the order at version 1, and wants it to be changed only if it
// still is.
func ExamplePlan_If() {
	type (
		Renamed struct{ To string }
		Product struct{ Name string }
	)
	products := decider.For("product",
		decider.On("ProductRenamed", func(p *Product, e Renamed) { p.Name = e.To }),
	)
	rename := func(to string) decider.Plan {
		return products.At("7", func(Product) ([]any, error) { return []any{Renamed{to}}, nil })
	}
	ctx, store := context.Background(), memstore.New()
	for _, name := range []string{"chair", "table"} {
		seen := daybook.At(products.Stream("7"), 0)
		receipt, err := decider.Decide(ctx, store, rename(name).If(seen))
		fmt.Println(receipt.Versions, err)
	}
	// Output:
	// map[product-7:1] <nil>
	// map[] daybook: conflict: expected stream product-7 to be at version 0 (see position 1)
}
