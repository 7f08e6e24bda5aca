package natsstore

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// Goal: a node's own copy is not synced, and a loss of power costs nothing but time. Method: the power of a node's disk is cut
// after every few calls, with any sectors kept of what was not synced, and the node opened on what each cut left.
func TestANodeWhosePowerFailedFetchesWhatItLost(t *testing.T) {
	disk := crashfs.New(9)
	s := newSubject(t, natstest.StartWith(t, 1, unsynced), 2, Options{SegmentBytes: 3000}, vfs.OS(), disk.World())
	for i := range 60 {
		mustAppend(t, s.nodes[i/20%2], placed(fmt.Sprintf("order-%d", i%3)), placed("order-0"))
	}
	if err := s.closeNode(1); err != nil {
		t.Fatal(err)
	}
	recording := disk.Recording()
	cuts := rounds(t, 12)
	for cut := range cuts {
		call := cut * disk.Calls() / cuts
		s.worlds[1] = recording.Cut(call, crashfs.Torn, uint64(cut)).World()
		s.openNode(t, 1)
		if n := len(settle(t, s)); n != 120 {
			t.Fatalf("after a cut at call %d there are %d events", call, n)
		}
		if err := s.closeNode(1); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that is shown to sync does so before it acknowledges. What a loss of power takes from servers cannot be tried here; but
// that the system was asked to keep what was acknowledged can be seen.
func TestAServerSyncsEachCommitBeforeItIsAcknowledged(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed; `sudo apt-get install strace` lets this run")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	servers := natstest.StartProcessesBy(t, 1, strace, "-f", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync")
	s := newSubject(t, servers, 1, Options{})
	syncs := func() int {
		b, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "sync(")
	}
	mustAppend(t, s.nodes[0], placed("order-1"))
	before := syncs()
	if before == 0 {
		t.Skip("strace may not do this here: it has seen no sync")
	}
	for range 50 {
		mustAppend(t, s.nodes[0], placed("order-1"))
	}
	if n := syncs() - before; n < 50 {
		t.Errorf("50 appends were acknowledged after %d syncs", n)
	}
}
