package guides

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/access/audit"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// The commands of the gift cards.
type (
	GiveCard struct {
		Card  string `json:"card"`
		Cents int    `json:"cents"`
	}
	SpendCard struct {
		Card  string `json:"card"`
		Cents int    `json:"cents"`
	}
)

// About says which stream the command is about.
func (c SpendCard) About() daybook.Query { return daybook.Stream(Cards.Stream(c.Card)) }

var deskCommands = []command.Handler{
	command.On("GiveCard", func(c GiveCard, _ command.ID) decider.Plan { return Cards.At(c.Card, Issue(c.Cents)) }),
	command.On("SpendCard", func(c SpendCard, _ command.ID) decider.Plan { return Cards.At(c.Card, Spend(c.Cents)) }),
}

const cardPolicy = `{
  "roles": {
    "till":    "takes cards",
    "manager": "issues them, and answers for them"
  },
  "allow": [
    {"roles": ["till", "manager"], "send": ["SpendCard"]},
    {"roles": ["manager"], "send": ["GiveCard"], "administer": ["*"]},
    {"roles": ["manager"], "read": ["*"], "on": [{"categories": ["card"]}]}
  ],
  "deny": [
    {"principals": ["till 3"], "send": ["SpendCard"], "on": [{"streams": ["card-7"]}], "because": "card 7 was reported stolen there"}
  ]
}`

func Example_whoMayDoWhat() {
	ctx, store := context.Background(), memstore.New()
	logger := slog.New(slog.DiscardHandler)

	policy, err := access.ParsePolicy([]byte(cardPolicy))
	fmt.Println("policy:", err)
	fmt.Println("names:", policy.Check(access.Names{Send: []string{"GiveCard", "SpendCard"}}))

	entries := memstore.New() // in earnest a directory, or a database
	log, err := audit.Open(ctx, entries, &audit.Options{Logger: logger})
	fmt.Println("audit log:", err)
	guard := access.NewGuard(policy, &access.GuardOptions{Recorder: log, Logger: logger})
	bus := command.NewBus(store, deskCommands, &command.Options{Authorize: guard.Authorize})

	manager := access.Principal{Name: "mary", Roles: []string{"manager"}}
	till := access.Principal{Name: "till 3", Roles: []string{"till"}}
	send := func(who access.Principal, c any) error {
		_, err := bus.Do(access.With(ctx, who), command.Envelope{Principal: who.Name}, c)
		return err
	}
	fmt.Println(send(manager, GiveCard{Card: "7", Cents: 5000}))
	fmt.Println(send(manager, GiveCard{Card: "8", Cents: 5000}))
	fmt.Println(send(till, SpendCard{Card: "8", Cents: 1000}))
	fmt.Println(errors.Unwrap(send(till, SpendCard{Card: "7", Cents: 1000})))
	fmt.Println(errors.Unwrap(send(till, GiveCard{Card: "9", Cents: 99})))

	shown := guard.Store(store)
	_, err = shown.Read(access.With(ctx, manager), daybook.Query{{Categories: []string{"card"}}}, daybook.Span{})
	fmt.Println("the cards:", err)
	_, err = shown.Read(access.With(ctx, manager), daybook.All(), daybook.Span{})
	fmt.Println(err)

	kept := memstore.New()
	keys, err := apikey.Open(ctx, kept, nil)
	fmt.Println("keys:", err)
	key, secret, err := keys.Issue(access.With(ctx, manager), apikey.Key{Name: "till 4", Roles: []string{"till"}})
	fmt.Println("issued:", err)
	request, err := http.NewRequest(http.MethodPost, "http://shop.example/cards/8/spend", nil)
	fmt.Println("request:", err)
	request.Header.Set("Authorization", "Bearer "+secret)
	who, err := keys.Authenticate(request)
	fmt.Println(who, who.Roles, err)
	fmt.Println(keys.Revoke(ctx, key.ID, "left on a counter"))
	_, err = keys.Authenticate(request)
	fmt.Println(err)

	for entry, err := range log.Entries(ctx, 0) {
		fmt.Println(entry.Number, entry.Principal, entry.Outcome, entry.Act, entry.Name, err)
	}
	mark, err := log.Mark(ctx) // to be kept where whoever has the disk does not come
	fmt.Println("mark:", mark.Entries, err)
	_, err = audit.Verify(ctx, entries, mark)
	fmt.Println("as it was written:", err)

	// Output:
	// policy: <nil>
	// names: <nil>
	// audit log: <nil>
	// <nil>
	// <nil>
	// <nil>
	// access: till 3 may not send SpendCard: card 7 was reported stolen there
	// access: till 3 may not send GiveCard: no rule of the policy allows it
	// the cards: <nil>
	// access: mary may not read events: no rule of the policy allows it, for every type in every stream
	// keys: <nil>
	// issued: <nil>
	// request: <nil>
	// till 4 [till] <nil>
	// <nil>
	// access: the key is revoked
	// 1 till 3 denied send SpendCard <nil>
	// 2 till 3 denied send GiveCard <nil>
	// 3 mary denied read  <nil>
	// mark: 3 <nil>
	// as it was written: <nil>
}
