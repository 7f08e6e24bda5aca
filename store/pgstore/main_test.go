package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daybook-es/daybook"
)

// A task is what another process of these tests does: it appends to a log, one event after
// the other, by a clock of its own.
type task struct {
	URL     string
	Stream  string
	Appends int
	Bytes   int // of data in each
	// Ahead is by how much the process's clock is ahead. If Stamping is set it stands for
	// the clock of the server that the process is connected to.
	Ahead    time.Duration
	Stamping bool
}

// taskIn is the variable of the environment that holds the task.
const taskIn = "DAYBOOK_TEST_TASK"

func TestMain(m *testing.M) {
	if text := os.Getenv(taskIn); text != "" {
		if err := carryOut(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// carryOut does a task, and says so for each append that was answered.
func carryOut(text string) error {
	var do task
	if err := json.Unmarshal([]byte(text), &do); err != nil {
		return err
	}
	ctx := context.Background()
	options := Options{Logger: quiet}
	clock := func() time.Time { return time.Now().Add(do.Ahead) }
	if do.Stamping {
		options.clock = clock
	}
	store, err := Open(ctx, do.URL, &options)
	if err != nil {
		return err
	}
	defer store.Close()
	for range do.Appends {
		receipt, err := store.Append(ctx, []daybook.Event{{Stream: do.Stream, Type: "Done", HappenedAt: clock(), Data: make([]byte, do.Bytes)}}, nil)
		if err != nil {
			return err
		}
		fmt.Println(receipt.Versions[do.Stream])
	}
	return nil
}

// A process carries out a task.
type process struct {
	*exec.Cmd
	said strings.Builder
}

// begin begins another process.
func begin(t testing.TB, do task) *process {
	t.Helper()
	text, err := json.Marshal(do)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), taskIn+"="+string(text))
	p.Stderr = &p.said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// end waits until a process is done.
func (p *process) end(t testing.TB) {
	t.Helper()
	if err := p.Wait(); err != nil {
		t.Errorf("another process: %v: %s", err, &p.said)
	}
}
