package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/store/memstore"
)

// standing asks where the read models stand.
func (f *shopfront) standing(headers ...string) []readModel {
	f.t.Helper()
	return sitetest.Read[readModelsAnswer](f.t, f.get("/readmodels", headers...), http.StatusOK).ReadModels
}

// until waits until the read models stand so.
func (f *shopfront) until(what string, so func([]readModel) bool) []readModel {
	f.t.Helper()
	for {
		if models := f.standing(); so(models) {
			return models
		}
		if err := f.t.Context().Err(); err != nil {
			f.t.Fatalf("until %s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestTheReadModelIsBuiltAgainWhileItAnswers(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	_, last := f.sold()
	f.until("the first answers", func(m []readModel) bool { return len(m) == 1 && m[0].Answers && m[0].Lag == 0 })
	before := f.get("/orders", last.Token()...)

	a := f.send("/readmodels", `{}`)
	if built := sitetest.Read[map[string]int](t, a, http.StatusAccepted); built["edition"] != 2 || a.Header.Get("Location") != "/readmodels" {
		t.Errorf("began to build %v, at %s", built, a.Header.Get("Location"))
	}
	if again := f.send("/readmodels", `{}`); again.StatusCode != http.StatusConflict {
		t.Errorf("began to build another: %d", again.StatusCode)
	}
	models := f.until("the second is ready", func(m []readModel) bool { return len(m) == 2 && m[1].Unready == "" && m[1].Lag == 0 })
	if models[1].Answers || !models[0].Answers || models[1].Events != models[0].Events || models[1].Progress != 1 {
		t.Errorf("they stand at %+v", models)
	}
	compared := sitetest.Read[readModelsAnswer](t, f.send("/readmodels/2/compare", ``), http.StatusOK).Compared
	if compared == nil || !compared.Same || len(compared.Rows) != 0 || len(compared.Tables) < 5 {
		t.Errorf("compared: %+v", compared)
	}
	if gone := f.send("/readmodels/1/remove", ``); gone.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("removed the one that answers: %d", gone.StatusCode)
	}
	if a := f.send("/readmodels/2/switch", ``); a.StatusCode != http.StatusNoContent {
		t.Errorf("switched: %d %s", a.StatusCode, a.Body)
	}
	if m := f.standing(); !m[1].Answers || m[0].Answers {
		t.Errorf("after the switch they stand at %+v", m)
	}
	if a := f.send("/readmodels/1/remove", ``); a.StatusCode != http.StatusNoContent {
		t.Errorf("removed: %d %s", a.StatusCode, a.Body)
	}
	after := f.get("/orders", last.Token()...)
	if string(after.Body) != string(before.Body) || after.Header.Get("ETag") == before.Header.Get("ETag") {
		t.Errorf("the list was %s under %s, and is %s under %s", before.Body, before.Header.Get("ETag"), after.Body, after.Header.Get("ETag"))
	}
	for path, want := range map[string]int{"/readmodels/7/switch": 404, "/readmodels/x/switch": 404, "/readmodels/2/skip": 422} {
		if a := f.send(path, `{}`); a.StatusCode != want {
			t.Errorf("POST %s: %d, want %d", path, a.StatusCode, want)
		}
	}
	if a := f.send("/readmodels/2/compare", ``); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("compared with itself: %d", a.StatusCode)
	}
}

// An event that cannot be applied holds up its order alone, is shown, and can be skipped.
func TestAnEventThatCannotBeAppliedIsSetAsideAndShown(t *testing.T) {
	store := memstore.New()
	f := openFront(t, store, nil)
	_, last := f.sold()
	strange := daybook.Event{Stream: "order-strange", Type: "OrderPlaced", Data: []byte(`{"total": "a lot"}`)}
	receipt, err := store.Append(t.Context(), []daybook.Event{strange}, nil)
	if err != nil {
		t.Fatal(err)
	}
	models := f.until("it is set aside", func(m []readModel) bool { return len(m[0].SetAside) == 1 && m[0].Lag == 0 })
	event := models[0].SetAside[0]
	if event.Position != receipt.Position || event.Cause == "" || event.Keys[0] != "order-strange" || models[0].Stuck != "" {
		t.Errorf("set aside: %+v", event)
	}
	if a := f.get("/orders", last.Token()...); a.StatusCode != http.StatusOK {
		t.Errorf("the list answers %d", a.StatusCode)
	}
	if p := f.get("/orders/strange", httpapi.TokenHeader, receipt.Point.String()).IsProblem(t, httpapi.SetAside); !strings.Contains(p.Detail, "OrderPlaced") {
		t.Errorf("who waits for it is told %q", p.Detail)
	}
	page := f.get("/readmodels", "Accept", "text/html")
	for _, want := range []string{"OrderPlaced at position", "order-strange", "Skip it", fmt.Sprint(event.Event)} {
		if !strings.Contains(string(page.Body), want) {
			t.Errorf("the page does not say %q:\n%s", want, page.Body)
		}
	}
	if a := f.send("/readmodels/1/retry", `{}`); a.StatusCode != http.StatusConflict || !strings.Contains(string(a.Body), "still-set-aside") {
		t.Errorf("tried again: %d %s", a.StatusCode, a.Body)
	}
	if a := f.send("/readmodels/1/skip", fmt.Sprintf(`{"event": %q, "reason": "typed by hand"}`, event.Event)); a.StatusCode != http.StatusNoContent {
		t.Errorf("skipped: %d %s", a.StatusCode, a.Body)
	}
	if m := f.standing(); len(m[0].SetAside) != 0 {
		t.Errorf("it is still set aside: %+v", m)
	}
}
