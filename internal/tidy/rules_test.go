package tidy_test

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/daybook-es/daybook/internal/tidy"
)

// A small tree in which every rule holds. The tests below plant one fault each.
var sound = map[string]string{
	"go.mod": "module example.com/m\n\ngo 1.26\n\nrequire (\n\texample.com/far v1.0.0\n\texample.com/far/v2 v2.0.0 // indirect\n)\n",

	"doc.go":            "// Package m is the vocabulary.\npackage m\n\n// A Word is one.\ntype Word struct{}\n\n// Say says it.\nfunc (w Word) Say() {}\n\nfunc (w Word) Error() string { return \"\" }\n",
	"doc_test.go":       "package m_test\n\nimport (\n\t_ \"example.com/m\"\n\t_ \"example.com/m/side\"\n)\n",
	"side/side.go":      "// Package side is a side.\npackage side\n\nimport (\n\t_ \"fmt\"\n\t_ \"example.com/far/v2/deep\"\n\t_ \"example.com/m\"\n)\n",
	"side/side_test.go": "package side\n\nimport _ \"example.com/m\"\n",

	"store/logstore/log.go":        "// Package logstore is the engine.\npackage logstore\n\nimport \"time\"\n\n// Second is one.\nconst Second = time.Second\n",
	"store/logstore/mutants_on.go": "//go:build mutants\n\npackage logstore\n\nimport _ \"os\"\n",
	"store/logstore/log_test.go":   "package logstore\n\nimport (\n\t_ \"os\"\n\t\"time\"\n)\n\nvar _ = time.Now\n",

	"apps/shop/shop.go":            "// Package shop sells.\npackage shop\n\nimport _ \"example.com/m/apps/shop/internal/till\"\n",
	"apps/shop/internal/till/t.go": "// Package till counts.\npackage till\n",

	"bench/go.mod":   "module example.com/m/bench\n",
	"bench/b.go":     "package undrawn\n",
	"bench/notes.md": "[up](../README.md)\n",

	"ARCHITECTURE.md": "# The map\n\n```arrows\n. ->\nside -> . example.com/far/v2\nstore/logstore ->\n\n" +
		"apps/shop -> apps/shop/internal/till\napps/shop/internal/till ->\ndocs/guides ->\n```\n\n```test-arrows\n. -> side\n```\n\n" +
		"## Dependencies\n\n| module | why |\n| --- | --- |\n| `example.com/far/v2` | it is far |\n\n## After\n",
	"README.md": "# M\n\n[map](ARCHITECTURE.md#the-map), [side](side), [out](https://example.com/x#y), [here](#m)\n\n" +
		"```\n[not a link](nowhere)\n```\n`[nor](this)`\n\n```go\nsay(1)\n\n\tsay(2)\n```\n\n```output\nsaid 1\n```\n",
	"example_test.go":                      "package m_test\n\nfunc Example() {\n\tsay(1)\n\tvar _ int\n\tsay(2)\n\t// Output:\n\t// said 1\n\t// said 2\n}\n",
	"docs/guarantees.md":                   "# G\n\n## The promises\n\n### Order\n\n- first things are first\n- nothing is lost\n\n## Not promised\n\n- the weather\n",
	"docs/guides/first.md":                 "# First\n\nFrom [the test](first_test.go):\n\n```go\nsay(1)\n```\n\n```output\nsaid 1\n```\n\n```sh\nls\n```\n",
	"docs/guides/first_test.go":            "// Package guides is read.\npackage guides\n\nfunc Example_first() {\n\tsay(1)\n\t// Output:\n\t// said 1\n}\n",
	"docs/decisions/README.md":             "[1](0001-keep-it-short.md)\n",
	"docs/decisions/0001-keep-it-short.md": "# 1. Keep it short\n",
	"data/orders/x.md":                     "[dead](dead)\n",
	"side/testdata/x.md":                   "[dead](dead)\n",
}

