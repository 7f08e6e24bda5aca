package peers

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// emmettFiles are its program and which versions it is run with.
//
//go:embed emmett
var emmettFiles embed.FS

// Emmett is a directory in which Emmett is installed.
type Emmett struct{ dir string }

// InstallEmmett has npm install Emmett in a directory, in the versions of its lock file.
// It says what is missing where there is no Node.js.
func InstallEmmett(ctx context.Context, dir string) (*Emmett, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s is not installed, and Emmett runs on Node.js", program)
		}
	}
	for _, name := range []string{"package.json", "package-lock.json", "append.mjs"} {
		content, err := emmettFiles.ReadFile("emmett/" + name)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return nil, err
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return &Emmett{dir}, nil
}

// Appended is what came of a run of Emmett.
type Appended struct {
	Events   int
	Seconds  float64
	P50, P99 float64 // milliseconds
}

// Append has so many callers append single events to the database at a URL, and counts
// them for a time, or longer until there are least of them. It calls counting when that
// begins, with the process, and ended when it ends.
func (e *Emmett) Append(ctx context.Context, url string, callers int, warm, length time.Duration, least, bytes int, counting, ended func(process int)) (Appended, error) {
	args := []string{"append.mjs", url}
	for _, n := range []int64{int64(callers), warm.Milliseconds(), length.Milliseconds(), int64(least), int64(bytes)} {
		args = append(args, strconv.FormatInt(n, 10))
	}
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = e.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Appended{}, err
	}
	if err := cmd.Start(); err != nil {
		return Appended{}, err
	}
	var result Appended
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "counting" {
			counting(cmd.Process.Pid)
			continue
		}
		if err = json.Unmarshal(lines.Bytes(), &result); err == nil {
			ended(cmd.Process.Pid)
		}
	}
	if err := errors.Join(err, lines.Err(), cmd.Wait()); err != nil {
		return result, fmt.Errorf("emmett: %w: %s", err, errs.String())
	}
	if result.Events == 0 {
		return result, fmt.Errorf("emmett recorded nothing within %v", length)
	}
	return result, nil
}
