package access_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
)

const shop = `{
  "roles": {"reader": "looks", "clerk": "sells", "admin": "answers for the shop"},
  "allow": [
    {"roles": ["reader", "clerk", "admin"], "ask": ["*"]},
    {"roles": ["clerk"], "send": ["PlaceOrder", "RefundOrder"]},
    {"roles": ["clerk"], "read": ["*"], "on": [{"categories": ["order"]}, {"tags": ["shop:north"]}]},
    {"roles": ["admin"], "send": ["*"], "read": ["*"], "administer": ["*"]},
    {"principals": ["partner"], "read": ["OrderShipped"], "on": [{"streams": ["order-1", "order-2"]}]},
    {"principals": ["ada"], "ask": ["Reader"], "on": [{"tags": ["reader:ada"]}]}
  ],
  "deny": [
    {"principals": ["trainee"], "send": ["RefundOrder"], "because": "who is new gives no money back"},
    {"roles": ["clerk"], "read": ["SalaryPaid"]},
    {"principals": ["rival"], "send": ["PlaceOrder"], "on": [{"tags": ["customer:vip"]}]}
  ]
}`

var (
	clerk   = access.Principal{Name: "cleo", Roles: []string{"clerk"}}
	admin   = access.Principal{Name: "alan", Roles: []string{"admin"}}
	partner = access.Principal{Name: "partner"}
)

func TestDenyWinsAndWhatNothingAllowsIsDenied(t *testing.T) {
	policy := access.MustParsePolicy([]byte(shop))
	order := func(tags ...string) daybook.Query { return daybook.Query{{Streams: []string{"order-1"}, Tags: tags}} }
	named := func(name string, roles ...string) access.Principal { return access.Principal{Name: name, Roles: roles} }
	for what, c := range map[string]struct {
		who  access.Principal
		act  access.Act
		says string // empty if it is allowed
	}{
		"what a rule allows to a role":                {clerk, access.Send("PlaceOrder"), ""},
		"what a rule allows to another role":          {named("rhea", "reader"), access.Send("PlaceOrder"), "no rule of the policy allows it"},
		"any name where a rule says every":            {admin, access.Send("Whatever"), ""},
		"a name of another kind of act":               {clerk, access.Administer("PlaceOrder"), "no rule"},
		"to nobody":                                   {access.Principal{Roles: []string{"admin"}}, access.Ask("Order"), "not known who asks"},
		"in a role that there is not":                 {named("x", "root"), access.Ask("Order"), "no rule"},
		"without a role":                              {named("x"), access.Ask("Order"), "no rule"},
		"what is denied to a name with a role":        {named("trainee", "clerk"), access.Send("RefundOrder"), "who is new gives no money back"},
		"something else to that name":                 {named("trainee", "clerk"), access.Send("PlaceOrder"), ""},
		"what is denied in one of many roles":         {named("x", "admin", "clerk"), access.Read(daybook.Query{{Types: []string{"SalaryPaid"}}}), "the policy forbids it"},
		"what it is allowed to ask about":             {named("ada"), access.Ask("Reader").About(daybook.Query{{Tags: []string{"reader:ada", "x"}}}), ""},
		"what another is allowed to ask about":        {named("ada"), access.Ask("Reader").About(daybook.Query{{Tags: []string{"reader:bob"}}}), "no rule"},
		"about both":                                  {named("ada"), access.Ask("Reader").About(daybook.Query{{Tags: []string{"reader:ada"}}, {Tags: []string{"reader:bob"}}}), "no rule"},
		"not saying what about":                       {named("ada"), access.Ask("Reader"), "no rule"},
		"denied about something":                      {named("rival", "clerk"), access.Send("PlaceOrder").About(order("customer:vip")), "forbids"},
		"about something else":                        {named("rival", "clerk"), access.Send("PlaceOrder").About(order("customer:ned")), ""},
		"denied about something, not saying tags":     {named("rival", "clerk"), access.Send("PlaceOrder").About(order()), "forbids"},
		"denied about something, not saying what":     {named("rival", "clerk"), access.Send("PlaceOrder"), "forbids"},
		"reading a category":                          {clerk, access.Read(daybook.Query{{Categories: []string{"order"}, Types: []string{"OrderPaid"}}}), ""},
		"reading a stream of a category":              {clerk, access.Read(daybook.Query{{Streams: []string{"order-9"}, Types: []string{"OrderPaid"}}}), ""},
		"reading by a tag":                            {clerk, access.Read(daybook.Query{{Tags: []string{"shop:north"}, Types: []string{"OrderPaid"}}}), ""},
		"reading what may have a type that is denied": {clerk, access.Read(daybook.Query{{Categories: []string{"order"}}}), "deny"},
		"reading everything":                          {clerk, access.Read(daybook.All()), "deny"},
		"reading everything as one who may":           {admin, access.Read(daybook.All()), ""},
		"reading another category":                    {clerk, access.Read(daybook.Query{{Categories: []string{"order", "salary"}, Types: []string{"OrderPaid"}}}), `for OrderPaid in the category "salary"`},
		"reading types alone":                         {clerk, access.Read(daybook.Query{{Types: []string{"OrderPaid"}}}), "in every stream"},
		"reading ids alone":                           {clerk, access.Read(daybook.Query{{IDs: []uuid.UUID{uuid.New()}}}), "deny"},
		"reading a type in the streams that it may":   {partner, access.Read(daybook.Query{{Streams: []string{"order-2", "order-1"}, Types: []string{"OrderShipped"}}}), ""},
		"reading all types in those streams":          {partner, access.Read(daybook.Stream("order-1")), `for every type in the stream "order-1"`},
		"reading one stream more":                     {partner, access.Read(daybook.Query{{Streams: []string{"order-1", "order-3"}, Types: []string{"OrderShipped"}}}), `in the stream "order-3"`},
		"reading the category of its streams":         {partner, access.Read(daybook.Query{{Categories: []string{"order"}, Types: []string{"OrderShipped"}}}), "no rule"},
		"reading nothing":                             {partner, access.Read(nil), ""},
	} {
		err := policy.Decide(c.who, c.act)
		denied := (*access.DeniedError)(nil)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v, want that it is allowed", what, err)
		case c.says != "" && !errors.As(err, &denied):
			t.Errorf("%s: %v, want that it is denied", what, err)
		case c.says != "" && !strings.Contains(denied.Rule+": "+err.Error(), c.says):
			t.Errorf("%s: %q, want that it says %q", what, err, c.says)
		}
	}
}

