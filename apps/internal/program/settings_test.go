package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A stand is a program with one verb of each kind of flag, which prints what it was told.
type stand struct {
	Open struct {
		Addr  string        `xor:"where" placeholder:"ADDR"`
		Data  string        `xor:"where" placeholder:"DIR"`
		Host  []string      `placeholder:"NAME"`
		Every time.Duration `default:"5s"`
		Token string        `secret:""`
		opening
	} `cmd:"" default:"withargs"`
	Close struct {
		Price string
		Data  string `xor:"where" placeholder:"DIR"`
		Addr  string `xor:"where" here:"" placeholder:"URL"`
		closing
	} `cmd:""`

	Logging
}

type opening struct{}

// opened is what the program does when it is started.
var opened func(s *Streams) error

func (opening) Run(_ context.Context, s *Streams) error { return opened(s) }

type closing struct{}

func (closing) Run(*Streams) error { return nil }

// called runs the program. It returns what was opened, if anything was, what the program
// printed, and its exit code.
func called(t *testing.T, args ...string) (told string, out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	main := new(stand)
	opened = func(s *Streams) error {
		told = fmt.Sprint(main.Open.Addr, "|", main.Open.Data, "|", main.Open.Host, "|", main.Open.Every, "|", main.LogLevel)
		return nil
	}
	code = Execute(t.Context(), "stand", "A stand.", main, &main.Logging, args, &o, &e)
	return told, o.String(), e.String(), code
}

func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFlagBeatsTheEnvironmentWhichBeatsTheFile(t *testing.T) {
	file := written(t, "stand.yaml", "# of the market\naddr: from-file\nhost: [one, 'two, or three']\nevery: 1m\nlog-level: warn\nprice: 3\n")
	t.Setenv("STAND_CONFIG", file)
	t.Setenv("STAND_HOST", "")
	for _, c := range []struct {
		env  string
		args []string
		want string
	}{
		{"", nil, "from-file||[one two, or three]|1m0s|warn"},
		{"9s", nil, "from-file||[one two, or three]|9s|warn"},
		{"9s", []string{"--every", "3s", "--log-level=error"}, "from-file||[one two, or three]|3s|error"},
		{"", []string{"--data", "here"}, "|here|[one two, or three]|1m0s|warn"}, // and so not --addr
		{"9s", []string{"--config", written(t, "other.yaml", "host: four\n")}, "||[four]|9s|info"},
	} {
		t.Setenv("STAND_EVERY", c.env)
		if told, _, errs, code := called(t, c.args...); code != 0 || told != c.want {
			t.Errorf("%s, %q: %d, %s, %q; want %s", c.env, c.args, code, told, errs, c.want)
		}
	}
	t.Setenv("STAND_EVERY", "")
	t.Setenv("STAND_DATA", "there") // excludes what the file says, being nearer
	if told, _, errs, code := called(t); code != 0 || told != "|there|[one two, or three]|1m0s|warn" {
		t.Errorf("%d, %s, %q", code, told, errs)
	}
	t.Setenv("STAND_ADDR", "nowhere")
	if _, _, errs, code := called(t); code != 2 || !strings.Contains(errs, "can't be used together") {
		t.Errorf("two that exclude each other: %d, %q", code, errs)
	}
	// Of another verb, the address is another one.
	if _, out, errs, code := called(t, "close", "--check-config"); code != 0 || !strings.Contains(fields(out), "\ndata there STAND_DATA\n") || !strings.Contains(fields(out), "\naddr - -\n") {
		t.Errorf("%d, %s%s", code, out, errs)
	}
	if _, out, errs, code := called(t, "close", "--addr", "x", "--check-config"); code != 0 || !strings.Contains(fields(out), "\ndata - -\n") || !strings.Contains(fields(out), "\naddr x --addr\n") {
		t.Errorf("%d, %s%s", code, out, errs)
	}
}

