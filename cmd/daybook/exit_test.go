package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

func TestTheExitStatusSaysWhatKindOfErrorItWas(t *testing.T) {
	unknown := &daybook.UnknownError{IDs: []uuid.UUID{uuid.Max}, Err: errors.New("the disk is gone")}
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{nil, 0, ""},
		{&fs.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE}, 0, ""},
		{fmt.Errorf("line 7: %w", &daybook.ConflictError{Failures: []daybook.Failure{{Clause: daybook.New("a")[0], Position: 3}}}), 3,
			"daybook: line 7: conflict: expected stream a to be new (see position 3)\n"},
		{unknown, 4, "daybook: unknown: the append of " + uuid.Max.String() + " may have been recorded: the disk is gone\n"},
		{&daybook.CorruptError{Where: "x at 7", Position: 3, Err: errors.New("a checksum")}, 1, "daybook: corrupt: x at 7 (sound up to position 3): a checksum\ndaybook: of a log in a directory, verify says all that is damaged, and repair mends it\n"},
		{errDamaged, 1, "daybook: what is stored is damaged\n"},
		{&daybook.ReusedError{ID: uuid.Max, Position: 7}, 2, "daybook: reused: event " + uuid.Max.String() + " is recorded already at position 7, and not as this append has it\n"},
		{errors.Join(errors.New("one"), daybook.ErrClosed), 2, "daybook: one\ndaybook: the store is closed\n"},
	} {
		var errs bytes.Buffer
		console := &console{err: &errs}
		if code := console.exit(t.Context(), c.err); code != c.code || errs.String() != c.want {
			t.Errorf("%v ends with %d, %q; want %d, %q", c.err, code, &errs, c.code, c.want)
		}
	}

	stopped, stop := context.WithCancel(t.Context())
	stop()
	for code, err := range map[int]error{
		exitInterrupted: &daybook.UnavailableError{Doing: "read", Err: context.Canceled},
		exitUnknown:     unknown, // being interrupted does not make it known
		exitDone:        nil,     // as follow ends
	} {
		if got := (&console{err: new(bytes.Buffer)}).exit(stopped, err); got != code {
			t.Errorf("interrupted, %v ends with %d, want %d", err, got, code)
		}
	}
}

// A waiting is an input that nobody writes to. Whoever waits for it is interrupted.
type waiting struct {
	interrupt func()
	ever      chan struct{}
}

func (w waiting) Read([]byte) (int, error) {
	w.interrupt()
	<-w.ever
	return 0, io.EOF
}

func TestWhoeverIsInterruptedWaitingForInputEnds(t *testing.T) {
	for _, verb := range [][]string{{"append", "--create"}, {"append", "--create", "--each"}, {"import"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		in := waiting{interrupt, make(chan struct{})}
		var out, errs bytes.Buffer
		code := new(Main).Execute(ctx, append(verb, t.TempDir()), in, &out, &errs)
		close(in.ever)
		if code != exitInterrupted || !strings.HasSuffix(errs.String(), "daybook: interrupted\n") || out.Len() > 0 {
			t.Errorf("%s ends with %d, %q, having printed %q", verb, code, &errs, &out)
		}
	}
}
