package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/store/memstore"
)

// undescribed are the routes that programs have no use for.
var undescribed = []string{"GET /{$}", "GET /static/{file}"}

// The description is of what both services answer together, and the answers are as it
// says.
func TestTheDescriptionIsOfWhatThereIs(t *testing.T) {
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	d.begun()
	all := d.get("/openapi.json").Body
	doc, err := openapi3.NewLoader().LoadFromData([]byte(all))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var described, there []string
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			described = append(described, method+" "+path)
			if operation.OperationID == "" || operation.Summary == "" {
				t.Errorf("%s %s is described without a name or a summary", method, path)
			}
		}
	}
	for _, route := range slices.Concat(d.writing.routes(), d.reading.routes()) {
		if pattern := route.Pattern(); !slices.Contains(undescribed, pattern) {
			there = append(there, pattern)
		}
	}
	slices.Sort(described)
	slices.Sort(there)
	if diff := cmp.Diff(slices.Compact(there), described); diff != "" {
		t.Errorf("the routes, and what is described (-, +):\n%s", diff)
	}
	for _, k := range httpapi.Kinds {
		if k.Name != httpapi.WrongMethod.Name && !strings.Contains(all, k.Name+":") {
			t.Errorf("the description does not name the problem %s", k.Name)
		}
	}

	lent := d.send("/loans", `{"isbn": "`+jane+`", "reader": "grace"}`)
	for path, schema := range map[string]string{
		"/books": "Page", "/books/" + emma: "Book", "/books/" + emma + "/history": "History", "/loans": "LoanPage",
		"/readers/ada": "Reader", "/readers/ada/history": "History", "/readyz": "Readiness", "/nothing": "Problem",
	} {
		value := sitetest.Read[any](t, d.get(path, lent.Token()...), map[bool]int{true: http.StatusNotFound, false: http.StatusOK}[schema == "Problem"])
		// A field that is answered and not described is a mistake in the description.
		closed := *doc.Components.Schemas[schema].Value
		closed.AdditionalProperties = openapi3.AdditionalProperties{Has: new(bool)}
		if err := closed.VisitJSON(value); err != nil {
			t.Errorf("%s is not the %s that is described: %v", path, schema, err)
		}
	}
}