// tree reads the sound tree with some files replaced; an empty text removes one.
func tree(t *testing.T, planted map[string]string) *tidy.Tree {
	t.Helper()
	files := maps.Clone(sound)
	maps.Copy(files, planted)
	fsys := make(fstest.MapFS)
	for name, text := range files {
		if text != "" {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	read, err := tidy.ReadTree(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// complaints runs every rule.
func complaints(tr *tidy.Tree) string {
	var all []string
	for _, rule := range tidy.Rules {
		all = append(all, rule.Check(tr)...)
	}
	return strings.Join(all, "\n")
}

func TestRulesHoldOfASoundTree(t *testing.T) {
	if got := complaints(tree(t, nil)); got != "" {
		t.Errorf("complaints about a sound tree:\n%s", got)
	}
}

func TestRulesFindWhatIsPlanted(t *testing.T) {
	with := func(name, old, new string) map[string]string {
		text, found := sound[name], old
		if !strings.Contains(text, found) {
			t.Fatalf("%s does not contain %q", name, old)
		}
		return map[string]string{name: strings.Replace(text, found, new, 1)}
	}
	for _, c := range []struct {
		fault   string
		planted map[string]string
		want    string
	}{
		{
			"a forbidden import",
			map[string]string{"side/more.go": "package side\n\nimport _ \"example.com/m/store/logstore\"\n"},
			"package side imports store/logstore (side/more.go), and ARCHITECTURE.md draws no such arrow",
		},
		{
			"an import under a build tag",
			map[string]string{"side/more.go": "//go:build plan9\n\npackage side\n\nimport _ \"example.com/m/store/logstore\"\n"},
			"package side imports store/logstore (side/more.go)",
		},
		{
			"an import that only tests may have",
			map[string]string{"more.go": "package m\n\nimport _ \"example.com/m/side\"\n"},
			"package . imports side (more.go), and ARCHITECTURE.md draws no such arrow",
		},
		{
			"a test's import that is not drawn",
			map[string]string{"side/side_test.go": "package side\n\nimport _ \"example.com/m/apps/shop\"\n"},
			"only the tests of package side import apps/shop (side/side_test.go), and ARCHITECTURE.md draws no such arrow: remove the import, or draw it in the block of test-arrows",
		},
		{
			"a package that is not drawn",
			map[string]string{"new/new.go": "// Package new is new.\npackage new\n"},
			"package new has no line in ARCHITECTURE.md",
		},
		{
			"an arrow that nobody uses",
			with("ARCHITECTURE.md", "store/logstore ->", "store/logstore -> ."),
			"ARCHITECTURE.md draws store/logstore -> . in the block of arrows, and no such import is there",
		},
		{
			"a test's arrow that nobody uses",
			map[string]string{"doc_test.go": ""},
			"ARCHITECTURE.md draws . -> side in the block of test-arrows, and no such import is there",
		},
		{
			"a package that is drawn and gone",
			with("ARCHITECTURE.md", "store/logstore ->", "store/logstore ->\nstore/gone ->"),
			"ARCHITECTURE.md draws store/gone, which has no Go files",
		},
		{
			"a package drawn twice",
			with("ARCHITECTURE.md", "store/logstore ->", "store/logstore ->\nstore/logstore ->"),
			"ARCHITECTURE.md draws store/logstore twice",
		},
		{
			"a line that is no arrow",
			with("ARCHITECTURE.md", "store/logstore ->", "store/logstore ->\nsomething else"),
			`"something else" is no arrow`,
		},
		{
			"a third-party module that is not drawn",
			map[string]string{"side/more.go": "package side\n\nimport _ \"example.com/far/near\"\n"},
			"package side imports example.com/far (side/more.go)",
		},
		{
			"a third-party module without a reason",
			with("ARCHITECTURE.md", "| `example.com/far/v2` | it is far |", ""),
			"module example.com/far/v2 is imported (side/side.go) and has no row under Dependencies",
		},
		{
			"a reason for nothing",
			with("ARCHITECTURE.md", "| it is far |", "| it is far |\n| `example.com/away` | it was |"),
			"lists module example.com/away, which nothing imports",
		},
		{
			"a root that leans on something",
			map[string]string{"more.go": "package m\n\nimport _ \"example.com/far\"\n"},
			"the root package imports example.com/far (more.go)",
		},
		{
			"an application inside the library",
			map[string]string{"internal/x/x.go": "// Package x is.\npackage x\n", "apps/shop/more.go": "package shop\n\nimport _ \"example.com/m/internal/x\"\n"},
			"apps/shop/more.go imports internal/x: an application uses public packages only",
		},
		{
			"an application inside a store",
			map[string]string{"apps/shop/more_test.go": "package shop\n\nimport _ \"example.com/m/store/logstore/internal/x\"\n"},
			"apps/shop/more_test.go imports store/logstore/internal/x",
		},
		{
			"an engine that opens files itself",
			map[string]string{"store/logstore/more.go": "package logstore\n\nimport _ \"os\"\n"},
			"store/logstore/more.go:3: the engine imports os",
		},
		{
			"an engine that throws dice",
			map[string]string{"store/logstore/internal/x/x.go": "// Package x is.\npackage x\n\nimport _ \"math/rand/v2\"\n"},
			"store/logstore/internal/x/x.go:4: the engine imports math/rand/v2",
		},
		{
			"an engine that looks at the clock, under another name",
			map[string]string{"store/logstore/more.go": "package logstore\n\nimport clock \"time\"\n\nvar began = clock.Now()\n"},
			"store/logstore/more.go:5: the engine uses clock.Now",
		},
		{
			"an engine that makes ids of its own",
			map[string]string{"store/logstore/more.go": "package logstore\n\nimport \"github.com/google/uuid\"\n\nvar id = uuid.New()\n"},
			"store/logstore/more.go:5: the engine uses uuid.New",
		},
		{
			"a package that does not introduce itself",
			map[string]string{"side/side.go": strings.TrimPrefix(sound["side/side.go"], "// Package side is a side.\n")},
			"package side has no package comment",
		},
		{"an undocumented type", map[string]string{"more.go": "package m\n\ntype More int\n"}, "more.go:3: More has no doc comment"},
		{"an undocumented type in a group", map[string]string{"more.go": "package m\n\n// Both.\ntype (\n\tMore int\n)\n"}, "more.go:5: More has no doc comment"},
		{"an undocumented function", map[string]string{"more.go": "package m\n\nfunc More() {}\n"}, "more.go:3: More has no doc comment"},
		{"an undocumented method", map[string]string{"more.go": "package m\n\nfunc (w *Word) More() {}\n"}, "more.go:3: More has no doc comment"},
		{"an undocumented generic method", map[string]string{"more.go": "package m\n\n// G is.\ntype G[T any] struct{}\n\nfunc (g *G[T]) More() {}\n"}, "more.go:6: More has no doc comment"},
		{"an undocumented constant", map[string]string{"more.go": "package m\n\nconst More = 1\n"}, "more.go:3: More has no doc comment"},
		{"an undocumented variable", map[string]string{"more.go": "package m\n\nvar (\n\tMore = 1\n\tless = 2\n)\n"}, "more.go:4: More has no doc comment"},
		{"an undocumented promise", map[string]string{"more.go": "package m\n\n// I is.\ntype I interface {\n\tMore()\n}\n"}, "more.go:5: More has no doc comment"},
		{"an init", map[string]string{"more.go": "package m\n\nfunc init() {}\n"}, "more.go:3: an init function"},
		{"a note to oneself", map[string]string{"more.go": "package m\n\n// " + "TODO: more.\nvar more int\n"}, "more.go:3: a comment says TODO"},
		{"a wall", map[string]string{"more.md": strings.Repeat("more\n", 701)}, "more.md has 701 lines"},
		{"a dead link", with("README.md", "[side](side)", "[side](sideways)"), "README.md:3 links to sideways, which is not there"},
		{"a dead heading", with("README.md", "#the-map", "#the-mop"), "README.md:3 links to ARCHITECTURE.md#the-mop, a heading that is not there"},
		{"a dead link in a nested module", map[string]string{"bench/notes.md": "[up](README.md)\n"}, "bench/notes.md:1 links to README.md"},
		{
			"code in the README that is not in the example",
			with("README.md", "say(1)", "say(3)"),
			`README.md shows "say(3)", which example_test.go does not have at this place`,
		},
		{
			"code in the README in another order",
			with("README.md", "say(1)\n\n\tsay(2)", "say(2)\nsay(1)"),
			`README.md shows "say(1)", which example_test.go does not have at this place`,
		},
		{
			"output in the README that is not the example's",
			with("README.md", "said 1", "said 3"),
			`README.md shows "said 3", which example_test.go does not have at this place`,
		},
		{
			"code in a guide that is not in its test",
			with("docs/guides/first.md", "say(1)", "say(3)"),
			`docs/guides/first.md shows "say(3)", which docs/guides/first_test.go does not have at this place`,
		},
		{
			"output in a guide that is not its test's",
			with("docs/guides/first.md", "said 1", "said 3"),
			`docs/guides/first.md shows "said 3", which docs/guides/first_test.go does not have at this place`,
		},
		{
			"code in a guide that is from nowhere",
			with("docs/guides/first.md", "[the test](first_test.go)", "the test"),
			"docs/guides/first.md:5 shows code before it links to a test beside it",
		},
		{
			"a decision without a number",
			map[string]string{"docs/decisions/keep.md": "# Keep\n"},
			"docs/decisions/keep.md: a decision is called NNNN-what-was-decided.md",
		},
		{
			"a decision that leaves a gap",
			map[string]string{"docs/decisions/0003-keep.md": "# 3. Keep\n"},
			"docs/decisions/0003-keep.md: the next number is 0002",
		},
		{
			"a decision that is not listed",
			map[string]string{"docs/decisions/0002-keep.md": "# 2. Keep\n"},
			"docs/decisions/README.md does not list 0002-keep.md",
		},
	} {
		t.Run(c.fault, func(t *testing.T) {
			if got := complaints(tree(t, c.planted)); !strings.Contains(got, c.want) {
				t.Errorf("no complaint says %q, only:\n%s", c.want, got)
			}
		})
	}
}

func TestPromisesAndSentencesAgree(t *testing.T) {
	tr := tree(t, nil)
	for _, c := range []struct {
		sentences []string
		want      string
	}{
		{[]string{"first things are first", "nothing is lost"}, ""},
		{[]string{"first things are first", "nothing is lost", "and more"}, `add the line "- and more"`},
		{[]string{"first things are first"}, `promises "nothing is lost", which storetest does not check`},
	} {
		got := strings.Join(tidy.Promises(tr, c.sentences), "\n")
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("with sentences %q the complaint is %q, want %q", c.sentences, got, c.want)
		}
	}
}
