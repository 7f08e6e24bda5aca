package daybooktest_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

// said is a test that remembers what it would have failed with.
type said struct {
	testing.TB
	failures []string
}

func (s *said) Helper() {}

func (s *said) Errorf(format string, args ...any) {
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

func (s *said) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

// failures returns what a test says.
func failures(t *testing.T, test func(t testing.TB)) []string {
	s, done := &said{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		test(s)
	}()
	<-done
	return s.failures
}

func light(watts int) decider.Plan { return Lamps.At("1", Light(watts)) }

func decideFor(facts ...any) decider.Decision[Lamp] {
	return func(Lamp) ([]any, error) { return facts, nil }
}

func TestScenariosThatHoldSayNothing(t *testing.T) {
	then := time.Date(1879, 10, 22, 0, 0, 0, 0, time.UTC)
	daybooktest.Given(t, Lamps).When(Light(60)).Then(Lit{60})
	daybooktest.Given(t, Lamps).When(Light(120)).Then(Lit{120}, Blown{})
	daybooktest.Given(t, Lamps, Lit{60}).When(Light(60)).ThenNothing()
	daybooktest.Given(t, Lamps, Lit{60}, Blown{}).When(Light(60)).ThenRefused(ErrBroken)
	daybooktest.Given(t, Lamps).When(decideFor(Light)).ThenInvalid()
	if lamp := daybooktest.Given(t, Lamps, Lit{60}, Blown{}).State(); lamp != (Lamp{Broken: true}) {
		t.Errorf("the lamp is %+v", lamp)
	}
	edison := decider.Entry{Fact: Lit{16}, Stream: "lamp-0", HappenedAt: then, Tags: []string{"carbon", "first"}}
	daybooktest.Given(t, Lamps).When(decideFor(edison)).
		Then(decider.Entry{Fact: Lit{16}, Stream: "lamp-0", HappenedAt: then, Tags: []string{"first"}})
	daybooktest.Given(t, Lamps).When(decideFor(edison)).Then(decider.Entry{Fact: Lit{16}})
	daybooktest.Given(t, Lamps).When(decideFor(edison)).Then(Lit{16})
	daybooktest.GivenLog(t, Lamps.Codec(), daybooktest.In("lamp-1", Lit{60}, Blown{})...).When(light(60)).ThenRefused(ErrBroken)
	daybooktest.GivenLog(t, Lamps.Codec(), daybooktest.In("lamp-1", decider.Entry{Fact: Blown{}, Stream: "lamp-2"})...).When(light(60)).Then(Lit{60})
}

func TestFailuresSayWhatIsDifferent(t *testing.T) {
	then := time.Date(1879, 10, 22, 0, 0, 0, 0, time.UTC)
	given := func(t testing.TB, facts ...any) *daybooktest.Scenario[Lamp] {
		return daybooktest.Given(t, Lamps, facts...)
	}
	for name, test := range map[string]struct {
		test func(t testing.TB)
		says []string
	}{
		"another fact": {
			func(t testing.TB) { given(t).When(Light(60)).Then(Lit{40}) },
			[]string{"-expected +recorded", "Watts", "- \t", "40", "60"},
		},
		"a fact more": {
			func(t testing.TB) { given(t).When(Light(120)).Then(Lit{120}) },
			[]string{"+ \t", "Blown"},
		},
		"a fact less": {
			func(t testing.TB) { given(t).When(Light(60)).Then(Lit{60}, Blown{}) },
			[]string{"- \t", "Blown"},
		},
		"a fact for nothing": {
			func(t testing.TB) { given(t).When(Light(60)).ThenNothing() },
			[]string{"Lit"},
		},
		"nothing for a fact": {
			func(t testing.TB) { given(t, Lit{60}).When(Light(60)).Then(Lit{60}) },
			[]string{"- ", "Lit"},
		},
		"another time": {
			func(t testing.TB) { given(t).When(Light(60)).Then(decider.Entry{Fact: Lit{60}, HappenedAt: then}) },
			[]string{"HappenedAt", "1879"},
		},
		"another stream": {
			func(t testing.TB) { given(t).When(Light(60)).Then(decider.Entry{Fact: Lit{60}, Stream: "lamp-2"}) },
			[]string{"lamp-2", "lamp-1"},
		},
		"a tag that is not there": {
			func(t testing.TB) {
				given(t).When(Light(60)).Then(decider.Entry{Fact: Lit{60}, Tags: []string{"bright"}})
			},
			[]string{"bright"},
		},
		"a refusal for facts": {
			func(t testing.TB) { given(t, Blown{}).When(Light(60)).Then(Lit{60}) },
			[]string{"expected facts to be recorded", "a broken lamp is not lit"},
		},
		"a refusal for nothing": {
			func(t testing.TB) { given(t, Blown{}).When(Light(60)).ThenNothing() },
			[]string{"a broken lamp is not lit"},
		},
		"facts for a refusal": {
			func(t testing.TB) { given(t).When(Light(120)).ThenRefused(ErrBroken) },
			[]string{"a broken lamp is not lit", "2 events were recorded"},
		},
		"another refusal": {
			func(t testing.TB) { given(t, Blown{}).When(Light(60)).ThenRefused(errors.New("too dark")) },
			[]string{"too dark", "for another reason: a broken lamp is not lit"},
		},
		"a failure for a refusal": {
			func(t testing.TB) { given(t).When(decideFor(3)).ThenRefused(ErrBroken) },
			[]string{"it failed", "fact int"},
		},
		"facts for what is invalid": {
			func(t testing.TB) { given(t).When(Light(60)).ThenInvalid() },
			[]string{"expected it to be invalid", "<nil>"},
		},
		"a past that cannot be": {
			func(t testing.TB) { given(t, 3) },
			[]string{"given", "fact int"},
		},
		"a log that cannot be": {
			func(t testing.TB) { daybooktest.GivenLog(t, Lamps.Codec(), Lit{1}, 3) },
			[]string{"given", "fact 2", "fact int"},
		},
		"a view of what cannot be": {
			func(t testing.TB) { daybooktest.Project(t, newBright(), Lamps.Codec(), "light") },
			[]string{"project", "fact string"},
		},
	} {
		got := failures(t, test.test)
		if len(got) != 1 {
			t.Errorf("%s: it says %q, want one failure", name, got)
			continue
		}
		plain := strings.ReplaceAll(got[0], "\u00a0", " ")
		for _, want := range test.says {
			if !strings.Contains(plain, want) {
				t.Errorf("%s: it does not say %q but\n%s", name, want, plain)
			}
		}
	}
}

func TestSnapshotsFindsStatesThatCannotBeCached(t *testing.T) {
	type hidden struct{ lit int }
	secret := decider.For("lamp", decider.On("LampLit", func(h *hidden, e Lit) { h.lit += e.Watts }))
	got := failures(t, func(t testing.TB) { daybooktest.Snapshots(t, secret, Lit{1}, Lit{2}) })
	if len(got) != 1 || !strings.Contains(got[0], "after 1 facts the state does not come back from JSON") {
		t.Errorf("it says %q", got)
	}
	daybooktest.Snapshots(t, Lamps)

	// A fold that is no function of state and fact.
	calls := 0
	fickle := decider.For("lamp", decider.On("LampLit", func(l *Lamp, _ Lit) { calls++; l.On = calls%2 == 0 }))
	got = failures(t, func(t testing.TB) { daybooktest.Snapshots(t, fickle, Lit{1}, Lit{2}, Lit{3}) })
	if len(got) != 1 || !strings.Contains(got[0], "leads elsewhere") {
		t.Errorf("it says %q", got)
	}
	got = failures(t, func(t testing.TB) { daybooktest.Snapshots(t, Lamps, 3) })
	if len(got) != 1 || !strings.Contains(got[0], "fact int") {
		t.Errorf("it says %q", got)
	}
}

func TestProjectBringsAViewUpToDate(t *testing.T) {
	store, bright := memstore.New(), newBright()
	shows := func(want int) {
		t.Helper()
		bright.Read(func(watts int, _ projection.Checkpoint) {
			if watts != want {
				t.Errorf("%d watts are lit, want %d", watts, want)
			}
		})
	}
	daybooktest.ProjectFrom(t, store, bright, Lamps.Codec(), daybooktest.In("lamp-1", Lit{60}, Blown{}, Lit{40})...)
	shows(100)
	daybooktest.ProjectFrom(t, store, bright, Lamps.Codec(), Lit{20})
	shows(120)
	daybooktest.ProjectFrom(t, store, bright, Lamps.Codec())
	shows(120)
	bright = newBright()
	daybooktest.Project(t, bright, Lamps.Codec(), decider.Entry{Fact: Lit{7}, Stream: "lamp-1"})
	shows(7)
}

func TestAViewOfAnotherCodecIsNoMatter(t *testing.T) {
	codec := daybook.Join(Lamps.Codec(), daybook.NewCodec(daybook.KindOf[string]("Shout", nil)))
	shouts := memview.New("shouts", 1, codec, func() []string { return nil },
		memview.On(func(all *[]string, e string, _ daybook.Recorded) { *all = append(*all, e) }),
	)
	daybooktest.Project(t, shouts, codec, "Light!", Lit{60}, "More light!")
	shouts.Read(func(all []string, at projection.Checkpoint) {
		if len(all) != 2 || at.Position != 3 {
			t.Errorf("at position %d the shouts are %q", at.Position, all)
		}
	})
}

func TestAnUnreliableStoreFailsAsItIsTold(t *testing.T) {
	inner, n := memstore.New(), 0
	var order []string
	store := &daybooktest.Unreliable{
		Store:  inner,
		Fault:  func(n int) daybooktest.Fault { return daybooktest.Fault(n - 1) },
		Before: func(n int) { order = append(order, fmt.Sprint("before ", n)) },
		After:  func(n int) { order = append(order, fmt.Sprint("after ", n)) },
	}
	put := func() error {
		n++
		_, err := store.Append(t.Context(), []daybook.Event{{Type: fmt.Sprint("N", n)}}, nil)
		return err
	}
	if err := put(); err != nil {
		t.Errorf("without a fault: %v", err)
	}
	if unavailable := (*daybook.UnavailableError)(nil); !errors.As(put(), &unavailable) {
		t.Error("an append that was to be unavailable was not")
	}
	for range 2 {
		if unknown := (*daybook.UnknownError)(nil); !errors.As(put(), &unknown) || !errors.Is(unknown, daybooktest.ErrFault) || len(unknown.IDs) != 1 {
			t.Error("an append whose answer was to be lost was answered")
		}
	}
	var recorded []string
	reading, err := inner.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		recorded = append(recorded, e.Type)
	}
	if got := strings.Join(recorded, " "); got != "N1 N4" {
		t.Errorf("recorded were %s, want N1 N4", got)
	}
	if got, want := strings.Join(order, ", "), "before 1, after 1, before 2, before 3, before 4, after 4"; got != want {
		t.Errorf("the hooks ran %s, want %s", got, want)
	}
	if store.Appends() != 4 {
		t.Errorf("there were %d appends, want 4", store.Appends())
	}
}
