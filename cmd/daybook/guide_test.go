package main

import (
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// guide is the page whose sessions are run.
const guide = "../../docs/guides/command-line.md"

// differs are what is another from run to run, and what stands for it.
var differs = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "ID"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\b\d[\d,]*( bytes)`), "N$1"},
	{regexp.MustCompile(`process \d+`), "process N"},
}

func plain(s string) string {
	for _, d := range differs {
		s = d.pattern.ReplaceAllString(s, d.word)
	}
	return s
}

// session runs what stands in the console blocks of a page, and compares what is printed
// with what the page says. With -update it writes the page.
func session(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: session FILE")
	}
	page := ts.ReadFile(args[0])
	var fresh strings.Builder
	inside, command, printed := false, "", ""
	run := func() {
		if command == "" {
			return
		}
		ts.Check(ts.Exec("sh", "-c", "{ "+command+"; } 2>&1"))
		got := strings.ReplaceAll(ts.ReadFile("stdout"), ts.MkAbs(".")+"/", "/home/ada/")
		if plain(got) == plain(printed) {
			got = printed
		} else if !*update {
			ts.Fatalf("%s says that\n$ %s\nprints\n%sand it prints\n%sRun the test with -update if that is right.", args[0], command, printed, got)
		}
		fresh.WriteString(got)
		command, printed = "", ""
	}
	for line := range strings.Lines(page) {
		next, is := strings.CutPrefix(line, "$ ")
		switch {
		case inside && is:
			run()
			command = strings.TrimSuffix(next, "\n")
		case inside && line != "```\n":
			printed += line
			continue
		default:
			run()
			inside = line == "```console\n"
		}
		fresh.WriteString(line)
	}
	if *update && fresh.String() != page {
		ts.Check(os.WriteFile(args[0], []byte(fresh.String()), 0o666))
	}
}
