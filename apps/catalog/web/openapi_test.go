package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
)

// undescribed are the routes that programs have no use for.
var undescribed = []string{"GET /{$}", "GET /static/{file}"}

// The description is of what there is, and the answers are as it says.
func TestTheDescriptionIsOfWhatThereIs(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	all := s.get("/openapi.json").Body
	doc, err := openapi3.NewLoader().LoadFromData([]byte(all))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			described[method+" "+path], _ = operation.Extensions["x-act"].(string)
			if operation.OperationID == "" || operation.Summary == "" {
				t.Errorf("%s %s is described without a name or a summary", method, path)
			}
		}
	}
	there := map[string]string{}
	for _, route := range s.site.routes() {
		if pattern := route.Pattern(); !slices.Contains(undescribed, pattern) {
			there[pattern] = route.Right.String()
		}
	}
	if diff := cmp.Diff(there, described); diff != "" {
		t.Errorf("the routes with their acts, and what is described (-, +):\n%s", diff)
	}
	for _, k := range httpapi.Kinds {
		if k.Name != httpapi.WrongMethod.Name && !strings.Contains(all, k.Name+":") {
			t.Errorf("the description does not name the problem %s", k.Name)
		}
	}

	created := s.send("/products", `{"name": "Lamp", "price": 35.9, "sku": "L-1", "description": "It shines.", "category": "light", "stock": 3}`)
	at := created.Header.Get("Location")
	s.send(at+"/price", `{"price": 20}`)
	last := s.send(at+"/discontinue", `{"reason": "old"}`)
	for path, schema := range map[string]string{
		at: "Product", at + "/history": "History", at + "/prices": "PriceHistory", "/products/facets": "Facets",
		"/readmodels": "ReadModels", "/readyz": "Readiness", "/nothing": "Problem",
	} {
		value := sitetest.Read[any](t, s.get(path, last.Token()...), map[bool]int{true: http.StatusNotFound, false: http.StatusOK}[schema == "Problem"])
		// A field that is answered and not described is a mistake in the description.
		closed := *doc.Components.Schemas[schema].Value
		closed.AdditionalProperties = openapi3.AdditionalProperties{Has: new(bool)}
		if err := closed.VisitJSON(value); err != nil {
			t.Errorf("%s is not the %s that is described: %v", path, schema, err)
		}
	}
}
