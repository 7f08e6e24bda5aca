package tidy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// architecture is the document with the map.
const architecture = "ARCHITECTURE.md"

// The map has two drawings, each a fenced block of lines such as
//
//	store/memstore -> . github.com/google/uuid
//
// The first has a line for every package, with what its code imports: packages
// of the module by directory, third-party modules by path, the standard library
// not at all. The second has what only tests import besides.
const (
	codeBlock = "arrows"
	testBlock = "test-arrows"
)

// A drawing is what one block says: which packages have a line, and what each
// may import.
type drawing map[string]map[string]bool

// arrows compares both drawings with the imports, both ways.
func arrows(t *Tree) []string {
	code, complaints := t.drawing(codeBlock)
	tests, more := t.drawing(testBlock)
	complaints = append(complaints, more...)

	for _, p := range t.sorted() {
		if code[p.dir] == nil {
			complaints = append(complaints, fmt.Sprintf(
				"package %s has no line in %s: add one to its block of %s", p.dir, architecture, codeBlock))
			continue
		}
		byCode, byTests := t.imported(p)
		complaints = append(complaints, compare(p.dir, "package %s imports", codeBlock, code[p.dir], byCode)...)
		complaints = append(complaints, compare(p.dir, "only the tests of package %s import", testBlock, tests[p.dir], byTests)...)
	}

	for _, block := range []struct {
		name string
		drawing
	}{{codeBlock, code}, {testBlock, tests}} {
		for _, dir := range slices.Sorted(maps.Keys(block.drawing)) {
			if t.packages[dir] == nil {
				complaints = append(complaints, fmt.Sprintf(
					"%s draws %s, which has no Go files: remove its line from the block of %s", architecture, dir, block.name))
			}
		}
	}
	return complaints
}

// compare compares one package's line with its imports. The format says whose
// imports they are.
func compare(dir, format, block string, drawn map[string]bool, imported map[string]string) []string {
	importing := fmt.Sprintf(format, dir)
	var complaints []string
	for _, to := range slices.Sorted(maps.Keys(imported)) {
		if !drawn[to] {
			complaints = append(complaints, fmt.Sprintf(
				"%s %s (%s), and %s draws no such arrow: remove the import, or draw it in the block of %s if it is meant",
				importing, to, imported[to], architecture, block))
		}
	}
	for _, to := range slices.Sorted(maps.Keys(drawn)) {
		if imported[to] == "" {
			complaints = append(complaints, fmt.Sprintf(
				"%s draws %s -> %s in the block of %s, and no such import is there: remove the arrow",
				architecture, dir, to, block))
		}
	}
	return complaints
}

// imported returns what the package's code imports, and what only its tests do:
// nodes of the map, each with one file that imports it.
func (t *Tree) imported(p *pkg) (byCode, byTests map[string]string) {
	byCode, byTests = make(map[string]string), make(map[string]string)
	for _, f := range p.files {
		into := byCode
		if f.test {
			into = byTests
		}
		for _, importPath := range f.imports() {
			if to := t.node(importPath); to != "" && to != p.dir {
				into[to] = f.path
			}
		}
	}
	for to := range byCode {
		delete(byTests, to)
	}
	return byCode, byTests
}

// drawing reads one block of the map.
func (t *Tree) drawing(block string) (drawing, []string) {
	drawn := make(drawing)
	var complaints []string
	for _, line := range fenced(t.lines(architecture), block) {
		from, to, isArrow := strings.Cut(line, "->")
		from = strings.TrimSpace(from)
		switch {
		case strings.TrimSpace(line) == "":
			continue
		case !isArrow || from == "":
			complaints = append(complaints, fmt.Sprintf(
				"%s: %q is no arrow: write PACKAGE -> WHAT IT IMPORTS", architecture, line))
			continue
		case drawn[from] != nil:
			complaints = append(complaints, fmt.Sprintf(
				"%s draws %s twice in the block of %s: join the lines", architecture, from, block))
			continue
		}
		drawn[from] = make(map[string]bool)
		for _, node := range strings.Fields(to) {
			drawn[from][node] = true
		}
	}
	return drawn, complaints
}

// fenced returns the lines of a document's fenced blocks with the given name.
func fenced(lines []string, block string) []string {
	var found []string
	inside := false
	for _, line := range lines {
		switch {
		case line == "```"+block:
			inside = true
		case strings.HasPrefix(line, "```"):
			inside = false
		case inside:
			found = append(found, line)
		}
	}
	return found
}

// dependencies compares the third-party modules that are imported with the
// table under "Dependencies" in ARCHITECTURE.md, whose rows begin with a
// module's path in backticks.
func dependencies(t *Tree) []string {
	imported := make(map[string]string)
	for _, p := range t.sorted() {
		byCode, byTests := t.imported(p)
		for _, nodes := range []map[string]string{byTests, byCode} {
			for to, path := range nodes {
				if strings.Contains(strings.SplitN(to, "/", 2)[0], ".") && to != "." {
					imported[to] = path
				}
			}
		}
	}

	listed := make(map[string]bool)
	for _, line := range section(t.lines(architecture), "Dependencies") {
		if rest, isRow := strings.CutPrefix(line, "| `"); isRow {
			module, _, _ := strings.Cut(rest, "`")
			listed[module] = true
		}
	}

	var complaints []string
	for _, module := range slices.Sorted(maps.Keys(imported)) {
		if !listed[module] {
			complaints = append(complaints, fmt.Sprintf(
				"module %s is imported (%s) and has no row under Dependencies in %s: add one that says why",
				module, imported[module], architecture))
		}
	}
	for _, module := range slices.Sorted(maps.Keys(listed)) {
		if imported[module] == "" {
			complaints = append(complaints, fmt.Sprintf(
				"%s lists module %s, which nothing imports: remove its row", architecture, module))
		}
	}
	return complaints
}

// section returns the lines between a heading of the second level and the next.
func section(lines []string, heading string) []string {
	var found []string
	inside := false
	for _, line := range lines {
		switch {
		case line == "## "+heading:
			inside = true
		case strings.HasPrefix(line, "## "):
			inside = false
		case inside:
			found = append(found, line)
		}
	}
	return found
}
