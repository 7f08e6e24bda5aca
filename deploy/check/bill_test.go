package check

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The bill of materials of a real program is what CycloneDX's own schema asks for, and names
// what the program is made of.
func TestTheBillOfMaterialsIsCycloneDX(t *testing.T) {
	tool := exec.Command("go", "run", "./internal/release", "-bill", filepath.Join(built, "orders"))
	tool.Dir = root
	var complaint bytes.Buffer
	tool.Stderr = &complaint
	bill, err := tool.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &complaint)
	}

	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go")
	dir, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	schemas := filepath.Join(strings.TrimSpace(string(dir)), "schema")
	compiler := jsonschema.NewCompiler()
	for file, url := range map[string]string{
		"bom-1.6.schema.json":   "http://cyclonedx.org/schema/bom-1.6.schema.json",
		"spdx.schema.json":      "http://cyclonedx.org/schema/spdx.schema.json",
		"jsf-0.82.schemax.json": "http://cyclonedx.org/schema/jsf-0.82.schema.json",
	} {
		schema, err := jsonschema.UnmarshalJSON(strings.NewReader(read(t, filepath.Join(schemas, file))))
		if err == nil {
			err = compiler.AddResource(url, schema)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return err
		}
		return schema.Validate(document)
	}
	if err := valid(string(bill)); err != nil {
		t.Errorf("the schema says: %v", err)
	}
	if valid(strings.Replace(string(bill), `"SHA-256"`, `"SHA-255"`, 1)) == nil || valid(strings.Replace(string(bill), `"MIT"`, `"MTI"`, 1)) == nil {
		t.Error("the schema takes anything")
	}

	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(bill), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{bom.Metadata.Component.BOMRef: true}
	names := map[string]bool{}
	for _, c := range *bom.Components {
		refs[c.BOMRef], names[c.Name] = true, true
	}
	for _, want := range []string{"std", "modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/alecthomas/kong"} {
		if !names[want] {
			t.Errorf("%s is not named", want)
		}
	}
	if names["github.com/google/go-cmp"] {
		t.Error("what only tests need is named")
	}
	for _, d := range *bom.Dependencies {
		if !refs[d.Ref] {
			t.Errorf("%s is not there, and depends on something", d.Ref)
		}
		if d.Dependencies == nil {
			continue
		}
		for _, on := range *d.Dependencies {
			if !refs[on] {
				t.Errorf("%s depends on %s, which is not there", d.Ref, on)
			}
		}
	}
}
