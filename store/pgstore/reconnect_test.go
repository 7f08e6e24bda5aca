package pgstore

import (
	"errors"
	"sync"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// All connections are lost when a server is killed. Once it is there again, whoever reads,
// appends or waits need not know.
func TestAStoreGoesOnWhenTheServerIsThereAgain(t *testing.T) {
	server := pgtest.Own(t)
	database := server.Database(t)
	s, other := open(t, database, Options{}), open(t, database, Options{})
	add := func(s *subject) daybook.Position {
		t.Helper()
		receipt, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Position
	}
	read := func(want daybook.Position) {
		reading, err := s.Read(t.Context(), daybook.All(), daybook.Span{})
		if err == nil {
			var events []daybook.Recorded
			if events, err = reading.Collect(); err == nil && daybook.Position(len(events)) != want {
				t.Errorf("%d events are read, want %d", len(events), want)
			}
		}
		if err != nil {
			t.Errorf("read: %v", err)
		}
	}
	for round := range 3 {
		last := add(s)
		var reading sync.WaitGroup
		for range 4 * defaultConns { // so that there are connections to lose
			reading.Go(func() { read(last) })
		}
		reading.Wait()
		answer := make(chan error, 1)
		go func() {
			_, err := s.Wait(t.Context(), daybook.All(), last)
			answer <- err
		}()

		if err := []func() error{server.Kill, server.Halt, server.Slay}[round](); err != nil {
			t.Fatal(err)
		}
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		read(last)
		add(other)
		// The wait may have been told that there was no server, or have heard nothing of it.
		if err := <-answer; err != nil && !errors.As(err, new(*daybook.UnavailableError)) {
			t.Errorf("wait: %v", err)
		}
		if position, err := s.Wait(t.Context(), daybook.All(), last); err != nil || position <= last {
			t.Errorf("wait: %d, %v", position, err)
		}
	}
}
