package access_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestAConditionTellsNothingThatItsSenderMayNotRead(t *testing.T) {
	policy := access.MustParsePolicy([]byte(`{"roles": {"partner": "appends to what is open"}, "allow": [
	  {"roles": ["partner"], "administer": ["AppendEvents"]},
	  {"roles": ["partner"], "read": ["*"], "on": [{"streams": ["open-1"]}]}]}`))
	store := access.NewGuard(policy, nil).Store(memstore.New())
	ctx := access.With(t.Context(), access.Principal{Name: "eve", Roles: []string{"partner"}})
	events := []daybook.Event{{ID: uuid.New(), Stream: "open-1", Type: "Opened", Data: []byte("{}")}}
	for what, clause := range map[string]daybook.Clause{
		"a query under the name of a stream": {Kind: daybook.NothingSelected, Stream: "open-1", Query: daybook.Stream("secret-1")},
		"a stream under a query":             {Kind: daybook.StreamNew, Stream: "secret-1", Query: daybook.Stream("open-1")},
		"ids, which find what is forgotten":  {Kind: daybook.NothingSelected, Query: daybook.Query{{Streams: []string{"open-1"}, IDs: []uuid.UUID{uuid.New()}}}},
	} {
		if _, err := store.Append(ctx, events, daybook.Condition{clause}); !errors.As(err, new(*access.DeniedError)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := store.Append(ctx, events, daybook.New("open-1")); err != nil {
		t.Errorf("what may be read: %v", err)
	}
}
