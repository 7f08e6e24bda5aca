package command_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestACommandThatIsRecordedIsNotDecidedAgain(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	id := command.NewID()
	send := func() daybook.Receipt {
		t.Helper()
		// Another bus each time, as after a restart.
		return must(command.NewBus(store, handlers, nil).Do(ctx, command.Envelope{ID: id}, Grab{Jar: "1"}))(t)
	}
	grabbed.Store(1) // the next decision is of three events, the one after it of one
	first := send()
	before := grabbed.Load()
	again := send()
	if !same(first, again) || first.Repeated || !again.Repeated {
		t.Errorf("the receipts are %+v and %+v", first, again)
	}
	if grabbed.Load() != before {
		t.Error("it was decided again")
	}
	if n := len(all(t, store)); n != 3 || first.Versions["jar-1"] != 3 || first.Position != 3 {
		t.Errorf("there are %d events, and the receipt is %+v", n, first)
	}
}

func TestTheSameKeyIsTheSameCommand(t *testing.T) {
	ctx, bus := t.Context(), command.NewBus(memstore.New(), handlers, nil)
	ada := command.Envelope{Principal: "ada", Key: "k"}
	first := must(bus.Do(ctx, ada, FillJar{Jar: "1", Sweets: 5}))(t)
	// The content is compared as it was understood, not as it was written.
	again := must(bus.Send(ctx, ada, "FillJar", []byte(` {"sweets":5, "note":"", "jar":"\u0031"} `)))(t)
	if !same(first, again) || !again.Repeated {
		t.Errorf("the receipts are %+v and %+v", first, again)
	}
	byID := must(bus.Do(ctx, command.Envelope{ID: command.KeyID("ada", "FillJar", "k")}, FillJar{Jar: "1", Sweets: 5}))(t)
	if !same(first, byID) {
		t.Errorf("the receipts are %+v and %+v", first, byID)
	}
	// Another principal, another type and no key at all are other commands.
	for i, envelope := range []command.Envelope{{Principal: "bob", Key: "k"}, {Key: "k"}, {Principal: "ada"}, {Principal: "ada"}} {
		if r := must(bus.Do(ctx, envelope, FillJar{Jar: "1", Sweets: 5}))(t); r.Repeated || int(r.Versions["jar-1"]) != i+2 {
			t.Errorf("%+v: the receipt is %+v", envelope, r)
		}
	}
	if r := must(bus.Do(ctx, ada, EatSweets{Jar: "1", Sweets: 5}))(t); r.Repeated {
		t.Errorf("another type of command is taken for a repeat: %+v", r)
	}
}

func TestKeyIDsDoNotRunTogether(t *testing.T) {
	seen := map[command.ID]string{}
	parts := []string{"", "a", "b", "ab", "a\x00", "aa"}
	for _, p := range parts {
		for _, c := range parts {
			for _, k := range parts {
				id, name := command.KeyID(p, c, k), fmt.Sprintf("%q %q %q", p, c, k)
				if before, taken := seen[id]; taken {
					t.Errorf("%s and %s have one id", before, name)
				}
				seen[id] = name
				if uuid.UUID(id).Version() != 8 {
					t.Errorf("%s is of version %d, want 8", id, uuid.UUID(id).Version())
				}
			}
		}
	}
	// These ids are on people's disks.
	if got, want := command.KeyID("ada", "FillJar", "k").String(), "5b9a57fa-75ce-8490-b45b-60905c6aebc6"; got != want {
		t.Errorf("the id of a key has become %s, and was %s", got, want)
	}
}

func TestTheSameKeyWithOtherContentIsReused(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	bus := command.NewBus(store, handlers, nil)
	envelope := command.Envelope{ID: command.NewID()}
	must(bus.Do(ctx, envelope, FillJar{Jar: "1", Sweets: 5}))(t)
	for name, test := range map[string]struct {
		c    any
		says string
	}{
		"another number": {FillJar{Jar: "1", Sweets: 6}, "FillJar with other content"},
		"another jar":    {FillJar{Jar: "2", Sweets: 5}, "FillJar with other content"},
		"another type":   {EatSweets{Jar: "1", Sweets: 5}, "of a FillJar"},
		"refused anyway": {EatSweets{Jar: "1", Sweets: 99}, "of a FillJar"},
	} {
		_, err := bus.Do(ctx, envelope, test.c)
		reused := as[*command.ReusedError](t, err)
		if reused.ID != envelope.ID || reused.Recorded != "FillJar" || reused.Event.Position != 1 || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: the error is %v", name, err)
		}
		if event := as[*daybook.ReusedError](t, err); event.ID != envelope.ID.EventID(0) {
			t.Errorf("%s: the event is %v", name, event)
		}
	}
	if n := len(all(t, store)); n != 1 {
		t.Errorf("there are %d events, want 1", n)
	}
}

