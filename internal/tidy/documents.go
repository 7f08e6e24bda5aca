package tidy

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// link is a Markdown link or picture, with its target.
var link = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)

// links follows every relative link of every document, to files, directories
// and headings.
func links(t *Tree) []string {
	var complaints []string
	for _, name := range t.paths {
		if path.Ext(name) != ".md" {
			continue
		}
		for n, line := range prose(t.lines(name)) {
			for _, found := range link.FindAllStringSubmatch(line, -1) {
				if wrong := t.follow(name, found[1]); wrong != "" {
					complaints = append(complaints, fmt.Sprintf(
						"%s:%d links to %s, %s: mend the link, or write what it leads to first", name, n+1, found[1], wrong))
				}
			}
		}
	}
	return complaints
}

// follow says what is wrong with a link's target; nothing if it leads somewhere
// or out of the tree.
func (t *Tree) follow(from, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
	}
	if _, err := fs.Stat(t.files, to); err != nil {
		return "which is not there"
	}
	if anchor != "" && path.Ext(to) == ".md" && !slices.Contains(anchors(t.lines(to)), anchor) {
		return "a heading that is not there"
	}
	return ""
}

// prose returns the lines of a document with its fenced blocks and code left
// empty, so that line numbers stay.
func prose(lines []string) []string {
	lines = slices.Clone(lines)
	inside := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence {
			inside = !inside
		}
		if fence || inside {
			lines[i] = ""
			continue
		}
		lines[i] = code.ReplaceAllString(line, "")
	}
	return lines
}

// code is what stands between backticks.
var code = regexp.MustCompile("`[^`]*`")

// notInAnchors is what a heading loses on its way to becoming an anchor.
var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchors returns the names by which a document's headings can be linked to.
func anchors(lines []string) []string {
	var names []string
	inside := false
	for _, line := range lines {
		if strings.HasPrefix(line, "```") {
			inside = !inside
		}
		if inside || !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		names = append(names, strings.ReplaceAll(notInAnchors.ReplaceAllString(heading, ""), " ", "-"))
	}
	return names
}

// The README shows the heart of an example that is compiled and run.
const (
	readme  = "README.md"
	example = "example_test.go"
)

// readmeCode checks that every line of the README's blocks of Go, and of the
// output below each, is in the example, in the same order. What stands between
// them in the example may be left out.
func readmeCode(t *Tree) []string {
	return t.copied(readme, slices.Concat(fenced(t.lines(readme), "go"), fenced(t.lines(readme), "output")), example)
}

// guidesDir is where the guides lie, with the tests that their code is from.
const guidesDir = "docs/guides"

// guideCode checks likewise that every block of Go or of output in a guide is in
// the test file to which the guide linked last before it.
func guideCode(t *Tree) []string {
	var complaints []string
	for _, name := range t.paths {
		if path.Dir(name) != guidesDir || path.Ext(name) != ".md" {
			continue
		}
		for _, b := range blocks(t.lines(name)) {
			if b.source == "" {
				complaints = append(complaints, fmt.Sprintf(
					"%s:%d shows code before it links to a test beside it: say where it is from", name, b.line))
				continue
			}
			complaints = append(complaints, t.copied(name, b.shown, path.Join(guidesDir, b.source))...)
		}
	}
	return complaints
}

// A block is what a guide shows between two fences.
type block struct {
	line   int // of the fence before it
	source string
	shown  []string
}

// blocks returns the blocks of Go and of output in a guide.
func blocks(lines []string) []block {
	var all []block
	source, inside := "", false
	for n, line := range lines {
		switch {
		case !inside && (line == "```go" || line == "```output"):
			inside = true
			all = append(all, block{line: n + 1, source: source})
		case inside && line == "```":
			inside = false
		case inside:
			last := &all[len(all)-1]
			last.shown = append(last.shown, line)
		}
		if test := testLink.FindStringSubmatch(line); test != nil && !inside {
			source = test[1]
		}
	}
	return all
}

// testLink is a link to a test in the same directory.
var testLink = regexp.MustCompile(`\]\(([a-z_]+_test\.go)\)`)

// copied checks that every line that a document shows is in a source file, in the
// same order. Indentation does not count, nor does the mark of a comment.
func (t *Tree) copied(document string, shown []string, source string) []string {
	var complaints []string
	have := t.lines(source)
	for _, line := range shown {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		found := slices.IndexFunc(have, func(have string) bool {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(have), "// ")) == strings.TrimPrefix(line, "// ")
		})
		if found < 0 {
			complaints = append(complaints, fmt.Sprintf(
				"%s shows %q, which %s does not have at this place: copy it from there", document, line, source))
			continue
		}
		have = have[found+1:]
	}
	return complaints
}

// decisionsDir is where the decision records lie.
const decisionsDir = "docs/decisions"

// decisionName is the form of a record's file name.
var decisionName = regexp.MustCompile(`^(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md$`)

// decisions checks that the records are numbered from 0001 without gaps and
// that their README lists each.
func decisions(t *Tree) []string {
	entries, err := fs.ReadDir(t.files, decisionsDir)
	if err != nil {
		return nil
	}
	readme := strings.Join(t.lines(decisionsDir+"/README.md"), "\n")
	var complaints []string
	next := 1
	for _, entry := range entries {
		name := entry.Name()
		if name == "README.md" {
			continue
		}
		number := decisionName.FindStringSubmatch(name)
		switch {
		case number == nil:
			complaints = append(complaints, fmt.Sprintf(
				"%s/%s: a decision is called NNNN-what-was-decided.md", decisionsDir, name))
			continue
		case number[1] != fmt.Sprintf("%04d", next):
			complaints = append(complaints, fmt.Sprintf(
				"%s/%s: the next number is %04d", decisionsDir, name, next))
		}
		next++
		if !strings.Contains(readme, "("+name+")") {
			complaints = append(complaints, fmt.Sprintf(
				"%s/README.md does not list %s: add a line with its decision in a sentence", decisionsDir, name))
		}
	}
	return complaints
}

// guarantees is the document that lists what every store promises.
const guarantees = "docs/guarantees.md"

// Promises compares the sentences of storetest with those of
// docs/guarantees.md, where each is a list item under "The promises".
func Promises(t *Tree, sentences []string) []string {
	var written []string
	for _, line := range section(t.lines(guarantees), "The promises") {
		if item, isItem := strings.CutPrefix(line, "- "); isItem {
			written = append(written, item)
		}
	}

	var complaints []string
	for _, s := range sentences {
		if !slices.Contains(written, s) {
			complaints = append(complaints, fmt.Sprintf(
				"%s lacks a promise of storetest: add the line %q under The promises", guarantees, "- "+s))
		}
	}
	for i, s := range written {
		switch {
		case !slices.Contains(sentences, s):
			complaints = append(complaints, fmt.Sprintf(
				"%s promises %q, which storetest does not check: write the check, or remove the line", guarantees, s))
		case slices.Contains(written[:i], s):
			complaints = append(complaints, fmt.Sprintf("%s promises %q twice", guarantees, s))
		}
	}
	return complaints
}
