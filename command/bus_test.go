package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestEventIDsAreMadeOfTheCommandsIDAndANumberAlone(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	bus := command.NewBus(store, handlers, nil)
	grabbed.Store(1)
	timed, keyed := command.NewID(), command.KeyID("ada", "Grab", "k")
	must(bus.Do(ctx, command.Envelope{ID: timed}, Grab{Jar: "1"}))(t)
	must(bus.Do(ctx, command.Envelope{Principal: "ada", Key: "k"}, Grab{Jar: "1"}))(t)
	events := all(t, store)
	for i, want := range []uuid.UUID{timed.EventID(0), timed.EventID(1), timed.EventID(2), keyed.EventID(0)} {
		if events[i].ID != want || want.Version() != 8 {
			t.Errorf("event %d has the id %s, want %s of version 8", i, events[i].ID, want)
		}
	}
	if !slices.Equal(events[2].ID[:6], timed[:6]) {
		t.Errorf("the id of version 7 does not lend its time: %s of %s", events[2].ID, timed)
	}
}

func TestTheFirstEventSaysWhichCommandItIsOf(t *testing.T) {
	store := memstore.New()
	bus := command.NewBus(store, handlers, nil)
	grabbed.Store(1)
	id := command.NewID()
	ctx := daybook.WithTrace(t.Context(), daybook.Trace{Correlation: "request-1", Causation: "event-9"})
	must(bus.Do(ctx, command.Envelope{ID: id, Principal: "ada"}, Grab{Jar: "1"}))(t)
	events := all(t, store)

	var got any
	if err := json.Unmarshal(events[0].Metadata, &got); err != nil {
		t.Fatal(err)
	}
	want := `{"actor":"ada","causation_id":"` + id.String() + `","command":{"causation_id":"event-9","digest":"D","events":3,"id":"` + id.String() + `","type":"Grab"},"correlation_id":"request-1"}`
	record, ok := command.RecordOf(events[0].Event)
	if !ok || len(record.Digest) != 64 {
		t.Fatalf("the record is %+v, %t", record, ok)
	}
	encoded := must(json.Marshal(got))(t)
	if s := strings.Replace(string(encoded), record.Digest, "D", 1); s != want {
		t.Errorf("the metadata is\n%s, want\n%s", s, want)
	}
	for _, e := range events {
		if e.Trace() != (daybook.Trace{Correlation: "request-1", Causation: id.String(), Actor: "ada"}) {
			t.Errorf("event %d has the trace %+v", e.Position, e.Trace())
		}
	}
	if _, ok := command.RecordOf(events[1].Event); ok {
		t.Error("the second event says that it is the first")
	}
}

func TestACommandWithoutATraceBeginsOne(t *testing.T) {
	store, id := memstore.New(), command.NewID()
	must(command.NewBus(store, handlers, nil).Do(t.Context(), command.Envelope{ID: id}, FillJar{Jar: "1"}))(t)
	if got := all(t, store)[0].Trace(); got != (daybook.Trace{Correlation: id.String(), Causation: id.String()}) {
		t.Errorf("the trace is %+v", got)
	}
	ctx := daybook.WithTrace(t.Context(), daybook.Trace{Actor: "eve"})
	must(command.NewBus(store, handlers, nil).Do(ctx, command.Envelope{Principal: "ada"}, FillJar{Jar: "1"}))(t)
	if got := all(t, store)[1].Trace().Actor; got != "eve" {
		t.Errorf("the actor is %q, want the trace's own", got)
	}
}

// looked is a store that shows its callers' contexts.
type looked struct {
	daybook.Store
	at func(context.Context)
}

func (l looked) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	l.at(ctx)
	return l.Store.Append(ctx, events, cond)
}

func TestTheCommandsIDDoesNotTravelInTheContext(t *testing.T) {
	trace := daybook.Trace{Correlation: "c", Causation: "e", Actor: "ada"}
	seen := 0
	store := looked{memstore.New(), func(ctx context.Context) {
		seen++
		if got := daybook.TraceOf(ctx); got != trace {
			t.Errorf("the context carries %+v, want %+v", got, trace)
		}
	}}
	must(command.NewBus(store, handlers, nil).Do(daybook.WithTrace(t.Context(), trace), command.Envelope{}, FillJar{Jar: "1"}))(t)
	if seen != 1 {
		t.Errorf("the store saw %d appends, want 1", seen)
	}
}

