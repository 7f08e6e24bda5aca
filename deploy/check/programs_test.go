package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// root is the directory of the tree.
var root = func() string {
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		panic(err)
	}
	return dir
}()

// programs are those that are deployed, each with the directory of its code and the documents
// of its addresses.
var programs = map[string]struct {
	code    string
	openAPI string
}{
	"orders":  {"apps/orders/cmd/orders", "apps/orders/web/openapi.json"},
	"catalog": {"apps/catalog/cmd/catalog", "apps/catalog/web/openapi.json"},
	"library": {"apps/library/cmd/library", "apps/library/web/openapi.json"},
	"daybook": {"cmd/daybook", ""},
}

// built is the directory of the real programs.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "programs")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator))
	for _, p := range programs {
		build.Args = append(build.Args, "./"+p.code)
	}
	// As they are released: without a C library, so that they run where there is nothing else.
	build.Dir, build.Env, build.Stderr = root, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the programs are not built:", err)
	} else {
		built = dir
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// A setup is how a program is started somewhere: with which arguments, variables and files. The
// paths are those of that place, as /run/secrets is.
type setup struct {
	program string
	args    []string
	env     map[string]string
	files   map[string]string // what is in them, by their paths
	dirs    []string          // that may be written
}

// settings are what a program says its settings are, by their names.
type settings map[string]string

// check has the real program check a setup, in a directory that stands for the place. It fails
// the test if the program finds anything wrong.
func (s setup) check(t *testing.T, what string) settings {
	t.Helper()
	place := t.TempDir()
	there := func(text string) string {
		for _, dir := range []string{"/run/", "/etc/", "/var/lib/", "/data"} {
			text = strings.ReplaceAll(text, dir, place+dir)
		}
		return text
	}
	for path, content := range s.files {
		write(t, there(path), there(content))
	}
	for _, dir := range s.dirs {
		if err := os.MkdirAll(there(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(filepath.Join(built, s.program))
	for _, arg := range s.args {
		command.Args = append(command.Args, there(arg))
	}
	if !slices.Contains(s.args, "--check-config") {
		command.Args = append(command.Args, "--check-config")
	}
	command.Env = []string{}
	for name, value := range s.env {
		command.Env = append(command.Env, name+"="+there(value))
	}
	var said, wrong bytes.Buffer
	command.Stdout, command.Stderr = &said, &wrong
	if err := command.Run(); err != nil || wrong.Len() > 0 {
		t.Errorf("%s: %s %s: %v\n%s", what, s.program, strings.Join(s.args, " "), err, strings.ReplaceAll(wrong.String(), place, ""))
	}
	got := settings{}
	for line := range strings.Lines(strings.ReplaceAll(said.String(), place, "")) {
		if columns := strings.Fields(line); len(columns) >= 3 {
			got[columns[0]] = columns[1]
		}
	}
	if len(got) == 0 {
		t.Fatalf("%s: %s says none of its settings", what, s.program)
	}
	return got
}

// duration returns a setting that is one, or zero where it is not set.
func (s settings) duration(t *testing.T, name string) time.Duration {
	t.Helper()
	if s[name] == "-" || s[name] == "" {
		return 0
	}
	d, err := time.ParseDuration(s[name])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// port returns the port at which the program listens.
func (s settings) port(t *testing.T) int {
	t.Helper()
	_, port, _ := strings.Cut(s["addr"], ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatalf("it listens at %q", s["addr"])
	}
	return n
}

// finishing is how long a server takes at most for what it has begun, after it has drained,
// with some time to close its files.
const finishing = 12 * time.Second

// answers reports whether a program's server has an address.
func answers(t *testing.T, program, path string) bool {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, programs[program].openAPI))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	return document.Paths[path] != nil
}

// below reports whether a path is one of some directories, or in one.
func below(path string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") })
}

// mebibytes returns a number that is written as Go does in GOMEMLIMIT.
func mebibytes(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSuffix(text, "MiB"), 10, 64)
	if err != nil {
		t.Errorf("GOMEMLIMIT=%s", text)
	}
	return n << 20
}

func write(t *testing.T, path, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// found returns the files that a pattern matches below deploy, of which there must be some.
func found(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "deploy", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no %s: %v", pattern, err)
	}
	return paths
}
