package library

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/importing"
	"github.com/google/uuid"
)

// An Import is the result of importing a catalogue.
type Import struct {
	// Books is how many were read that have a number, Added how many of them were
	// recorded now, Repeated how many had been before, and Kept how many the library had
	// already otherwise: those are left as they are.
	Books    int `json:"books"`
	Added    int `json:"added"`
	Repeated int `json:"repeated"`
	Kept     int `json:"kept"`
	// Elapsed is how long it took.
	Elapsed time.Duration `json:"elapsed"`
}

// inFlight is how many books are recorded at the same time: enough to keep a store busy
// that syncs once for all who wait.
const inFlight = 64

// importedFrom is the namespace of the ids of imported facts.
var importedFrom = uuid.MustParse("6c1b7f0e-5d0e-4f6b-9b0b-3d1f5a0c7e21")

// ImportedID returns the id of the fact that a book was imported, for ever the same.
func ImportedID(isbn ISBN) uuid.UUID { return uuid.NewSHA1(importedFrom, []byte(isbn)) }

// Record records in a store that the library got the books of a catalogue at some time, and
// decides nothing. It calls tell
// with how far it has come now and then, unless tell is nil.
//
// Each fact carries an id that derives from its book, so recording the same catalogue again
// adds nothing, and one that was interrupted is finished by recording it again. The first
// error, of the catalogue or of the store, ends it; what was recorded before it stays.
func Record(ctx context.Context, store daybook.Store, catalogue iter.Seq2[BookAdded, error], at time.Time, tell func(Import)) (Import, error) {
	began := time.Now()
	var mu sync.Mutex
	var sum Import
	_, err := importing.Batches(ctx, catalogue, 1, inFlight, func(ctx context.Context, books []BookAdded) error {
		count, err := recordOne(ctx, store, books[0], at)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		sum.Books++
		count(&sum)
		if tell != nil {
			tell(sum)
		}
		return nil
	})
	sum.Elapsed = time.Since(began)
	return sum, err
}

// recordOne records one book, and returns what counts it.
func recordOne(ctx context.Context, store daybook.Store, book BookAdded, at time.Time) (func(*Import), error) {
	stream := StreamOf(book.ISBN)
	event, err := Books.Codec().Event(book)
	if err != nil {
		return nil, err
	}
	event.ID, event.Stream, event.HappenedAt = ImportedID(book.ISBN), stream, at
	event.Metadata = daybook.Trace{Actor: "import"}.Metadata()
	receipt, err := store.Append(ctx, []daybook.Event{event}, daybook.New(stream))
	conflict := (*daybook.ConflictError)(nil)
	switch {
	case errors.As(err, &conflict):
		return func(s *Import) { s.Kept++ }, nil
	case err != nil:
		return nil, err
	case receipt.Repeated:
		return func(s *Import) { s.Repeated++ }, nil
	}
	return func(s *Import) { s.Added++ }, nil
}
