package logstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook"
)

var victimOptions = &Options{SegmentBytes: 32 << 10, Owner: "the victim", Logger: quiet}

const victimStreams = 6

func victimEvent(stream string, v daybook.Version) daybook.Event {
	return daybook.Event{Stream: stream, Type: "Counted", Data: fmt.Appendf(nil, `{"of":%q,"is":%d}`, stream, v)}
}

// appendUntilKilled appends to some streams at once and says of each append on standard output, when it is
// acknowledged, where it is. It never returns: it ends when it is killed, when it is told to by SIGTERM, after it has
// closed the log, or when nothing can be appended any more, after it has said so.
func appendUntilKilled(dir string) {
	s, err := Open(dir, victimOptions)
	if err != nil {
		log.Fatal(err)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	var appending sync.WaitGroup
	for i := range victimStreams {
		stream := fmt.Sprintf("counter-%d", i)
		events, err := selected(s, daybook.Stream(stream))
		if err != nil {
			log.Fatal(err)
		}
		appending.Go(func() { appendToOne(s, stream, daybook.Version(len(events))) })
	}
	ended := make(chan struct{})
	go func() {
		appending.Wait()
		close(ended)
	}()
	select {
	case <-told:
		if err := s.Close(); err != nil {
			log.Fatal(err)
		}
	case <-ended:
		var health *HealthError
		if log, err := everything(s); err == nil && errors.As(s.Health(), &health) && health.ReadOnly {
			fmt.Printf("readonly %d 0\n", len(log))
		}
	}
	os.Exit(0)
}

// appendToOne appends to a stream of some version until that fails.
func appendToOne(s *Store, stream string, v daybook.Version) {
	for ; ; v++ {
		receipt, err := s.Append(context.Background(), []daybook.Event{victimEvent(stream, v+1)}, daybook.At(stream, v))
		var unknown *daybook.UnknownError
		switch {
		case errors.Is(err, daybook.ErrClosed):
			return
		case errors.As(err, &unknown):
			fmt.Printf("unknown %d 0\n", v+1)
			return
		case err != nil:
			fmt.Printf("failed %d 0\n", v+1)
			return
		}
		// One write of a few bytes into a pipe: it is there whole or not.
		if _, err := fmt.Fprintf(os.Stdout, "%s %d %d\n", stream, v+1, receipt.Position); err != nil {
			log.Fatal(err)
		}
	}
}

// Goal: what a process was answered is there after kill -9. Method: a process appends and says what was
// acknowledged, is killed at some moment, and the log is held against that; over and over on one directory.
func TestAKilledProcessLosesNothingThatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	rounds := soaking(t).choose(2, 8, 50)
	var acknowledged []daybook.Recorded
	for round := range rounds {
		acknowledged = append(acknowledged, untilKilled(t, dir, 50+rand.IntN(400))...)
		log := wantAcknowledged(t, dir, acknowledged)
		if round == rounds-1 {
			tried(t, rounds)
			t.Logf("%d kills, %d appends acknowledged of %d recorded", rounds, len(acknowledged), len(log))
		}
	}
}

// wantAcknowledged opens a log that a process has left, and returns all of it. What was acknowledged must be there.
func wantAcknowledged(t *testing.T, dir string, acknowledged []daybook.Recorded) []daybook.Recorded {
	t.Helper()
	s, err := Open(dir, victimOptions)
	if err != nil {
		t.Fatal(err)
	}
	log, err := everything(s)
	if err := errors.Join(err, s.Close(), sound(log)); err != nil {
		t.Fatal(err)
	}
	for _, e := range log {
		if want := victimEvent(e.Stream, e.Version).Data; string(e.Data) != string(want) {
			t.Errorf("position %d holds %s, want %s", e.Position, e.Data, want)
		}
	}
	for _, a := range acknowledged {
		if int(a.Position) > len(log) {
			t.Fatalf("position %d was acknowledged, and the log ends at %d", a.Position, len(log))
		}
		if e := log[a.Position-1]; e.Stream != a.Stream || e.Version != a.Version {
			t.Errorf("position %d was acknowledged for version %d of %s, and holds version %d of %s", a.Position, a.Version, a.Stream, e.Version, e.Stream)
		}
	}
	return log
}

// untilKilled runs a process that appends, kills it after it has said so many lines, and returns all that it said.
func untilKilled(t *testing.T, dir string, lines int) (acknowledged []daybook.Recorded) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.Command(program)
	victim.Env = append(os.Environ(), victimOf+"="+dir)
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	for {
		line, err := said.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Error(err)
			break
		}
		var a daybook.Recorded
		if _, err := fmt.Sscanf(line, "%s %d %d\n", &a.Stream, &a.Version, &a.Position); err != nil {
			t.Errorf("the process says %q: %v", line, err)
			break
		}
		acknowledged = append(acknowledged, a)
		if len(acknowledged) == 1 {
			wantLocked(t, dir)
		}
		if len(acknowledged) == lines {
			victim.Process.Kill()
		}
	}
	victim.Process.Kill()
	victim.Wait() // it was killed: that is no news
	if len(acknowledged) < lines {
		t.Fatalf("the process ended after %d lines, and was to be killed after %d", len(acknowledged), lines)
	}
	return acknowledged
}

// wantLocked opens the directory that the other process has.
func wantLocked(t *testing.T, dir string) {
	t.Helper()
	s, err := Open(dir, victimOptions)
	if err == nil {
		s.Close()
		t.Fatal("two processes have the directory open")
	}
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Owner != victimOptions.Owner || locked.Dir != dir {
		t.Errorf("opening what another process has open answers %v, want a LockedError that names the owner", err)
	}
}
