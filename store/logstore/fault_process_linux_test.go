package logstore

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook"
)

// victim starts a process that appends to a log, by way of another program if one is named, and returns it with what it
// says.
func victim(t *testing.T, dir string, by ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := append(by, program)
	v := exec.Command(command[0], command[1:]...)
	v.Env = append(os.Environ(), victimOf+"="+dir)
	v.Stderr = os.Stderr
	out, err := v.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Process.Kill() })
	return v, bufio.NewScanner(out)
}

// hears reads what a victim says until it ends, and calls each with every line. It returns what was acknowledged, and how
// often the victim has said something else.
func hears(t *testing.T, said *bufio.Scanner, each func(lines int)) (acknowledged []daybook.Recorded, others map[string]int) {
	t.Helper()
	others = make(map[string]int)
	for lines := 1; said.Scan(); lines++ {
		var a daybook.Recorded
		if _, err := fmt.Sscanf(said.Text(), "%s %d %d", &a.Stream, &a.Version, &a.Position); err != nil {
			t.Errorf("the process says %q: %v", said.Text(), err)
		}
		if a.Position > 0 {
			acknowledged = append(acknowledged, a)
		} else {
			others[a.Stream] = max(others[a.Stream]+1, int(a.Version)*strings.Count(a.Stream, "readonly"))
		}
		each(lines)
	}
	return acknowledged, others
}

// Goal: a process that is told to end while it appends leaves a log that was closed properly, with all that it has
// acknowledged.
func TestAProcessToldToEndClosesItsLog(t *testing.T) {
	dir := t.TempDir()
	v, said := victim(t, dir)
	acknowledged, others := hears(t, said, func(lines int) {
		if lines == 200 {
			if err := v.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	})
	if err := v.Wait(); err != nil {
		t.Errorf("the process ends with %v", err)
	}
	if len(acknowledged) < 200 || len(others) > 0 {
		t.Errorf("the process acknowledged %d appends, and says %v", len(acknowledged), others)
	}
	m, err := os.ReadFile(dir + "/" + manifestName)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(m), "\nclosed ") {
		t.Errorf("the manifest does not say that the log was closed:\n%s", m)
	}
	if log := wantAcknowledged(t, dir, acknowledged); len(log) < len(acknowledged) {
		t.Errorf("%d appends were acknowledged, and %d are there", len(acknowledged), len(log))
	}
	for _, name := range list(t, dir) {
		if strings.Contains(name, ".torn-") {
			t.Errorf("%s was taken for torn", name)
		}
	}
}

// Goal: when the system says of a sync that it failed, the process tells whoever waits for it that nobody knows, takes
// nothing more, reads on, and loses nothing that it had acknowledged. Method: strace makes every sync fail from one on, long before
// a segment is full: what fails while one is sealed is known not to be recorded.
func TestAProcessWhoseSyncsFailIsReadOnlyAndLosesNothing(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed; `sudo apt-get install strace` lets this run")
	}
	dir := t.TempDir()
	v, said := victim(t, dir, strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=20+")
	acknowledged, others := hears(t, said, func(int) {})
	if err := v.Wait(); err != nil && len(acknowledged) == 0 {
		t.Skipf("strace may not do this here: %v", err)
	} else if err != nil {
		t.Errorf("the process ends with %v", err)
	}
	if len(acknowledged) == 0 || others["unknown"] == 0 || others["unknown"]+others["failed"] != victimStreams {
		t.Errorf("%d appends were acknowledged, and of those that ended it the process says %v, want some that are unknown", len(acknowledged), others)
	}
	if others["readonly"] < len(acknowledged) {
		t.Errorf("%d appends were acknowledged, and a store that is read-only reads %d", len(acknowledged), others["readonly"])
	}
	wantAcknowledged(t, dir, acknowledged)
}
