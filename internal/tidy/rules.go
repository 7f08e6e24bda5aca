package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// rootImports keeps the vocabulary small: everything points at it.
func rootImports(t *Tree) []string {
	root := t.packages["."]
	if root == nil {
		return nil
	}
	var complaints []string
	byCode, _ := t.imported(root)
	for to, path := range byCode {
		if to != "github.com/google/uuid" {
			complaints = append(complaints, fmt.Sprintf(
				"the root package imports %s (%s): move what needs it into a package of its own", to, path))
		}
	}
	return complaints
}

// applicationImports keeps applications something that a stranger can copy:
// what is internal to another place is not there for them. An application may
// have internals of its own, and all of them share apps/internal. Their tests may
// ask for the servers that this tree starts for tests.
func applicationImports(t *Tree) []string {
	var complaints []string
	for _, p := range t.sorted() {
		if !p.within("apps") {
			continue
		}
		own := strings.Join(strings.SplitN(p.dir, "/", 3)[:min(2, strings.Count(p.dir, "/")+1)], "/")
		for _, f := range p.files {
			for _, importPath := range f.imports() {
				to := t.node(importPath)
				if slices.Contains(strings.Split(to, "/"), "internal") && !strings.HasPrefix(to, own+"/") && !strings.HasPrefix(to, "apps/internal/") &&
					!(strings.HasSuffix(f.path, "_test.go") && slices.Contains(testServers, to)) {
					complaints = append(complaints, fmt.Sprintf(
						"%s imports %s: an application uses public packages only", f.path, to))
				}
			}
		}
	}
	return complaints
}

// engine is where every file, time and random number must come from internal/vfs,
// so that a test can replay them.
const engine = "store/logstore"

// testServers start the servers that tests need.
var testServers = []string{"internal/pgtest", "internal/natstest"}

// outside are the packages that the engine may not import, and the functions
// that it may not call of those it may.
var (
	outsidePackages = []string{"os", "io/ioutil", "math/rand", "math/rand/v2", "crypto/rand", "syscall", "golang.org/x/sys/unix"}
	outsideCalls    = map[string][]string{
		"time":                   {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"},
		"github.com/google/uuid": {"New", "NewString", "NewUUID", "NewRandom", "NewV6", "NewV7"},
	}
)

// mutants is the build tag of files that plant known bugs in the engine, to see
// whether the tests catch them. No program contains them, so they may look into
// the environment for the bug to plant.
const mutants = "//go:build mutants"

// engineDoor keeps the engine from touching the world except through one door.
func engineDoor(t *Tree) []string {
	var complaints []string
	for _, p := range t.sorted() {
		if !p.within(engine) {
			continue
		}
		for _, f := range p.source() {
			if slices.Contains(t.lines(f.path), mutants) {
				continue
			}
			complaints = append(complaints, t.outsideOf(f)...)
		}
	}
	return complaints
}

// outsideOf finds what one file of the engine reaches past internal/vfs.
func (t *Tree) outsideOf(f *file) []string {
	var complaints []string
	forbidden := make(map[string][]string) // by the name that the file gives the package
	for _, spec := range f.syntax.Imports {
		importPath := strings.Trim(spec.Path.Value, `"`)
		if slices.Contains(outsidePackages, importPath) || strings.HasPrefix(importPath, "os/") {
			complaints = append(complaints, fmt.Sprintf(
				"%s: the engine imports %s: take what it needs from internal/vfs", t.at(spec), importPath))
		}
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		forbidden[name] = outsideCalls[importPath]
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && slices.Contains(forbidden[x.Name], selector.Sel.Name) {
			complaints = append(complaints, fmt.Sprintf(
				"%s: the engine uses %s.%s: take time and chance from internal/vfs", t.at(n), x.Name, selector.Sel.Name))
		}
		return true
	})
	return complaints
}

// packageComments asks every package what it is.
func packageComments(t *Tree) []string {
	var complaints []string
	for _, p := range t.sorted() {
		files := p.source()
		if len(files) == 0 {
			files = p.files // a package of tests alone
		}
		if !slices.ContainsFunc(files, func(f *file) bool { return f.syntax.Doc.Text() != "" }) {
			complaints = append(complaints, fmt.Sprintf(
				"package %s has no package comment: say what it is, when one needs it and where to start", p.dir))
		}
	}
	return complaints
}