func TestAMistakeInAFileIsNamedWithItsLine(t *testing.T) {
	for content, want := range map[string][]string{
		"\n# where\nadr: x\nport: 3\n":        {"stand.yaml:3: there is no setting \"adr\"; is it addr?", "stand.yaml:4: there is no setting \"port\""},
		"data: x\nevery: 1s\ndata: y\n":       {"stand.yaml:3: data is set in line 1 already"},
		"data: [a, b]\n":                      {"stand.yaml:1", "no list"},
		"data:\n":                             {"stand.yaml:1: data has no value"},
		"data:\n  dir: x\n":                   {"stand.yaml:1: data is neither a text nor a list"},
		"host: [[a]]\n":                       {"stand.yaml:1: host is a list of something else"},
		"- data\n":                            {"stand.yaml:1: write NAME: VALUE"},
		"data: x\nevery: soon\n":              {"every", "stand.yaml:2"},
		"log-level: loud\n":                   {"log-level", "loud", "stand.yaml:1"},
		"data: x\n\tevery: hunter22\n":        {"stand.yaml: line 2: it is no YAML"},
		"config: other.yaml\n":                {"there is no setting \"config\""},
		"data: '${file:nowhere}'\n":           {"nowhere: no such file", "stand.yaml:1"},
		"token: hunter22\nevery: hunter22\n":  {"every", "stand.yaml:2"},
		"data: '${file:nowhere'\nevery: 1s\n": {"has no end", "stand.yaml:1"},
	} {
		told, _, errs, code := called(t, "--config", written(t, "stand.yaml", content))
		if code != 2 || told != "" {
			t.Errorf("%q: %d, and it did %q", content, code, told)
		}
		for _, want := range want {
			if !strings.Contains(errs, want) {
				t.Errorf("%q: %q, want that it says %q", content, errs, want)
			}
		}
	}
	if _, _, errs, code := called(t, "--config", "nowhere.yaml"); code != 2 || !strings.Contains(errs, "nowhere.yaml") {
		t.Errorf("a file that is not there: %d, %q", code, errs)
	}
}

// checked is a verb that finds fault with everything.
type checked struct {
	Store string `help:"Where the events are."`
}

func (*checked) Check(context.Context) error {
	return errors.Join(errors.New("the first fault"), errors.New("hunter22 is the second"))
}
func (*checked) Run(context.Context, *Streams) error { panic("it was started") }

func TestCheckConfigSaysWhatIsSetByWhomAndStartsNothing(t *testing.T) {
	file := written(t, "stand.yaml", "addr: here\n\nhost: [one, two]\n")
	secret := written(t, "secret", "tell-nobody\n")
	t.Setenv("STAND_EVERY", "7s")
	told, out, errs, code := called(t, "--config", file, "--check-config", "--log-level=debug", "--token", "${file:"+secret+"}")
	if code != 0 || told != "" || errs != "" {
		t.Errorf("%d, it did %q, %q", code, told, errs)
	}
	for _, line := range []string{"addr here " + file + ":1", "data - -", "host one,two " + file + ":3", "every 7s STAND_EVERY", "token *** --token", "log-level debug --log-level", "log-format text default"} {
		if !strings.Contains("\n"+fields(out), "\n"+line+"\n") {
			t.Errorf("it does not say %q:\n%s", line, out)
		}
	}
	if strings.Contains(out, "tell-nobody") {
		t.Errorf("it tells a secret:\n%s", out)
	}

	// A name that is nearly one of the program's, a secret that everybody sees, and what the
	// verb has to say.
	t.Setenv("STAND_LOGLEVEL", "debug")
	t.Setenv("STAND_SERVICE_HOST", "10.0.0.1") // set by Kubernetes for a Service of the name
	t.Setenv("STAND_PORT", "tcp://10.0.0.1:80")
	var main struct {
		Serve checked `cmd:""`
		Logging
	}
	var o, e bytes.Buffer
	code = Execute(t.Context(), "stand", "", &main, &main.Logging, []string{"serve", "--check-config", "--store", "postgres://ada:hunter22@db/shop"}, &o, &e)
	want := "stand: --store: a secret on the command line can be seen by everybody who lists processes; write ${file:PATH} in its place, or set STAND_STORE\n" +
		"stand: there is no setting for the variable STAND_EVERY\n" +
		"stand: there is no setting for the variable STAND_LOGLEVEL; is it STAND_LOG_LEVEL?\nstand: the first fault\nstand: *** is the second\n"
	if code != 2 || e.String() != want || !strings.Contains(o.String(), "postgres://ada:***@db/shop") {
		t.Errorf("%d\n%s%s; want\n%s", code, &o, &e, want)
	}
}

// fields has one space between the columns of a table.
func fields(table string) string {
	var lines []string
	for line := range strings.Lines(table) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n") + "\n"
}
