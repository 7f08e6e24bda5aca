package guides

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

func Example_operations() {
	ctx := context.Background()
	home, err := os.MkdirTemp("", "operations")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(home)
	dir, backup, again := filepath.Join(home, "books"), filepath.Join(home, "backup"), filepath.Join(home, "again")
	quiet := &logstore.Options{Logger: slog.New(slog.DiscardHandler)}

	owner, err := logstore.Open(dir, quiet)
	fmt.Println("open:", err)
	receipt, err := owner.Append(ctx, []daybook.Event{{Stream: "card-7", Type: "CardIssued"}}, nil)
	fmt.Println("append:", err)

	// Perhaps in another process, while the owner goes on.
	reader, err := logstore.OpenReader(dir, nil)
	fmt.Println("beside the owner:", err)
	info, err := reader.Info(ctx)
	fmt.Println("it sees position", info.Head.Position, err)
	report, err := logstore.Backup(ctx, dir, backup, &logstore.BackupOptions{Copy: true})
	fmt.Println("backed up to position", report.Head.Position, err)
	found, err := logstore.Verify(ctx, backup, nil)
	fmt.Println("the backup is sound:", found.Sound(), err)

	fmt.Println("restore:", logstore.RestoreBackup(ctx, backup, again))
	restored, err := logstore.OpenReader(again, nil)
	fmt.Println("read it:", err)
	info, err = restored.Info(ctx)
	life := (*daybook.LifeError)(nil)
	fmt.Println("a token of the life before is refused:", errors.As(receipt.Point.Precedes(info.Head), &life), err)

	fmt.Println("close:", errors.Join(restored.Close(), reader.Close(), owner.Close()))
	repaired, err := logstore.Repair(ctx, dir, &logstore.RepairOptions{From: backup})
	fmt.Println("nothing to repair:", len(repaired.Restored)+len(repaired.Remade), err)
	// Output:
	// open: <nil>
	// append: <nil>
	// beside the owner: <nil>
	// it sees position 1 <nil>
	// backed up to position 1 <nil>
	// the backup is sound: true <nil>
	// restore: <nil>
	// read it: <nil>
	// a token of the life before is refused: true <nil>
	// close: <nil>
	// nothing to repair: 0 <nil>
}