// docComments asks for a comment on every exported name of the library: all
// packages but programs, applications and what is internal.
func docComments(t *Tree) []string {
	var complaints []string
	for _, p := range t.sorted() {
		if p.isMain() || p.within("apps") || slices.Contains(strings.Split(p.dir, "/"), "internal") {
			continue
		}
		for _, f := range p.source() {
			for _, decl := range f.syntax.Decls {
				for _, name := range undocumented(decl) {
					complaints = append(complaints, fmt.Sprintf("%s: %s has no doc comment", t.at(name), name.Name))
				}
			}
		}
	}
	return complaints
}

// undocumented returns the exported names of a declaration that no comment
// explains. A group of constants or variables may share one, and so may lines
// that follow a commented one without a gap of their own: what counts is that
// the group or the line has a comment.
func undocumented(decl ast.Decl) []*ast.Ident {
	var names []*ast.Ident
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc.Text() == "" && d.Name.IsExported() && exportedReceiver(d) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if !s.Name.IsExported() {
					continue
				}
				if s.Doc.Text() == "" && (d.Doc.Text() == "" || d.Lparen.IsValid()) {
					names = append(names, s.Name)
				}
				if i, ok := s.Type.(*ast.InterfaceType); ok {
					names = append(names, undocumentedMethods(i)...)
				}
			case *ast.ValueSpec:
				if d.Doc.Text() == "" && s.Doc.Text() == "" && s.Comment.Text() == "" {
					names = append(names, slices.DeleteFunc(slices.Clone(s.Names), func(n *ast.Ident) bool { return !n.IsExported() })...)
				}
			}
		}
	}
	return names
}

// undocumentedMethods does the same for an interface: its comments are what
// implementers read.
func undocumentedMethods(i *ast.InterfaceType) []*ast.Ident {
	var names []*ast.Ident
	for _, method := range i.Methods.List {
		for _, name := range method.Names {
			if name.IsExported() && method.Doc.Text() == "" && method.Comment.Text() == "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// selfEvident are methods whose meaning the standard library has fixed.
var selfEvident = []string{"Error", "Unwrap", "Is", "String"}

// exportedReceiver tells whether a reader of the documentation meets the
// function: it has no receiver, or an exported one and a meaning of its own.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	if slices.Contains(selfEvident, d.Name.Name) {
		return false
	}
	receiver := d.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return false
		}
	}
}

// noInit finds functions that run before main: what a program does is said in
// its main, and a library does nothing until asked.
func noInit(t *Tree) []string {
	var complaints []string
	for _, p := range t.sorted() {
		for _, f := range p.source() {
			for _, decl := range f.syntax.Decls {
				if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "init" {
					complaints = append(complaints, fmt.Sprintf(
						"%s: an init function: do it where the program can see it", t.at(d)))
				}
			}
		}
	}
	return complaints
}

// todo is how unfinished work signs itself.
var todo = regexp.MustCompile(`\b(` + `TODO|FIXME|XXX` + `)\b`)

// noTodo finds notes to oneself in comments.
func noTodo(t *Tree) []string {
	var complaints []string
	for _, p := range t.sorted() {
		if p.within("internal/tidy") {
			continue // which has to name them
		}
		for _, f := range p.files {
			for _, group := range f.syntax.Comments {
				for _, comment := range group.List {
					if word := todo.FindString(comment.Text); word != "" {
						complaints = append(complaints, fmt.Sprintf(
							"%s: a comment says %s: do it, or say plainly what is missing", t.at(comment), word))
					}
				}
			}
		}
	}
	return complaints
}

// maxLines is where a file begins to ask for a reason. The longest that reads
// in one sitting is about half of it.
const maxLines = 700

// long are the files that may be longer, each with its reason.
var long = map[string]string{}

// longSuffixes are the kinds of file that people read.
var longSuffixes = []string{".go", ".md", ".sql", ".html", ".css", ".js", ".sh"}

// longFiles finds files that have become walls.
func longFiles(t *Tree) []string {
	var complaints []string
	for _, name := range t.paths {
		if !slices.Contains(longSuffixes, path.Ext(name)) {
			continue
		}
		switch n := len(t.lines(name)); {
		case n > maxLines && long[name] == "":
			complaints = append(complaints, fmt.Sprintf(
				"%s has %d lines: part it by its nouns, or write its reason into internal/tidy", name, n))
		case n <= maxLines && long[name] != "":
			complaints = append(complaints, fmt.Sprintf(
				"%s has only %d lines: remove its reason from internal/tidy", name, n))
		}
	}
	return complaints
}
