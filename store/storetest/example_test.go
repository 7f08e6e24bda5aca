package storetest_test

import (
	"fmt"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

// The whole test of a store, to begin with. Put your own in place of memstore.
func ExampleRun() {
	TestStore := func(t *testing.T) {
		storetest.Run(t, storetest.Subject{
			Open: func(testing.TB) daybook.Store { return memstore.New() },
			NotPromised: map[string]string{
				"an append may have 900 KiB in one event": "the wire takes 64 KiB",
			},
		})
	}
	_ = TestStore // go test calls it
}

// Each promise is a sentence, and the name of the subtest that tries it.
func ExampleSentences() {
	for _, sentence := range storetest.Sentences()[:3] {
		fmt.Println(sentence)
	}
	// Output:
	// events are read in the order in which they were appended
	// positions begin at 1 and have no gaps
	// the events of one append stand next to each other, in their order
}
