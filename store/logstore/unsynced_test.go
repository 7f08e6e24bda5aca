package logstore

import (
	"errors"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

// An append that failed leaves nothing in the index that others could come upon, also where
// something of another shape has taken its place.
func TestAFailedAppendLeavesNothingInTheIndex(t *testing.T) {
	s, disk := faulty(t, quietly)
	if err := appendOne(s, 1); err != nil {
		t.Fatal(err)
	}
	failed := []daybook.Event{{ID: uuid.New(), Stream: "failed-1", Type: "Placed"}, {ID: uuid.New(), Stream: "failed-1", Type: "Paid"}, {ID: uuid.New(), Stream: "failed-1", Type: "Sent"}}
	disk.Arm(errorfs.Fault{Call: 1, Kinds: errorfs.WriteAt, Err: syscall.ENOSPC})
	var unavailable *daybook.UnavailableError
	if _, err := s.Append(t.Context(), failed, nil); !errors.As(err, &unavailable) {
		t.Fatalf("an append to a full disk answers %v, want it to be unavailable", err)
	}
	if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed", Data: make([]byte, 3000), ContentType: "image/png"}}, nil); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, daybook.Stream("failed-1"), daybook.Span{}); len(got) > 0 {
		t.Errorf("%d events of the failed append are read", len(got))
	}
	if got := read(t, s, daybook.Query{{Types: []string{"Placed"}}}, daybook.Span{}); len(got) != 2 {
		t.Errorf("%d events are read, want the 2 that were recorded", len(got))
	}
	receipt, err := s.Append(t.Context(), failed, daybook.New("failed-1"))
	if err != nil || receipt.Repeated || receipt.Position != 5 {
		t.Errorf("the failed append, again, answers %+v, %v", receipt, err)
	}
}

// Goal: an event that is in the file can be read while what comes behind it is not there
// yet. Method: no space can be reserved, so the file ends with what was written; while the
// second append is being synced the third one waits to be written, and the fourth is
// checked against all of them.
func TestWhatIsDurableIsReadBeforeWhatIsNotYetWritten(t *testing.T) {
	s := openSubject(t, inMemory(), quietly)
	s.disk.Arm(errorfs.Fault{Call: 1, Forever: true, Kinds: errorfs.Preallocate, Err: syscall.ENOSPC})
	first := daybook.Event{ID: daybook.DeriveID(s.life.Log, "first"), Stream: "order-1", Type: "Placed", ContentType: daybook.JSON}
	if _, err := s.Append(t.Context(), []daybook.Event{first}, nil); err != nil {
		t.Fatal(err)
	}
	waiting, release := s.gate.shut()
	second := make(chan error, 1)
	go func() { second <- appendOne(s.Store, 2) }()
	<-waiting

	again := new(requests).of([]daybook.Event{first}, nil) // nothing of it has been checked yet
	for _, r := range []*request{new(requests).of([]daybook.Event{{ID: daybook.DeriveID(s.life.Log, "third"), Type: "Placed"}}, nil), again} {
		if err := s.order.take(r, false); err != nil {
			t.Fatal(err)
		}
	}
	release()
	<-again.done
	if again.err != nil || !again.receipt.Repeated {
		t.Errorf("the first append, repeated, answers %+v, %v", again.receipt, again.err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
}