func TestAScopeAllowsNothingAndBoundsEverything(t *testing.T) {
	policy := access.MustParsePolicy([]byte(shop))
	scope, err := access.ParseScope([]byte(`{"ask": ["Order"], "send": ["PlaceOrder", "PayOrder"], "read": ["OrderPaid"], "on": [{"streams": ["order-1"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	who := access.Principal{Name: "robot", Roles: []string{"clerk"}, Scope: scope, By: "key 7"}
	in := daybook.Stream("order-1")
	for act, allowed := range map[*access.Act]bool{
		{Kind: access.Sending, Name: "PlaceOrder", On: in}:                                                      true,
		{Kind: access.Sending, Name: "PayOrder", On: in}:                                                        false, // nothing allows a clerk that
		{Kind: access.Sending, Name: "RefundOrder", On: in}:                                                     false, // the scope has it not
		{Kind: access.Sending, Name: "PlaceOrder"}:                                                              false, // it may be about another order
		{Kind: access.Asking, Name: "Order", On: in}:                                                            true,
		{Kind: access.Asking, Name: "Order", On: daybook.Stream("order-2")}:                                     false,
		{Kind: access.Administering, Name: "Rebuild"}:                                                           false,
		{Kind: access.Reading, On: daybook.Query{{Streams: []string{"order-1"}, Types: []string{"OrderPaid"}}}}: true,
		{Kind: access.Reading, On: daybook.Query{{Types: []string{"OrderPaid"}}}}:                               false,
	} {
		if err := policy.Decide(who, *act); (err == nil) != allowed {
			t.Errorf("%s: %v", act, err)
		}
	}
	err = policy.Decide(who, access.Ask("Orders").About(in))
	if err == nil || !strings.Contains(err.Error(), "outside the scope of key 7") {
		t.Errorf("the error is %v, want that it names the key", err)
	}
}

func TestAPolicyThatIsNotUnderstoodIsAnErrorThatSaysWhere(t *testing.T) {
	roles := `"roles": {"reader": "looks", "editor": "writes"}, `
	for document, says := range map[string]string{
		``:                "it is no JSON",
		`[]`:              "cannot be an array",
		`{"roles": {}} x`: "line 1",
		"{\n \"allow\": [\n  {\"role\": [\"reader\"]}\n]}":                                                                 "line 3: /allow/0/role is a member that there is not",
		"{\n \"allow\": [],\n \"allow\": []}":                                                                              "line 3: /allow is there twice",
		`{"allow": [{"roles": "reader"}]}`:                                                                                 "/allow/0/roles cannot be text",
		`{"allow": [{"Roles": ["reader"]}]}`:                                                                               "/allow/0/Roles is a member that there is not",
		`{` + roles + `"allow": [{"ask": ["*"]}]}`:                                                                         "allow[0]: it is about nobody",
		`{` + roles + `"allow": [{"roles": ["reader"]}]}`:                                                                  "allow[0]: it says nothing to be done",
		`{` + roles + `"deny": [{"roles": ["raeder"], "ask": ["*"]}]}`:                                                     `deny[0].roles[0]: "raeder" is no role of this policy; is it "reader" that is meant?`,
		`{` + roles + `"deny": [{"roles": ["boss"], "ask": ["*"]}]}`:                                                       `there are editor, reader`,
		`{` + roles + `"deny": [{"roles": ["reader"], "ask": ["*", "Order"]}]}`:                                            `deny[0].ask: "*" is every one: it stands alone`,
		`{` + roles + `"deny": [{"roles": ["reader"], "ask": ["*"], "on": [{}]}]}`:                                         `deny[0].on[0]: it names nothing`,
		`{` + roles + `"deny": [{"roles": ["reader"], "read": ["*"], "on": [{"tags": [""]}]}]}`:                            `deny[0].on[0]: "" is empty`,
		`{` + roles + `"deny": [{"roles": ["reader"], "read": ["*"], "on": [{"streams": ["a-1"], "categories": ["a"]}]}]}`: `name streams or categories`,
		`{` + roles + `"deny": [{"roles": ["reader"], "administer": ["*"], "on": [{"tags": ["a"]}]}]}`:                     `make it a rule of its own`,
		`{` + roles + `"deny": [{"principals": [""], "ask": ["*"]}]}`:                                                      `nobody has an empty name`,
		`{"roles": {"*": "all"}}`:                                                                                          `"*" is no name of a role`,
	} {
		_, err := access.ParsePolicy([]byte(document))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: the error is %v, want that it says %s", document, err, says)
		}
	}
	if _, err := access.ParseScope([]byte(`{"ask": ["*"], "roles": ["admin"]}`)); err == nil {
		t.Error("a scope with roles is taken")
	}
}

func TestNamesThatTheProgramDoesNotHaveAreFound(t *testing.T) {
	policy := access.MustParsePolicy([]byte(`{"roles": {"clerk": ""}, "allow": [
		{"roles": ["clerk"], "send": ["PlaceOrdre", "PayOrder"], "ask": ["*"]}], "deny": [
		{"roles": ["clerk"], "read": ["SalaryPayed"]}, {"roles": ["clerk"], "administer": ["Explode"]}]}`))
	err := policy.Check(access.Names{Send: []string{"PlaceOrder", "PayOrder"}, Ask: []string{"Order"}, Read: []string{"SalaryPaid"}, Administer: []string{"Rebuild"}})
	want := strings.Join([]string{
		`access: policy: allow[0].send[0]: "PlaceOrdre" is no command here; is it "PlaceOrder" that is meant?`,
		`access: policy: deny[0].read[0]: "SalaryPayed" is no type of event here; is it "SalaryPaid" that is meant?`,
		`access: policy: deny[1].administer[0]: "Explode" is no administrative act here; there are Rebuild`,
	}, "\n")
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("the error (-want, +got):\n%s", diff)
	}
	if err := policy.Check(access.Names{Administer: []string{"Explode"}}); err != nil {
		t.Errorf("names that are not known are checked: %v", err)
	}
	if err := policy.CheckRoles([]string{"clerk", "clark"}); err == nil || !strings.Contains(err.Error(), `is it "clerk"`) {
		t.Errorf("a role that there is not: %v", err)
	}
}
