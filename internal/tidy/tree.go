package tidy

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Tree is a checkout of the module, parsed.
type Tree struct {
	files    fs.FS
	paths    []string // all files, but for hidden ones, testdata and what git ignores
	module   string   // the module's path
	requires []string // the modules that go.mod requires
	packages map[string]*pkg
	fset     *token.FileSet
}

// A pkg is one directory of Go files.
type pkg struct {
	dir   string // "." is the root
	files []*file
}

// A file is one Go file. External tests belong to the package they test.
type file struct {
	path   string
	test   bool
	syntax *ast.File
}

// ignored are the directories at the root that are not part of the tree.
var ignored = []string{"bin", "data"}

// ReadTree reads and parses the module whose root is files. Of nested modules
// it sees only the documents: they have maps of their own.
func ReadTree(files fs.FS) (*Tree, error) {
	t := &Tree{files: files, packages: make(map[string]*pkg), fset: token.NewFileSet()}
	if err := t.readModule(); err != nil {
		return nil, err
	}

	nested := make(map[string]bool)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		hidden := name != "." && strings.HasPrefix(base, ".")
		switch {
		case entry.IsDir() && (hidden || base == "testdata" || slices.Contains(ignored, name)):
			return fs.SkipDir
		case entry.IsDir() && name != ".":
			_, err := fs.Stat(files, path.Join(name, "go.mod"))
			nested[name] = err == nil || nested[path.Dir(name)]
		case entry.IsDir() || hidden || nested[path.Dir(name)] && path.Ext(name) != ".md":
		default:
			t.paths = append(t.paths, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("walk the tree: %w", err)
	}
	return t, t.parse()
}

// readModule reads from go.mod what the module is called and what it requires.
func (t *Tree) readModule() error {
	text, err := fs.ReadFile(t.files, "go.mod")
	if err != nil {
		return err
	}
	inRequire := false
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "module":
			t.module = words[1]
		case words[0] == "require" && words[1] == "(":
			inRequire = true
		case words[0] == ")":
			inRequire = false
		case words[0] == "require":
			t.requires = append(t.requires, words[1])
		case inRequire:
			t.requires = append(t.requires, words[0])
		}
	}
	if t.module == "" {
		return errors.New("go.mod names no module")
	}
	return nil
}

// parse parses every Go file.
func (t *Tree) parse() error {
	for _, name := range t.paths {
		if path.Ext(name) != ".go" {
			continue
		}
		text, err := fs.ReadFile(t.files, name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if t.packages[dir] == nil {
			t.packages[dir] = &pkg{dir: dir}
		}
		p := t.packages[dir]
		p.files = append(p.files, &file{name, strings.HasSuffix(name, "_test.go"), syntax})
	}
	return nil
}

// sorted returns the packages in the order of their directories.
func (t *Tree) sorted() []*pkg {
	var all []*pkg
	for _, dir := range slices.Sorted(maps.Keys(t.packages)) {
		all = append(all, t.packages[dir])
	}
	return all
}

// at names a place in a file, for a complaint.
func (t *Tree) at(node ast.Node) string {
	pos := t.fset.Position(node.Pos())
	return fmt.Sprintf("%s:%d", pos.Filename, pos.Line)
}

// source returns the files that are not tests.
func (p *pkg) source() []*file {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *file) bool { return f.test })
}

// isMain tells whether the package is a program.
func (p *pkg) isMain() bool {
	return p.files[0].syntax.Name.Name == "main"
}

// within tells whether the package is in a directory or below it.
func (p *pkg) within(dir string) bool {
	return p.dir == dir || strings.HasPrefix(p.dir, dir+"/")
}

// imports returns the paths that a file imports.
func (f *file) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// node says what an import path is on the map: a directory of the module, a
// third-party module, or nothing for the standard library.
func (t *Tree) node(importPath string) string {
	if importPath == t.module {
		return "."
	}
	if dir, ours := strings.CutPrefix(importPath, t.module+"/"); ours {
		return dir
	}
	if first, _, _ := strings.Cut(importPath, "/"); !strings.Contains(first, ".") {
		return ""
	}
	longest := importPath // a module that go.mod lacks does not build anyway
	found := 0
	for _, module := range t.requires {
		if len(module) > found && (importPath == module || strings.HasPrefix(importPath, module+"/")) {
			longest, found = module, len(module)
		}
	}
	return longest
}

// lines returns the lines of a file; none if it is not there.
func (t *Tree) lines(name string) []string {
	f, err := t.files.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	var lines []string
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	return lines
}
