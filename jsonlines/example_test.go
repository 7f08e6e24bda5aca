package jsonlines_test

import (
	"fmt"
	"strings"

	"github.com/daybook-es/daybook/jsonlines"
)

func ExampleReader() {
	lines := strings.NewReader(`{"stream":"order-42","type":"OrderPlaced","data":{"cents": 4200}}
{"stream":"order-42","type":"OrderPaid","data":{"cents": 4200},"happend_at":"2026-11-21T12:00:00Z"}
`)
	for event, err := range jsonlines.NewReader(lines).Events() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.Type, string(event.Data))
	}
	// Output:
	// OrderPlaced {"cents": 4200}
	// line 2: "happend_at" is a field that there is not
}
