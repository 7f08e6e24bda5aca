package logstore

import (
	"syscall"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

// Goal: an event that is in the file can be read while what comes behind it is not there yet. Method: no space can be
// reserved, so the file ends with what was written; while the second append is being synced the third one waits to be
// written, and the fourth is checked against all of them.
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
		if err := s.order.take(r); err != nil {
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
