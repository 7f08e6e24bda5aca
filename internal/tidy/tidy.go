// Package tidy holds the tree to its own description: the map is the territory.
//
// ARCHITECTURE.md draws the packages and the arrows between them, README.md and
// docs/ link to files, docs/guarantees.md lists what every store promises. Each
// of these could go stale without anybody noticing; the tests of this package
// notice. They read the tree, not the build, so files for other systems and
// other build tags are seen too.
//
// [Rules] lists what must hold, one sentence each. A rule returns complaints
// that say what is wrong, where, and what to do about it.
package tidy

// A Rule is something that must hold of the whole tree.
type Rule struct {
	Sentence string
	Check    func(*Tree) []string // complaints; none if the rule holds
}

// Rules are all rules that need nothing but the tree.
var Rules = []Rule{
	{"every import is an arrow in ARCHITECTURE.md, and every arrow an import", arrows},
	{"every third-party module has its reason in ARCHITECTURE.md", dependencies},
	{"the root package imports the standard library and google/uuid alone", rootImports},
	{"applications import nothing internal", applicationImports},
	{"the engine reaches disk, clock and chance through internal/vfs alone", engineDoor},
	{"every package introduces itself", packageComments},
	{"every exported name of the library has a doc comment", docComments},
	{"nothing registers itself in init", noInit},
	{"nothing is left to do in a comment", noTodo},
	{"a file of more than 700 lines has its reason", longFiles},
	{"every relative link leads somewhere", links},
	{"the README shows code that runs", readmeCode},
	{"the guides show code that runs", guideCode},
	{"decisions are numbered and listed", decisions},
}
