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
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

// undescribed are the routes that programs have no use for.
var undescribed = []string{"GET /{$}", "GET /static/{file}"}

func TestTheDescriptionIsOfWhatThereIs(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	a := f.get("/openapi.json")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(a.Body))
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
	for _, route := range f.site.routes() {
		if !slices.Contains(undescribed, route.Pattern()) {
			there = append(there, route.Pattern())
		}
	}
	slices.Sort(described)
	slices.Sort(there)
	if diff := cmp.Diff(there, described); diff != "" {
		t.Errorf("the routes, and what is described (-, +):\n%s", diff)
	}

	// Each kind of problem has its status somewhere, and its name is explained there.
	all := string(a.Body)
	for _, k := range httpapi.Kinds {
		if k.Name != httpapi.WrongMethod.Name && !strings.Contains(all, k.Name+":") {
			t.Errorf("the description does not name the problem %s", k.Name)
		}
	}
}

// The answers are what the description says.
func TestAnswersAreAsDescribed(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	ids, _ := f.sold()
	f.send("/stock", `{"sku": "lamp", "quantity": 10}`)
	last := f.send("/stock/lamp/count", `{"counted": 9}`)
	doc, err := openapi3.NewLoader().LoadFromData([]byte(f.get("/openapi.json").Body))
	if err != nil {
		t.Fatal(err)
	}
	busy := openBusyFront(t)
	busy.let <- struct{}{}
	order := busy.ordered(orders.CardOnFile)
	history := "/processes/fulfilment/" + order + "/history"
	busy.until(history, `"status": "done"`)
	busy.ordered("boleto")
	described := func(schema, path string, a sitetest.Answer, status int) {
		t.Helper()
		value := sitetest.Read[any](t, a, status)
		known := doc.Components.Schemas[schema].Value
		// A field that is answered and not described is a mistake in the description.
		closed := *known
		closed.AdditionalProperties = openapi3.AdditionalProperties{Has: new(bool)}
		if err := closed.VisitJSON(value); err != nil {
			t.Errorf("%s is not the %s that is described: %v", path, schema, err)
		}
	}
	for path, schema := range map[string]string{"/orders/" + order: "Order", "/processes": "Processes", history: "InstanceHistory", "/dashboard": "Dashboard"} {
		described(schema, path, busy.get(path, busy.now()...), http.StatusOK)
	}
	for path, schema := range map[string]string{
		"/orders": "Page", "/orders/" + ids[0]: "Order", "/orders/" + ids[0] + "/history": "History", "/customers/zoe": "Buyer",
		"/stock": "StockPage", "/stock/lamp": "Article", "/stock/lamp/history": "ArticleHistory",
		"/dashboard": "Dashboard", "/readyz": "Readiness", "/orders/none": "Problem",
	} {
		described(schema, path, f.get(path, last.Token()...), map[bool]int{true: http.StatusNotFound, false: http.StatusOK}[schema == "Problem"])
	}
}
