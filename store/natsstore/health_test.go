package natsstore

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never comes to be that %s", what)
		}
	}
}

// A node whose own disk fails hands the epoch back. What it had on its way the stream has; it says unknown.
func TestANodeWhoseDiskFailsGivesTheEpochUp(t *testing.T) {
	world := vfs.OS()
	disk := errorfs.New(world.FS)
	world.FS = disk
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{}, world)
	one, other := s.nodes[0], s.nodes[1]
	mustAppend(t, one, placed("order-1"))
	disk.Arm(errorfs.Fault{Kinds: errorfs.WriteAt, Call: 1, Forever: true, Err: syscall.EIO})
	event := placed("order-1")
	var unknown *daybook.UnknownError
	if _, err := one.Append(t.Context(), []daybook.Event{event}, nil); !errors.As(err, &unknown) {
		t.Fatalf("an append that the node cannot keep answers %v", err)
	}
	if err := one.Health(); err == nil {
		t.Error("a node whose disk fails says that all is well")
	}
	if receipt := mustAppend(t, other, event); !receipt.Repeated {
		t.Errorf("appended again on the other node: %+v", receipt)
	}
	mustAppend(t, other, placed("order-1"))
	if err := s.closeNode(0); err != nil {
		t.Fatal(err)
	}
	disk.Arm(errorfs.Fault{})
	s.openNode(t, 0)
	if log := settle(t, s); len(log) != 3 {
		t.Errorf("%d events are recorded", len(log))
	}
}

// Without servers nothing is recorded, reads go on, and Health says so until they are back.
func TestWithoutServersReadsGoOn(t *testing.T) {
	servers := natstest.StartWith(t, 1, unsynced)
	s := newSubject(t, servers, 1, Options{Patience: 300 * time.Millisecond})
	node := s.nodes[0]
	mustAppend(t, node, placed("order-1"))
	servers.Stop(0)
	if _, err := node.Append(t.Context(), []daybook.Event{placed("order-1")}, nil); err == nil {
		t.Error("an append is acknowledged without servers")
	}
	reading, err := node.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	if events, err := reading.Collect(); err != nil || len(events) != 1 {
		t.Errorf("%d events are read: %v", len(events), err)
	}
	eventually(t, "the node says that nothing arrives", func() bool { return node.log.health() != nil })
	servers.Start(0)
	eventually(t, "an append is taken again", func() bool {
		_, err := node.Append(t.Context(), []daybook.Event{placed("order-1")}, nil)
		return err == nil
	})
	eventually(t, "the node is well", func() bool { return node.Health() == nil })
}

// Closing does not wait for a quorum that is not there.
func TestAStoreCanBeClosedWithoutServers(t *testing.T) {
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{Patience: time.Hour})
	mustAppend(t, s.nodes[0], placed("order-1"))
	for i := range s.gates {
		s.gates[i].Cut(true)
	}
	answers := make(chan error)
	for _, node := range s.nodes {
		go func() {
			_, err := node.Append(t.Context(), []daybook.Event{placed("order-1")}, nil)
			answers <- err
		}()
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for range s.nodes {
		if err := <-answers; err == nil {
			t.Error("an append is acknowledged without servers")
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