func TestAnIDThatIsTakenByNoCommandIsReused(t *testing.T) {
	for name, metadata := range map[string]string{
		"no metadata":       ``,
		"a trace alone":     `{"actor":"ada"}`,
		"no JSON":           `{`,
		"a command of none": `{"command":{"events":0}}`,
		"a command with -1": `{"command":{"events":-1}}`,
		"another's id":      `{"command":{"id":"00000000-0000-0000-0000-000000000001","type":"FillJar","events":1,"digest":"` + digest(`{"jar":"1","sweets":5}`) + `"}}`,
	} {
		ctx, store, id := t.Context(), memstore.New(), command.NewID()
		if _, err := store.Append(ctx, []daybook.Event{{ID: id.EventID(0), Type: "Other", Metadata: []byte(metadata)}}, nil); err != nil {
			t.Fatal(err)
		}
		_, err := command.NewBus(store, handlers, nil).Do(ctx, command.Envelope{ID: id}, FillJar{Jar: "1", Sweets: 5})
		if reused := as[*command.ReusedError](t, err); reused.Error() == "" {
			t.Errorf("%s: the error is empty", name)
		}
	}
}

// digest returns the digest of a command that is written so.
func digest(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(sum[:])
}

// These digests are on people's disks.
func TestTheDigestIsThatOfTheCommandAsItWasUnderstood(t *testing.T) {
	type Mix struct {
		Parts map[string]int
		List  []string
		New   int
	}
	ctx, store := t.Context(), memstore.New()
	bus := command.NewBus(store, []command.Handler{command.On("Mix", func(Mix, command.ID) decider.Plan {
		return Jars.At("1", func(Jar) ([]any, error) { return []any{Filled{1}}, nil })
	})}, nil)
	for range 100 { // maps come in another order each time
		must(bus.Send(ctx, command.Envelope{Key: "k"}, "Mix", []byte(`{"List":["z","a"],"Parts":{"e":5,"d":4,"c":3,"b":2,"a":1}}`)))(t)
	}
	must(bus.Send(ctx, command.Envelope{Key: "k"}, "Mix", []byte(`{"New":0,"Parts":{"a":1,"b":2,"c":3,"d":4,"e":5},"List":["z","a"]}`)))(t)
	record, _ := command.RecordOf(all(t, store)[0].Event)
	if want := digest(`{"Parts":{"a":1,"b":2,"c":3,"d":4,"e":5},"List":["z","a"]}`); record.Digest != want {
		t.Errorf("the digest is %s, want %s", record.Digest, want)
	}
}

// stubs is a store that has scavenged everything: only the places of events are
// left, and only for those who ask by id.
type stubs struct{ daybook.Store }

func (s stubs) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := s.Store.Read(ctx, q, span)
	if err != nil {
		return reading, err
	}
	return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
		for e, err := range reading.Events() {
			if len(q[0].IDs) > 0 && !yield(e.AsStub(), err) {
				return
			}
		}
	}), nil
}

func TestAStubIsAnsweredWithoutComparing(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	many := command.On("Many", func(c FillJar, _ command.ID) decider.Plan {
		return Jars.At(c.Jar, func(Jar) ([]any, error) { return slices.Repeat([]any{Filled{1}}, c.Sweets), nil })
	})
	for _, n := range []int{1, 3, 15, 16, 17, 64, 100} {
		id := command.NewID()
		first := must(command.NewBus(store, []command.Handler{many}, nil).Do(ctx, command.Envelope{ID: id}, FillJar{Jar: fmt.Sprint(n), Sweets: n}))(t)
		scavenged := command.NewBus(stubs{store}, handlers, nil)
		again := must(scavenged.Do(ctx, command.Envelope{ID: id}, EatSweets{Jar: "9", Sweets: 1}))(t)
		if !same(first, again) || !again.Repeated {
			t.Errorf("of %d events the receipts are %+v and %+v", n, first, again)
		}
	}
}

func TestACommandOfWhichEventsAreMissingIsCorrupt(t *testing.T) {
	ctx, store, id := t.Context(), memstore.New(), command.NewID()
	bus := command.NewBus(store, handlers, nil)
	must(bus.Do(ctx, command.Envelope{ID: id}, FillJar{Jar: "1", Sweets: 5}))(t)
	first := all(t, store)[0].Event
	first.Metadata = []byte(strings.Replace(string(first.Metadata), `"events":1`, `"events":2`, 1))
	torn := memstore.New()
	must(torn.Append(ctx, []daybook.Event{first}, nil))(t)
	_, err := command.NewBus(torn, handlers, nil).Do(ctx, command.Envelope{ID: id}, FillJar{Jar: "1", Sweets: 5})
	if corrupt := as[*daybook.CorruptError](t, err); !strings.Contains(corrupt.Error(), id.String()) {
		t.Errorf("the error is %v", corrupt)
	}
}

