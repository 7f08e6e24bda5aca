package logstore

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

func TestANodeThatFellBehindCatchesUp(t *testing.T) {
	c := twoNodes(t, 1, &Options{SegmentBytes: 2000, Logger: quiet})
	behind, ahead := c.nodes[1], c.nodes[0].store
	behind.sleep(true)
	for i := range 200 {
		mustAppend(t, ahead, placed(fmt.Sprintf("order-%d", i%7)))
	}
	if head := behind.store.view.Load().head; head != 0 {
		t.Fatalf("the node that is behind has come to position %d", head)
	}
	behind.sleep(false)
	c.settled(t)

	// And when it was closed meanwhile.
	if err := behind.shut(); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		mustAppend(t, ahead, placed("order-1"))
	}
	if err := behind.open(); err != nil {
		t.Fatal(err)
	}
	c.settled(t)
	c.quorum.move(behind)
	mustAppend(t, behind.store, placed("order-2"))
	c.settled(t)
}

// Goal: whatever happened to a node's own copy, the node opens, and has the log again. Method: a byte of each file is
// damaged, a file is cut, removed, or emptied.
func TestANodeSetsADamagedSegmentAsideAndFetchesItAgain(t *testing.T) {
	damages := map[string]func(m *member, name string) error{
		"a byte is changed": func(m *member, name string) error {
			f, err := m.world.FS.OpenWrite(name)
			if err != nil {
				return err
			}
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, 300); err != nil {
				return err
			}
			b[0] ^= 0x10
			_, err = f.WriteAt(b, 300)
			return errors.Join(err, f.Close())
		},
		"the file is cut": func(m *member, name string) error {
			f, err := m.world.FS.OpenWrite(name)
			if err != nil {
				return err
			}
			return errors.Join(f.Truncate(350), f.Close())
		},
		"the file is gone": func(m *member, name string) error { return m.world.FS.Remove(name) },
	}
	for what, damage := range damages {
		for _, segment := range []uint64{1, 3, 6} { // the last one is active
			t.Run(fmt.Sprintf("%s in segment %d", what, segment), func(t *testing.T) {
				c := twoNodes(t, segment, &Options{SegmentBytes: 2000, Logger: quiet})
				for last := uint64(0); last < 6 || c.nodes[1].store.view.Load().end < 900; {
					mustAppend(t, c, placed("order-1"))
					c.settled(t)
					segments := c.nodes[1].store.view.Load().segments
					last = segments[len(segments)-1].number
				}
				m := c.nodes[1]
				home := m.replica().disk.home
				if err := m.shut(); err != nil {
					t.Fatal(err)
				}
				if err := damage(m, home.path(segmentName(segment))); err != nil {
					t.Fatal(err)
				}
				if err := m.open(); err != nil {
					t.Fatalf("a node whose segment is damaged does not open: %v", err)
				}
				c.settled(t)
				if aside, fetched := m.replica().aside, m.hasFetched(); aside != 1 || fetched == 0 {
					t.Errorf("%d segments were set aside, and %d frames fetched", aside, fetched)
				}
				c.quorum.move(m)
				mustAppend(t, c, placed("order-1"))
				c.settled(t)
			})
		}
	}
}

// Goal: a node's copy is not synced, and a loss of power costs nothing but time. Method: the power is cut after every few
// calls, and the node opened on what each cut left.
func TestANodeWhosePowerFailedFetchesWhatItLost(t *testing.T) {
	disk := crashfs.New(9)
	c := newCluster(t, 9, &Options{SegmentBytes: 3000, Logger: quiet}, inMemory(), disk.World())
	for i := range 60 {
		mustAppend(t, c.nodes[0].store, placed(fmt.Sprintf("order-%d", i%3)), placed("order-0"))
		if i%20 == 10 {
			c.quorum.move(c.nodes[i/20%2])
		}
	}
	log := c.settled(t)
	m := c.nodes[1]
	if err := m.shut(); err != nil {
		t.Fatal(err)
	}
	recording := disk.Recording()
	fetched := 0
	for call := 0; call <= disk.Calls(); call += 7 {
		for seed := range uint64(3) {
			m.world = recording.Cut(call, crashfs.Torn, seed).World()
			if err := m.open(); err != nil {
				t.Fatalf("after a cut at call %d with seed %d the node does not open: %v", call, seed, err)
			}
			if n := len(c.settled(t)); n != len(log) {
				t.Fatalf("after a cut at call %d with seed %d there are %d events, want %d", call, seed, n, len(log))
			}
			fetched += m.hasFetched()
			if err := m.shut(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if fetched == 0 {
		t.Error("nothing was ever fetched again")
	}
}

// A node whose own disk fails loses its turn. What it had on its way the quorum has; it says unknown.
func TestANodeWhoseDiskFailsLosesItsTurn(t *testing.T) {
	world := inMemory()
	disk := errorfs.New(world.FS)
	world.FS = disk
	c := newCluster(t, 1, quietly, world, inMemory())
	one, other := c.nodes[0], c.nodes[1]
	mustAppend(t, one.store, placed("order-1"))
	disk.Arm(errorfs.Fault{Kinds: errorfs.WriteAt, Call: 1, Forever: true, Err: syscall.EIO})
	e := placed("order-1")
	_, err := one.store.Append(t.Context(), []daybook.Event{e}, nil)
	var unknown *daybook.UnknownError
	if !errors.As(err, &unknown) {
		t.Fatalf("an append that the node cannot keep answers %v", err)
	}
	var health *HealthError
	if err := one.store.Health(); !errors.As(err, &health) || !health.ReadOnly {
		t.Errorf("a node whose disk fails says: %v", err)
	}
	if receipt := mustAppend(t, other.store, e); !receipt.Repeated {
		t.Errorf("appended again on the other node: %+v", receipt)
	}
	mustAppend(t, other.store, placed("order-1"))
	disk.Arm(errorfs.Fault{})
	if err := one.shut(); err != nil {
		t.Fatal(err)
	}
	if err := one.open(); err != nil {
		t.Fatal(err)
	}
	if log := c.settled(t); len(log) != 3 {
		t.Errorf("%d events are recorded, want 3", len(log))
	}
}