func TestWhatACommandCreatesHasAnIDDerivedFromItsOwn(t *testing.T) {
	ctx, bus := t.Context(), command.NewBus(memstore.New(), handlers, nil)
	envelope := command.Envelope{Principal: "ada", Key: "k"}
	first := must(bus.Do(ctx, envelope, NewJar{}))(t)
	jar := Jars.Stream(command.KeyID("ada", "NewJar", "k").Derive("jar"))
	if first.Versions[jar] != 1 {
		t.Errorf("the receipt is %+v, want version 1 of %s", first, jar)
	}
	if again := must(bus.Do(ctx, envelope, NewJar{}))(t); !same(first, again) {
		t.Errorf("the receipts are %+v and %+v", first, again)
	}
	id := command.NewID()
	if id.Derive("a") == id.Derive("b") || id.Derive("a") == command.NewID().Derive("a") {
		t.Error("derived ids are the same for other parts or commands")
	}
}

func TestCommandsAreDecodedStrictly(t *testing.T) {
	store := memstore.New()
	bus := command.NewBus(store, handlers, nil)
	for name, test := range map[string]struct{ data, says string }{
		"an unknown field":        {`{"jar":"1","sweets":5,"colour":"red"}`, `/colour (byte 22) is a field that the command does not have`},
		"another case":            {`{"Jar":"1"}`, `/Jar`},
		"a field twice":           {`{"jar":"1","sweets":5,"jar":"2"}`, `/jar (byte 22) is there twice`},
		"bytes after it":          {`{"jar":"1"}{}`, `byte 11`},
		"a word after it":         {`{"jar":"1"} x`, `byte 12`},
		"text that is not UTF-8":  {"{\"jar\":\"\xff\"}", `byte 8`},
		"half a surrogate":        {`{"jar":"\ud800"}`, `byte 8`},
		"half a document":         {`{"jar":"1"`, `byte 10`},
		"nothing":                 {``, `EOF`},
		"null":                    {`null`, `null where an object was expected`},
		"an array":                {` [1]`, `an array where an object was expected`},
		"a string":                {`"jar"`, `a string where an object was expected`},
		"a number":                {`-1`, `a number where an object was expected`},
		"a boolean":               {`true`, `a boolean where an object was expected`},
		"text for a number":       {`{"jar":"1","sweets":"5"}`, `/sweets (byte `},
		"a fraction for a number": {`{"jar":"1","sweets":1.5}`, `/sweets`},
		"a number too large":      {`{"jar":"1","sweets":99999999999999999999}`, `"99999999999999999999"`},
		"a comment":               {`{"jar":"1"/**/}`, `byte 10`},
	} {
		_, err := bus.Send(t.Context(), command.Envelope{}, "FillJar", []byte(test.data))
		invalid := as[*daybook.InvalidError](t, err)
		if !strings.Contains(err.Error(), test.says) || !strings.HasPrefix(invalid.What, "command FillJar") {
			t.Errorf("%s: the error is %q, want it to say %q", name, err, test.says)
		}
	}
	if n := len(all(t, store)); n != 0 {
		t.Errorf("%d events were recorded", n)
	}
	must(bus.Send(t.Context(), command.Envelope{}, "NewJar", []byte("{}\n")))(t)
}

func TestACommandIsValidated(t *testing.T) {
	store := memstore.New()
	bus := command.NewBus(store, handlers, nil)
	_, err := bus.Do(t.Context(), command.Envelope{}, FillJar{Jar: "1", Sweets: 1001})
	if invalid := as[*daybook.InvalidError](t, err); invalid.What != "command FillJar:" || invalid.Reason != "too many sweets" {
		t.Errorf("the error is %v", err)
	}
	_, err = bus.Send(t.Context(), command.Envelope{}, "EatSweets", []byte(`{"sweets":-1}`))
	if invalid := as[*daybook.InvalidError](t, err); invalid.What != "sweets" {
		t.Errorf("the error is %v", err)
	}
	_, err = bus.Do(t.Context(), command.Envelope{}, FillJar{Jar: "1", Note: "\xff"})
	as[*daybook.InvalidError](t, err)
	if n := len(all(t, store)); n != 0 {
		t.Errorf("%d events were recorded", n)
	}
}