func TestRefusalsAndDecisionsWithoutEventsAreNotRemembered(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	bus := command.NewBus(store, handlers, nil)
	eat := command.Envelope{Key: "eat"}
	_, err := bus.Do(ctx, eat, EatSweets{Jar: "1", Sweets: 3})
	if refused := as[*daybook.RefusedError](t, err); !errors.Is(err, errEmpty) || refused.Rule != "jar-empty" || refused.At.Position != 0 {
		t.Errorf("the refusal is %+v", refused)
	}
	must(bus.Do(ctx, command.Envelope{}, FillJar{Jar: "1", Sweets: 5}))(t)
	nothing := must(bus.Do(ctx, command.Envelope{Key: "none"}, EatSweets{Jar: "1"}))(t)
	if nothing.Position != 1 || len(nothing.Versions) != 0 || nothing.Repeated {
		t.Errorf("of nothing the receipt is %+v", nothing)
	}
	// What was refused may be granted later, under the same key and even with other
	// content: nothing of it was kept.
	receipt := must(bus.Do(ctx, eat, EatSweets{Jar: "1", Sweets: 2}))(t)
	if receipt.Versions["jar-1"] != 2 {
		t.Errorf("the receipt is %+v", receipt)
	}
}

func TestACommandThatWasRecordedIsAnsweredWhateverItsClauseSaysNow(t *testing.T) {
	ctx, bus := t.Context(), command.NewBus(memstore.New(), handlers, nil)
	envelope := command.Envelope{Key: "k", If: daybook.New("jar-1")}
	first := must(bus.Do(ctx, envelope, FillJar{Jar: "1", Sweets: 1}))(t)
	again := must(bus.Do(ctx, envelope, FillJar{Jar: "1", Sweets: 1}))(t)
	if !same(first, again) {
		t.Errorf("the receipts are %+v and %+v", first, again)
	}
	envelope.Key = "another"
	_, err := bus.Do(ctx, envelope, FillJar{Jar: "1", Sweets: 1})
	as[*daybook.ConflictError](t, err)
}

// The same command is sent by two at once, and the other is first: between our
// looking it up and our recording it.
func TestWhoeverRunsTheSameCommandSecondGetsTheAnswerOfTheFirst(t *testing.T) {
	for name, test := range map[string]struct {
		c        any
		envelope command.Envelope
	}{
		"with a decision that would record something else": {Grab{Jar: "1"}, command.Envelope{Key: "k"}},
		"with a decision that would repeat it":             {FillJar{Jar: "1", Sweets: 1}, command.Envelope{Key: "k"}},
		"with a clause that no longer holds":               {FillJar{Jar: "1", Sweets: 1}, command.Envelope{Key: "k", If: daybook.At("jar-1", 1)}},
		"with a jar that is empty now":                     {EatSweets{Jar: "1", Sweets: 5}, command.Envelope{Key: "k"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, inner := t.Context(), memstore.New()
			other := command.NewBus(inner, handlers, nil)
			must(other.Do(ctx, command.Envelope{}, FillJar{Jar: "1", Sweets: 5}))(t)
			var first daybook.Receipt
			overtake := func() { first = must(other.Do(ctx, test.envelope, test.c))(t) }

			t.Run("before our append", func(t *testing.T) {
				store := &daybooktest.Unreliable{Store: inner, Before: func(n int) {
					if n == 1 {
						overtake()
					}
				}}
				receipt := must(command.NewBus(store, handlers, nil).Do(ctx, test.envelope, test.c))(t)
				if !same(first, receipt) || !receipt.Repeated {
					t.Errorf("the receipts are %+v and %+v", first, receipt)
				}
			})
			t.Run("before our reading", func(t *testing.T) {
				test.envelope.Key = "another"
				if _, eats := test.c.(EatSweets); eats {
					must(other.Do(ctx, command.Envelope{}, FillJar{Jar: "1", Sweets: 5}))(t)
				}
				test.envelope.If = nil
				store := &beforeRead{Store: inner, n: 2, then: overtake}
				receipt := must(command.NewBus(store, handlers, nil).Do(ctx, test.envelope, test.c))(t)
				if !same(first, receipt) || !receipt.Repeated {
					t.Errorf("the receipts are %+v and %+v", first, receipt)
				}
			})
		})
	}
}

// beforeRead is a store that calls a function before its n-th reading.
type beforeRead struct {
	daybook.Store
	n    int
	then func()
}

func (b *beforeRead) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if b.n--; b.n == 0 {
		b.then()
	}
	return b.Store.Read(ctx, q, span)
}

