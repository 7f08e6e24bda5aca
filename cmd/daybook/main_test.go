package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the scripts compare with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"daybook": main,
		"digests": digests,
		"flip":    flip,
	})
}

// TestScripts runs the sessions in testdata/script. They have some commands of their own:
// digests and flip, below, and
//
//	status N COMMAND ARGUMENTS: runs a command, which must end with the exit status N
//	until FILE REGEXP: waits until a file has a line that matches
//	session FILE: runs the sessions on a page of the documentation, and compares
//	steady FILE: replaces what differs from run to run, times and ids, by words
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			path, err := filepath.Abs(guide)
			env.Setenv("GUIDE", path)
			env.Setenv("GORACE", atOnce())
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"session": session,
			"status":  status,
			"until":   until,
			"steady":  steady,
		},
	})
}

// atOnce returns what a program is told in GORACE to end at once. Under the race detector each
// would sleep for a second before, lest another goroutine has still a race to tell of, and the
// tests run hundreds.
func atOnce() string { return "atexit_sleep_ms=10 " + os.Getenv("GORACE") }

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARGUMENTS")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if want := args[0]; strconv.Itoa(got) != want {
		ts.Fatalf("the exit status is %d, want %s", got, want)
	}
}

// until waits for another program, and gives up after a time that no machine needs.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE REGEXP")
	}
	want := regexp.MustCompile("(?m)" + args[1])
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && want.Match(content) {
			return
		}
	}
	ts.Fatalf("%s has no line that matches %s:\n%s", args[0], args[1], ts.ReadFile(args[0]))
}

var (
	recordedAt = regexp.MustCompile(`"recorded_at":"[^"]*"`)
	someID     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

func steady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: steady FILE")
	}
	content := recordedAt.ReplaceAllString(ts.ReadFile(args[0]), `"recorded_at":"TIME"`)
	content = someID.ReplaceAllStringFunc(content, func(id string) string {
		if strings.HasPrefix(id, "00000000-") { // one that the script gave
			return id
		}
		return "ID"
	})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(content), 0o666))
}

// digests prints, for each line of an export on standard input, the event's type and the
// SHA-256 of its data. It knows nothing of the package that wrote the lines.
func digests() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e struct {
			Type   string
			Data   json.RawMessage
			Base64 []byte `json:"data_base64"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		data := e.Base64
		if e.Data != nil {
			data = e.Data
		}
		fmt.Printf("%s %x\n", e.Type, sha256.Sum256(data))
	}
}

// flip FILE OFFSET inverts the lowest bit of a byte, as a failing disk would. An offset
// below zero counts from the end.
func flip() {
	err := func() error {
		offset, err := strconv.Atoi(os.Args[2])
		if err != nil {
			return err
		}
		content, err := os.ReadFile(os.Args[1])
		if err != nil {
			return err
		}
		if offset < 0 {
			offset += len(content)
		}
		content[offset] ^= 1
		return os.WriteFile(os.Args[1], content, 0o666)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