func TestACommandThatIsNotKnownIsInvalid(t *testing.T) {
	bus := command.NewBus(memstore.New(), handlers, nil)
	_, err := bus.Send(t.Context(), command.Envelope{}, "EmptyJar", []byte(`{}`))
	if invalid := as[*daybook.InvalidError](t, err); invalid.Value != "EmptyJar" {
		t.Errorf("the error is %v", err)
	}
	_, err = bus.Do(t.Context(), command.Envelope{}, Filled{1})
	as[*daybook.InvalidError](t, err)
	_, err = bus.Do(t.Context(), command.Envelope{}, nil)
	as[*daybook.InvalidError](t, err)
	_, err = bus.Do(t.Context(), command.Envelope{ID: command.NewID(), Key: "k"}, NewJar{})
	as[*daybook.InvalidError](t, err)
}

func TestAPrincipalIsAskedForBeforeAnythingElseIsSaid(t *testing.T) {
	errNotYours := errors.New("the jar is not yours")
	store := memstore.New()
	bus := command.NewBus(store, handlers, &command.Options{
		Authorize: func(_ context.Context, sent command.Sent) error {
			if fill, ok := sent.Command.(FillJar); ok && fill.Jar != sent.Principal && sent.Type == "FillJar" {
				return errNotYours
			}
			return nil
		},
	})
	_, err := bus.Do(t.Context(), command.Envelope{Principal: "bob"}, FillJar{Jar: "ada", Sweets: 1001})
	denied := as[*command.DeniedError](t, err)
	if denied.Principal != "bob" || denied.Type != "FillJar" || !errors.Is(err, errNotYours) || !strings.Contains(err.Error(), "FillJar") {
		t.Errorf("the error is %v", err)
	}
	must(bus.Do(t.Context(), command.Envelope{Principal: "ada", Key: "k"}, FillJar{Jar: "ada"}))(t)
	// Nor does anybody learn about another's command by its id.
	id := command.KeyID("ada", "FillJar", "k")
	_, err = bus.Do(t.Context(), command.Envelope{Principal: "bob", ID: id}, FillJar{Jar: "ada"})
	as[*command.DeniedError](t, err)
	if n := len(all(t, store)); n != 1 {
		t.Errorf("there are %d events, want 1", n)
	}
}

func TestAroundSeesEveryCommandAndItsOutcome(t *testing.T) {
	type span struct{}
	var seen []command.Sent
	var outcomes []error
	store := looked{memstore.New(), func(ctx context.Context) {
		if ctx.Value(span{}) != "open" {
			t.Error("the context that Around passed on was not used")
		}
	}}
	bus := command.NewBus(store, handlers, &command.Options{
		Authorize: func(_ context.Context, sent command.Sent) error {
			if sent.Principal == "eve" {
				return errors.New("no")
			}
			return nil
		},
		Around: func(ctx context.Context, sent command.Sent, next func(context.Context) (daybook.Receipt, error)) (daybook.Receipt, error) {
			receipt, err := next(context.WithValue(ctx, span{}, "open"))
			seen, outcomes = append(seen, sent), append(outcomes, err)
			return receipt, err
		},
	})
	receipt := must(bus.Do(t.Context(), command.Envelope{Principal: "ada", Key: "k"}, FillJar{Jar: "1", Sweets: 2}))(t)
	if receipt.Versions["jar-1"] != 1 {
		t.Errorf("the receipt is %+v", receipt)
	}
	if _, err := bus.Do(t.Context(), command.Envelope{Principal: "eve"}, FillJar{Jar: "1"}); err == nil {
		t.Error("eve may fill jars")
	}
	_, err := bus.Send(t.Context(), command.Envelope{}, "EatSweets", []byte(`{"jar":"1","sweets":3}`))
	if !errors.Is(err, errEmpty) {
		t.Errorf("the error is %v, want %v", err, errEmpty)
	}
	if len(seen) != 3 || outcomes[0] != nil || outcomes[1] == nil || outcomes[2] == nil {
		t.Fatalf("seen were %+v with %v", seen, outcomes)
	}
	want := command.Sent{ID: command.KeyID("ada", "FillJar", "k"), Type: "FillJar", Command: FillJar{Jar: "1", Sweets: 2}, Principal: "ada"}
	if seen[0] != want {
		t.Errorf("seen was %+v, want %+v", seen[0], want)
	}
	if seen[1].ID == (command.ID{}) || seen[1].ID == seen[2].ID {
		t.Errorf("commands without an id were given %s and %s", seen[1].ID, seen[2].ID)
	}
}

