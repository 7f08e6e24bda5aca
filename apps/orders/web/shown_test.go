package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestAFormThatIsRefusedShowsNothingThatItsSenderMayNotAsk(t *testing.T) {
	guard := access.NewGuard(access.MustParsePolicy([]byte(`{"roles": {"admin": "does it", "till": "sends, and sees nothing"}, "allow": [
	  {"roles": ["admin"], "send": ["*"], "ask": ["*"]}, {"roles": ["till"], "send": ["*"]}]}`)), nil)
	f := openFront(t, memstore.New(), &Options{Options: httpapi.Options{Guard: guard, Authenticator: access.AuthenticatorFunc(func(r *http.Request) (access.Principal, error) {
		if r.Header.Get("X-Till") != "" {
			return access.Principal{Name: "till", Roles: []string{"till"}}, nil
		}
		return access.Principal{Name: "ada", Roles: []string{"admin"}}, nil
	})}})
	id := f.placed()
	f.send("/stock", `{"sku": "lamp", "quantity": 7}`)
	for path, form := range map[string]string{
		"/orders": "total=-1", "/orders/" + id + "/deliver": "key=a", "/stock": "sku=&quantity=0", "/stock/lamp/receive": "quantity=-1",
	} {
		a := f.ask("POST", path, form, "Content-Type", httpapi.FormBody, "Accept", "text/html", "X-Till", "1")
		if a.StatusCode < 400 || strings.Contains(a.Body, id) || strings.Contains(a.Body, ">7<") || strings.Contains(a.Body, "<form") {
			t.Errorf("%s answers %d with what may not be asked: %s", path, a.StatusCode, a.Body)
		}
	}
}
