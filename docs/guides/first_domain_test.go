package guides

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/store/logstore"
)

func TestSpend(t *testing.T) {
	daybooktest.Given(t, Cards, Issued{5000}).When(Spend(2000)).Then(Spent{2000})
	daybooktest.Given(t, Cards, Issued{5000}, Spent{4000}).When(Spend(2000)).ThenRefused(ErrTooLittle)
	daybooktest.Given(t, Cards).When(Spend(2000)).ThenRefused(ErrNoCard)
	daybooktest.Given(t, Cards, Issued{5000}).When(Issue(5000)).ThenNothing()
}

func Example_firstDomain() {
	dir, _ := os.MkdirTemp("", "cards")
	defer os.RemoveAll(dir)
	ctx := context.Background()

	store, err := logstore.Open(dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	_, err = Cards.Decide(ctx, store, "7", Issue(5000))
	fmt.Println("issue:", err)
	receipt, err := Cards.Decide(ctx, store, "7", Spend(4000))
	fmt.Println("spend:", err, "- at version", receipt.Versions["card-7"])
	_, err = Cards.Decide(ctx, store, "7", Spend(4000))
	fmt.Println("spend:", err, "- too little:", errors.Is(err, ErrTooLittle))
	// Output:
	// issue: <nil>
	// spend: <nil> - at version 2
	// spend: daybook: refused (card-covers): there is not enough left on the card - too little: true
}
