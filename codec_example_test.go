package daybook_test

import (
	"fmt"

	"github.com/daybook-es/daybook"
)

// A codec turns facts into events and back.
func ExampleNewCodec() {
	type Borrowed struct{ Book, Reader string }
	codec := daybook.NewCodec(
		daybook.KindOf("BookBorrowed", func(e Borrowed) []string {
			return []string{"book:" + e.Book, "reader:" + e.Reader}
		}),
	)
	event, err := codec.Event(Borrowed{"1984", "ada"})
	fmt.Println(event.Type, event.Tags, string(event.Data), err)
	facts, err := codec.Facts(daybook.Recorded{Event: event, Position: 1})
	fmt.Println(facts, err)
	// Output:
	// BookBorrowed [book:1984 reader:ada] {"Book":"1984","Reader":"ada"} <nil>
	// [{1984 ada}] <nil>
}

// Prices were once recorded without a currency. They are read as prices of today, and
// whoever asks for those asks for both names.
func ExampleWas() {
	type Priced struct{ Cents int }
	type PriceSet struct {
		Cents    int
		Currency string
	}
	codec := daybook.NewCodec(
		daybook.KindOf[PriceSet]("PriceSet", nil),
		daybook.Was("Priced", func(old Priced) PriceSet { return PriceSet{old.Cents, "EUR"} }),
	)
	old := daybook.Event{Type: "Priced", Data: []byte(`{"Cents": 350}`)}
	facts, err := codec.Facts(daybook.Recorded{Event: old, Position: 1})
	fmt.Printf("%+v %v\n", facts, err)
	fmt.Println(daybook.NamesOf[PriceSet](codec))
	// Output:
	// [{Cents:350 Currency:EUR}] <nil>
	// [PriceSet Priced]
}

// A customer's move was once one event, and is two facts now.
func ExampleSplit() {
	type (
		Moved   struct{ From, To string }
		Left    struct{ Place string }
		Arrived struct{ Place string }
	)
	codec := daybook.NewCodec(
		daybook.KindOf[Left]("Left", nil),
		daybook.KindOf[Arrived]("Arrived", nil),
		daybook.Split("Moved", func(old Moved) []any { return []any{Left{old.From}, Arrived{old.To}} }, Left{}, Arrived{}),
	)
	moved := daybook.Event{Type: "Moved", Data: []byte(`{"From": "Rome", "To": "Lisbon"}`)}
	facts, err := codec.Facts(daybook.Recorded{Event: moved, Position: 1})
	fmt.Printf("%+v %v\n", facts, err)
	// Output:
	// [{Place:Rome} {Place:Lisbon}] <nil>
}
