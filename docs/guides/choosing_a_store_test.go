package guides

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/natsstore/embedded"
	"github.com/daybook-es/daybook/store/storeurl"
)

// sellAt puts money on a card and spends some of it, whatever store the events are kept in.
func sellAt(ctx context.Context, url string) (daybook.Receipt, error) {
	store, err := storeurl.Open(ctx, url, nil)
	if err != nil {
		return daybook.Receipt{}, err
	}
	defer store.Close()
	if _, err := Cards.Decide(ctx, store, "7", Issue(5000)); err != nil {
		return daybook.Receipt{}, err
	}
	return Cards.Decide(ctx, store, "7", Spend(1200))
}

func Example_choosingAStore() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "choosing")
	fmt.Println("directory:", err)
	defer os.RemoveAll(dir)

	receipt, err := sellAt(ctx, "mem://")
	fmt.Println("in memory:", receipt.Position, receipt.Durability, err)
	receipt, err = sellAt(ctx, "log://"+dir+"/cards")
	fmt.Println("in a directory:", receipt.Position, receipt.Durability, err)

	_, err = storeurl.Open(ctx, "mem://?require=disk", nil)
	fmt.Println("in earnest:", err)

	stores := storeurl.Stores()
	stores["nats"] = storeurl.NATSWith(embedded.Open)
	quiet := &storeurl.Options{Logger: slog.New(slog.DiscardHandler)}
	to, err := stores.Open(ctx, "nats://embedded?log=cards&dir="+dir+"/nats", quiet)
	fmt.Println("a server in this process:", err)
	defer to.Close()
	from, err := stores.Open(ctx, dir+"/cards", &storeurl.Options{ReadOnly: true})
	fmt.Println("to be read:", err)
	defer from.Close()

	point, err := daybook.Copy(ctx, to.(daybook.Restorer), from)
	fmt.Println("copied up to position", point.Position, err)
	both, err := daybook.CompareLogs(ctx, from, to, point.Position, nil)
	fmt.Println("the same:", both.One == both.Other, err)

	token := receipt.Point // of the log in the directory
	info, err := to.Info(ctx)
	var other *daybook.LifeError
	fmt.Println("a token of the old log is refused:", errors.As(token.Precedes(info.Head), &other), err)
	// Output:
	// directory: <nil>
	// in memory: 2 memory <nil>
	// in a directory: 2 disk <nil>
	// in earnest: mem://?require=disk: what is recorded there survives as "memory" says, and "disk" was required
	// a server in this process: <nil>
	// to be read: <nil>
	// copied up to position 2 <nil>
	// the same: true <nil>
	// a token of the old log is refused: true <nil>
}

// What the guide says of two stores is so for a third one.
func TestTheProgramOfTheGuideRunsOnPostgreSQL(t *testing.T) {
	url := pgtest.Database(t)
	receipt, err := sellAt(t.Context(), url)
	if err != nil || receipt.Position != 2 {
		t.Fatalf("%v, %v", receipt, err)
	}
	if _, err := sellAt(t.Context(), strings.Replace(url, "postgres://", "postgres://ada:hidden@nowhere.invalid,", 1)); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("a server that is not there: %v", err)
	}
	if _, err := sellAt(t.Context(), filepath.Join(t.TempDir(), "cards")); err != nil {
		t.Error(err)
	}
}
