package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// A bill is a bill of materials, as CycloneDX 1.6 has it. What it says comes from the program
// itself, which knows the modules that were linked into it, and from the files of those.
type bill struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"` // of the commit
	Tools     tools     `json:"tools"`
	Component component `json:"component"`
}

type tools struct {
	Components []component `json:"components"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref,omitempty"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licences   []licensed `json:"licenses,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licensed struct {
	Licence licence `json:"license"`
}

type licence struct {
	ID string `json:"id"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// printBill writes the bill of materials of a program that was built in this tree. The same
// program has the same bill.
func printBill(w io.Writer, program string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	sum, err := checksum(program)
	if err != nil {
		return err
	}
	modules, err := listed()
	if err != nil {
		return err
	}
	b := bill{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Serial: "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, []byte("sha256:"+sum)).String(),
		Metadata: metadata{
			Timestamp: setting(info, "vcs.time"),
			Tools:     tools{[]component{{Type: "application", Name: "daybook release"}}},
		},
	}
	main := component{
		Type: "application", Ref: purl(info.Main.Path, info.Main.Version) + "#" + strings.TrimPrefix(strings.TrimPrefix(info.Path, info.Main.Path), "/"), Name: path.Base(info.Path), Version: info.Main.Version,
		PURL:   purl(info.Main.Path, info.Main.Version),
		Hashes: []hash{{"SHA-256", sum}},
	}
	for _, key := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "vcs.revision", "vcs.modified"} {
		if value := setting(info, key); value != "" {
			main.Properties = append(main.Properties, property{"go:" + key, value})
		}
	}
	if main.Licences, err = licences(modules[info.Main.Path].Dir); err != nil {
		return fmt.Errorf("%s: %w", info.Main.Path, err)
	}
	b.Metadata.Component = main

	std := component{Type: "library", Ref: purl("std", strings.TrimPrefix(info.GoVersion, "go")), Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"), Licences: []licensed{{licence{"BSD-3-Clause"}}}}
	std.PURL = std.Ref
	b.Components = append(b.Components, std)
	refs := map[string]string{info.Main.Path: main.Ref}
	var broken []error
	for _, module := range info.Deps {
		if module.Replace != nil {
			return fmt.Errorf("%s is replaced, and so is not what it says", module.Path)
		}
		c := component{
			Type: "library", Ref: purl(module.Path, module.Version), Name: module.Path, Version: module.Version, PURL: purl(module.Path, module.Version),
			Properties: []property{{"go:sum", module.Sum}},
		}
		if c.Licences, err = licences(modules[module.Path].Dir); err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", module.Path, err))
		}
		refs[module.Path] = c.Ref
		b.Components = append(b.Components, c)
	}
	if err := errors.Join(broken...); err != nil {
		return err
	}
	if b.Dependencies, err = graph(refs, std.Ref); err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(b)
}

// purl returns how a Go module is named everywhere.
func purl(module, version string) string {
	name := "pkg:golang/" + module
	if version != "" && version != "(devel)" {
		name += "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	return name
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// licences returns what a module is licensed under, for a bill.
func licences(dir string) ([]licensed, error) {
	ids, err := licencesIn(dir)
	var all []licensed
	for _, id := range ids {
		all = append(all, licensed{licence{id}})
	}
	return all, err
}

// A module is what go list says of one.
type module struct{ Path, Dir string }

// listed returns the modules of this tree and where their files are, by path.
func listed() (map[string]module, error) {
	out, err := exec.Command("go", "list", "-m", "-json=Path,Dir", "all").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	all := map[string]module{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var m module
		err := decoder.Decode(&m)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all[m.Path] = m
	}
}

// graph returns which of some modules requires which, by their references. All of them need
// the standard library.
func graph(refs map[string]string, std string) ([]dependency, error) {
	out, err := exec.Command("go", "mod", "graph").Output()
	if err != nil {
		return nil, fmt.Errorf("go mod graph: %w", err)
	}
	on := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
		from, _, _ = strings.Cut(from, "@")
		to, _, _ = strings.Cut(to, "@")
		if refs[from] != "" && refs[to] != "" && from != to && !slices.Contains(on[from], refs[to]) {
			on[from] = append(on[from], refs[to])
		}
	}
	all := []dependency{{Ref: std}}
	for path, ref := range refs {
		slices.Sort(on[path])
		all = append(all, dependency{ref, append(on[path], std)})
	}
	slices.SortFunc(all, func(a, b dependency) int { return strings.Compare(a.Ref, b.Ref) })
	return all, nil
}
