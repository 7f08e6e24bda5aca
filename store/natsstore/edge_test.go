package natsstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
)

// An append that is exactly as large as the limits allow is recorded, on the node that holds the epoch and on another one.
func TestAnAppendAsLargeAsTheLimitsIsRecorded(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{})
	limits := s.nodes[0].log.Limits()
	for i, events := range []int{1, limits.AppendEvents, limits.AppendEvents, 1} {
		batch, size := make([]daybook.Event, events), 0
		for n := range batch {
			batch[n] = placed("order-1")
			size += batch[n].Size()
		}
		batch[0].Data = []byte(`"` + strings.Repeat("x", limits.AppendBytes-size+len(batch[0].Data)-2) + `"`)
		if _, err := s.nodes[i%2].Append(t.Context(), batch, nil); err != nil {
			t.Errorf("%d events of %d bytes: %.300v", events, limits.AppendBytes, err)
		}
		batch[0].Data = append(batch[0].Data, ' ')
		var invalid *daybook.InvalidError
		if _, err := s.nodes[i%2].Append(t.Context(), batch, nil); !errors.As(err, &invalid) {
			t.Errorf("%d events of %d bytes: %.300v", events, limits.AppendBytes+1, err)
		}
	}
}

// A node is closed while a takeover that is on its way is not answered.
func TestCloseDoesNotWaitForAQuorum(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 1, Options{Patience: time.Hour})
	l, silent := s.nodes[0].log, make(chan struct{})
	l.stream = &slowStream{Stream: l.stream, subject: l.subjects.identity, after: func() { // the last question before the takeover
		s.gates[0].Hold(true)
		close(silent)
	}}
	appended, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.nodes[0].Append(context.Background(), []daybook.Event{placed("order-1")}, nil)
		appended <- err
	}()
	<-silent
	node := s.nodes[0]
	go func() { closed <- node.Close() }()
	for _, done := range []chan error{closed, appended} {
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, daybook.ErrClosed) {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("a node that waits for a quorum cannot be closed")
		}
	}
}