func TestAReadingThatFailsWhileACommandIsLookedUpIsReturned(t *testing.T) {
	ctx, inner := t.Context(), memstore.New()
	id := command.NewID()
	must(command.NewBus(inner, handlers, nil).Do(ctx, command.Envelope{ID: id}, FillJar{Jar: "1", Sweets: 5}))(t)
	for n := 1; n <= 2; n++ {
		ended, cancel := context.WithCancel(ctx)
		store := &beforeRead{Store: inner, n: n, then: cancel}
		_, err := command.NewBus(store, handlers, nil).Do(ended, command.Envelope{ID: id}, FillJar{Jar: "1", Sweets: 5})
		as[*daybook.UnavailableError](t, err)
	}
}

// Ten thousand commands, each of which decides something else every time it is
// decided, are sent to a store that loses requests and answers, by clients that
// send again what failed, and at least twice, to buses that come and go. What was
// recorded is what is answered, every time.
func TestTenThousandRetriedCommandsAreEachRecordedOnce(t *testing.T) {
	const commands, clients, jars = 10_000, 32, 500
	ctx := t.Context()
	var mu sync.Mutex
	chance := rand.New(rand.NewPCG(3, 11))
	inner := memstore.New()
	store := &daybooktest.Unreliable{Store: inner, Fault: func(int) daybooktest.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch n := chance.IntN(10); n {
		case 0:
			return daybooktest.Unavailable
		case 1:
			return daybooktest.RequestLost
		case 2, 3:
			return daybooktest.AnswerLost
		}
		return daybooktest.NoFault
	}}
	// Some buses ask again when in doubt, some give up at once and leave it to the
	// client.
	newBus := func(n int) *command.Bus {
		return command.NewBus(store, handlers, &command.Options{Decide: []decider.Option{decider.Attempts(1 + n%3)}})
	}

	answers := make([][]daybook.Receipt, commands)
	work := make(chan int)
	var failures int
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for n := range work {
				envelope := command.Envelope{Principal: fmt.Sprint(n % 7), Key: fmt.Sprint(n)}
				for try := 0; ; try++ {
					receipt, err := newBus(n+try).Do(ctx, envelope, Grab{Jar: fmt.Sprint(n % jars)})
					mu.Lock()
					if err != nil {
						failures++
					} else {
						answers[n] = append(answers[n], receipt)
					}
					mu.Unlock()
					if err == nil {
						break
					}
				}
			}
		})
	}
	decisions := grabbed.Load()
	for range 2 {
		for _, n := range chanceOf(13).Perm(commands) {
			work <- n
		}
	}
	close(work)
	wg.Wait()
	decisions = grabbed.Load() - decisions

	recorded := make(map[daybook.Position]daybook.Recorded)
	counts := map[command.ID]int{}
	events := all(t, store)
	for i, e := range events {
		recorded[e.Position] = e
		if record, ok := command.RecordOf(e.Event); ok {
			counts[record.ID]++
			// The events of a command are one decision: they follow each other, and each
			// says the same number.
			for k := range record.Events {
				if other := events[i+k]; other.ID != record.ID.EventID(k) || string(other.Data) != string(e.Data) || other.Stream != e.Stream {
					t.Fatalf("event %d of command %s is %+v", k, record.ID, other)
				}
			}
		}
	}
	for n, receipts := range answers {
		id := command.KeyID(fmt.Sprint(n%7), "Grab", fmt.Sprint(n))
		if counts[id] != 1 {
			t.Fatalf("command %d is recorded %d times", n, counts[id])
		}
		if len(receipts) != 2 {
			t.Fatalf("command %d was answered %d times, want 2", n, len(receipts))
		}
		for _, receipt := range receipts {
			if !same(receipt, receipts[0]) {
				t.Fatalf("command %d was answered %+v and %+v", n, receipts[0], receipt)
			}
			last := recorded[receipt.Position]
			if want := map[string]daybook.Version{last.Stream: last.Version}; last.Stream != Jars.Stream(fmt.Sprint(n%jars)) || !maps.Equal(want, receipt.Versions) {
				t.Fatalf("command %d was answered %+v, and recorded is %+v", n, receipt, last)
			}
		}
		if !receipts[1].Repeated {
			t.Fatalf("command %d was recorded twice: %+v", n, receipts)
		}
	}
	if len(counts) != commands {
		t.Errorf("%d commands are recorded, want %d", len(counts), commands)
	}
	if decisions <= commands {
		t.Errorf("there were %d decisions on %d commands, so that none was decided twice", decisions, commands)
	}
	t.Logf("%d appends, %d decisions and %d failures seen by clients for %d commands", store.Appends(), decisions, failures, commands)
}

func chanceOf(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }
