package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/daybook-es/daybook/apps/internal/importing"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/library"
)

// Import records the books of a catalogue.
type Import struct {
	Kept
	Copies int64  `default:"2" placeholder:"N" help:"How many copies there are of each book (${default}): the catalogue does not say."`
	From   string `arg:"" help:"The table books.csv, plain or .gz, or a directory anywhere below which it is."`
}

// Run imports. It can be stopped at any time, and run again.
func (c *Import) Run(ctx context.Context, s *program.Streams) (err error) {
	catalogue, err := library.OpenGoodbooks(c.From, c.Copies)
	if err != nil {
		return err
	}
	store, err := c.open(ctx, fmt.Sprintf("library import, process %d", os.Getpid()), false, s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	tell, told := program.Progress(s.Err, "books")
	sum, err := library.Record(ctx, store, catalogue.Books(), time.Now(), func(sum library.Import) {
		read, size := catalogue.Progress()
		tell(program.Done{Things: sum.Books, Events: sum.Added, Read: read, Size: size})
	})
	told()
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("it was stopped")
		}
		return fmt.Errorf("import: %w\n%s books are recorded; run it again to go on", err, program.Count(sum.Added+sum.Repeated))
	}
	summarise(s.Out, sum, catalogue.Odd.List())
	return nil
}

// summarise says what came of an import, and what was odd.
func summarise(w io.Writer, sum library.Import, odd []importing.Oddity) {
	fmt.Fprintf(w, "%s books read: %s added, %s there already", program.Count(sum.Books), program.Count(sum.Added), program.Count(sum.Repeated))
	if sum.Kept > 0 {
		fmt.Fprintf(w, ", %s that the library had otherwise left as they are", program.Count(sum.Kept))
	}
	fmt.Fprintf(w, ".\n%.1f s", sum.Elapsed.Seconds())
	if sum.Added > 0 {
		fmt.Fprintf(w, ", %s books a second", program.Count(program.PerSecond(sum.Added, sum.Elapsed)))
	}
	fmt.Fprintln(w, ".")
	importing.WriteOdd(w, "Odd", odd)
}