func TestOptionsForDecidingReachTheDecider(t *testing.T) {
	inner := memstore.New()
	store := &daybooktest.Unreliable{Store: inner, Fault: func(int) daybooktest.Fault { return daybooktest.RequestLost }}
	bus := command.NewBus(store, handlers, &command.Options{Decide: []decider.Option{decider.Attempts(2)}})
	_, err := bus.Do(t.Context(), command.Envelope{}, FillJar{Jar: "1"})
	as[*daybook.UnknownError](t, err)
	if store.Appends() != 2 {
		t.Errorf("there were %d appends, want 2", store.Appends())
	}
}

func TestMistakesAreFoundWhenTheProgramStarts(t *testing.T) {
	plan := func() decider.Plan { return decider.Plan{} }
	type unwritable struct{ F func() }
	type undefined struct{ D time.Duration }
	for name, mistake := range map[string]func(){
		"a name twice": func() { command.NewBus(nil, slices.Concat(handlers, handlers[:1]), nil) },
		"a type twice": func() {
			command.NewBus(nil, append(handlers[:1:1], command.On("Refill", func(FillJar, command.ID) decider.Plan { return plan() })), nil)
		},
		"no name": func() {
			command.NewBus(nil, []command.Handler{command.On("", func(NewJar, command.ID) decider.Plan { return plan() })}, nil)
		},
		"no struct":      func() { command.On("Fill", func(int, command.ID) decider.Plan { return plan() }) },
		"a pointer":      func() { command.On("Fill", func(*FillJar, command.ID) decider.Plan { return plan() }) },
		"no JSON":        func() { command.On("Fill", func(unwritable, command.ID) decider.Plan { return plan() }) },
		"JSON undecided": func() { command.On("Fill", func(undefined, command.ID) decider.Plan { return plan() }) },
	} {
		func() {
			defer func() {
				if said := recover(); said == nil {
					t.Errorf("%s is not found", name)
				}
			}()
			mistake()
		}()
	}
}

func TestIDsAreWrittenAsText(t *testing.T) {
	id := command.NewID()
	encoded := must(json.Marshal(id))(t)
	var back command.ID
	if err := json.Unmarshal(encoded, &back); err != nil || back != id || string(encoded) != `"`+id.String()+`"` {
		t.Errorf("%s was written as %s and read as %s: %v", id, encoded, back, err)
	}
	if err := json.Unmarshal([]byte(`"?"`), &back); err == nil {
		t.Error("a question mark is an id")
	}
}

// Whoever identifies an envelope knows the id of what its command creates before it is
// sent, and sends the same command as without.
func TestAnIdentifiedEnvelopeSendsTheSameCommand(t *testing.T) {
	store := memstore.New()
	bus := command.NewBus(store, handlers, nil)
	keyed := command.Envelope{Principal: "ada", Key: "k"}
	identified := must(bus.Identify(keyed, NewJar{}))(t)
	if want := (command.Envelope{Principal: "ada", ID: command.KeyID("ada", "NewJar", "k")}); !reflect.DeepEqual(identified, want) {
		t.Errorf("the envelope is %+v, want %+v", identified, want)
	}
	first := must(bus.Do(t.Context(), identified, NewJar{}))(t)
	if jar := Jars.Stream(identified.ID.Derive("jar")); first.Versions[jar] != 1 {
		t.Errorf("it created %v, want %s", first.Versions, jar)
	}
	if again := must(bus.Do(t.Context(), keyed, NewJar{}))(t); !again.Repeated || !same(again, first) {
		t.Errorf("under the key the receipt is %+v, want a repeat of %+v", again, first)
	}

	a, b := must(bus.Identify(command.Envelope{}, NewJar{}))(t), must(bus.Identify(command.Envelope{}, NewJar{}))(t)
	if a.ID == b.ID || a.ID == (command.ID{}) {
		t.Errorf("two new commands have the ids %s and %s", a.ID, b.ID)
	}
	if given := must(bus.Identify(a, NewJar{}))(t); !reflect.DeepEqual(given, a) {
		t.Errorf("an envelope with an id became %+v", given)
	}
	_, err := bus.Identify(command.Envelope{ID: a.ID, Key: "k"}, NewJar{})
	as[*daybook.InvalidError](t, err)
	_, err = bus.Identify(keyed, struct{}{})
	as[*daybook.InvalidError](t, err)
}
