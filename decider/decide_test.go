package decider_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestADecisionIsRecordedInTheStreamItIsAbout(t *testing.T) {
	ctx, store := daybook.WithTrace(t.Context(), daybook.Trace{Correlation: "c", Actor: "ada"}), memstore.New()
	receipt := must(Boxes.Decide(ctx, store, "1", put(7)))(t)
	if receipt.Versions["box-1"] != 1 || receipt.Position != 1 || receipt.Repeated || receipt.Durability != daybook.Memory {
		t.Errorf("the receipt is %+v", receipt)
	}
	e := all(t, store)[0]
	if e.Stream != "box-1" || e.Type != "ThingPut" || string(e.Data) != `{"Thing":7}` || !slices.Equal(e.Tags, []string{"put"}) {
		t.Errorf("recorded was %+v", e)
	}
	if e.Trace() != (daybook.Trace{Correlation: "c", Actor: "ada"}) {
		t.Errorf("the event's trace is %+v", e.Trace())
	}
}

func TestAnEntrySaysWhereAndWhen(t *testing.T) {
	store, when := memstore.New(), time.Date(2017, 11, 24, 23, 59, 0, 0, time.UTC)
	must(Boxes.Decide(t.Context(), store, "1", func(Box) ([]any, error) {
		return []any{
			decider.Entry{Fact: Put{1}, HappenedAt: when, Tags: []string{"put", "old"}},
			decider.Entry{Fact: Note{"elsewhere"}, Stream: "diary"},
		}, nil
	}))(t)
	events := all(t, store)
	if e := events[0]; e.Stream != "box-1" || !e.HappenedAt.Equal(when) || !slices.Equal(e.Tags, []string{"put", "old"}) {
		t.Errorf("the first event is %+v", e)
	}
	if e := events[1]; e.Stream != "diary" || e.Version != 1 || !e.HappenedAt.IsZero() {
		t.Errorf("the second event is %+v", e)
	}
}

func TestARefusalComesBackUnchangedWithItsRuleAndPoint(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	for thing := range 3 {
		must(Boxes.Decide(ctx, store, "1", put(thing)))(t)
	}
	_, err := Boxes.Decide(ctx, store, "1", put(3))
	if !errors.Is(err, errFull) {
		t.Fatalf("the error is %v, want %v", err, errFull)
	}
	refused := as[*daybook.RefusedError](t, err)
	if refused.Rule != "box-full" || refused.At.Position != 3 || refused.Err != error(errFull) {
		t.Errorf("the refusal is %+v", refused)
	}
	if n := len(all(t, store)); n != 3 {
		t.Errorf("there are %d events, want 3", n)
	}
}

func TestNothingToAddIsAnsweredWithThePointItWasDecidedAt(t *testing.T) {
	ctx, store := t.Context(), &daybooktest.Unreliable{Store: memstore.New()}
	must(Boxes.Decide(ctx, store, "1", put(1)))(t)
	must(Boxes.Decide(ctx, store, "2", put(1)))(t)
	receipt := must(Boxes.Decide(ctx, store, "1", put(1)))(t)
	if receipt.Position != 2 || len(receipt.Versions) != 0 || !receipt.RecordedAt.IsZero() {
		t.Errorf("the receipt is %+v", receipt)
	}
	if store.Appends() != 2 {
		t.Errorf("there were %d appends, want 2", store.Appends())
	}
}

func TestOnAConflictItIsDecidedAgainOnTheNewState(t *testing.T) {
	ctx, inner := t.Context(), memstore.New()
	store := &daybooktest.Unreliable{Store: inner}
	store.Before = func(n int) {
		if n <= 3 {
			must(Boxes.Decide(ctx, inner, "1", put(n)))(t)
		}
	}
	var seen []int
	_, err := Boxes.Decide(ctx, store, "1", func(b Box) ([]any, error) {
		seen = append(seen, len(b.Things))
		return put(9)(b)
	})
	if !errors.Is(err, errFull) {
		t.Errorf("the error is %v, want %v", err, errFull)
	}
	if !slices.Equal(seen, []int{0, 1, 2, 3}) {
		t.Errorf("it was decided on boxes of %v things, want 0 1 2 3", seen)
	}
}

// lagging is a replica: what others append to the log is seen only by those who
// wait for it.
type lagging struct {
	daybook.Store
	seen daybook.Position
}

func (l *lagging) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := l.Store.Read(ctx, q, daybook.Span{After: span.After, Before: l.seen + 1})
	return daybook.NewReading(q, span, reading.Snapshot(), reading.Events()), err
}

func (l *lagging) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (seen daybook.Position, err error) {
	l.seen, err = l.Store.Wait(ctx, q, after)
	return l.seen, err
}

func TestAfterAConflictItWaitsUntilWhatItIsAboutCanBeRead(t *testing.T) {
	ctx, inner := t.Context(), memstore.New()
	store := &lagging{Store: inner}
	must(Boxes.Decide(ctx, inner, "1", put(1)))(t)
	receipt := must(Boxes.Decide(ctx, store, "1", put(2), decider.Attempts(2)))(t)
	if receipt.Versions["box-1"] != 2 {
		t.Errorf("the receipt is %+v", receipt)
	}
}

func TestItGivesUpAfterAsManyAttemptsAsItMayMake(t *testing.T) {
	for _, test := range []struct {
		options []decider.Option
		want    int
	}{
		{nil, decider.DefaultAttempts},
		{[]decider.Option{decider.Attempts(3)}, 3},
		{[]decider.Option{decider.Attempts(0)}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, inner := t.Context(), memstore.New()
			store := &daybooktest.Unreliable{Store: inner}
			store.Before = func(n int) {
				must(Boxes.Decide(ctx, inner, "1", func(Box) ([]any, error) { return []any{Note{}}, nil }))(t)
			}
			start := time.Now()
			_, err := Boxes.Decide(ctx, store, "1", put(1), test.options...)
			conflict := as[*daybook.ConflictError](t, err)
			if int(conflict.Position()) != test.want || store.Appends() != test.want {
				t.Errorf("after %d attempts the conflict is %v, want %d attempts", store.Appends(), conflict, test.want)
			}
			if !strings.Contains(err.Error(), "box-1") {
				t.Errorf("the error does not say what it is about: %v", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it paused for %s", took)
			}
		})
	}
}

func TestAContextThatEndsWhileItPausesIsUnavailableAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memstore.New()
		ctx, cancel := context.WithCancel(t.Context())
		store := &daybooktest.Unreliable{Store: waited{inner, cancel}}
		store.Before = func(int) { must(Boxes.Decide(t.Context(), inner, "1", put(2)))(t) }

		start := time.Now()
		_, err := Boxes.Decide(ctx, store, "1", put(1))
		as[*daybook.UnavailableError](t, err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the error does not wrap the context's: %v", err)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("it went on for %s", took)
		}
	})
}

// waited is a store that calls a function once somebody has waited.
type waited struct {
	daybook.Store
	then func()
}

func (w waited) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	defer w.then()
	return w.Store.Wait(ctx, q, after)
}

func TestAClauseOfTheCallersIsFinal(t *testing.T) {
	ctx, store := t.Context(), &daybooktest.Unreliable{Store: memstore.New()}
	must(Boxes.Decide(ctx, store, "1", put(1)))(t)
	must(Boxes.Decide(ctx, store, "1", put(2)))(t)
	shown := daybook.At("box-1", 1)

	t.Run("its conflict is returned and not retried", func(t *testing.T) {
		before := store.Appends()
		_, err := decider.Decide(ctx, store, Boxes.At("1", put(3)).If(shown))
		conflict := as[*daybook.ConflictError](t, err)
		if len(conflict.Failures) != 1 || conflict.Failures[0].Clause.Kind != daybook.StreamAt || conflict.Position() != 2 {
			t.Errorf("the conflict is %v", conflict)
		}
		if n := store.Appends() - before; n != 1 {
			t.Errorf("there were %d appends, want 1", n)
		}
	})
	t.Run("it is checked when nothing is decided", func(t *testing.T) {
		_, err := decider.Decide(ctx, store, Boxes.At("1", put(1)).If(shown))
		as[*daybook.ConflictError](t, err)
		receipt := must(decider.Decide(ctx, store, Boxes.At("1", put(1)).If(daybook.At("box-1", 2))))(t)
		if receipt.Position != 2 || len(receipt.Versions) != 0 {
			t.Errorf("the receipt is %+v", receipt)
		}
	})
	t.Run("it holds and the facts are recorded", func(t *testing.T) {
		receipt := must(decider.Decide(ctx, store, Boxes.At("1", put(3)).If(daybook.At("box-1", 2)).If(daybook.New("box-2"))))(t)
		if receipt.Versions["box-1"] != 3 {
			t.Errorf("the receipt is %+v", receipt)
		}
	})
	t.Run("a refusal is the answer before it", func(t *testing.T) {
		if _, err := decider.Decide(ctx, store, Boxes.At("1", put(4)).If(shown)); !errors.Is(err, errFull) {
			t.Errorf("the error is %v, want %v", err, errFull)
		}
	})
	t.Run("a plan is not changed by it", func(t *testing.T) {
		plan := Boxes.At("1", put(1))
		plan.If(shown)
		must(decider.Decide(ctx, store, plan))(t)
	})
}

// Whoever is overtaken decides again although the caller has a clause, too, as long
// as that clause holds.
func TestAReadingThatIsOvertakenIsRetriedBesideAClauseThatHolds(t *testing.T) {
	ctx, inner := t.Context(), memstore.New()
	store := &daybooktest.Unreliable{Store: inner}
	store.Before = func(n int) {
		if n == 1 {
			must(Boxes.Decide(ctx, inner, "1", put(1)))(t)
		}
	}
	receipt := must(decider.Decide(ctx, store, Boxes.At("1", put(2)).If(daybook.New("box-2"))))(t)
	if receipt.Versions["box-1"] != 2 {
		t.Errorf("the receipt is %+v", receipt)
	}
}

// A clause of the caller's may be about the very point at which the decision reads,
// and cannot then be told from the decision's own. It is final all the same.
func TestAClauseOverAQueryIsFinalWhereverItWasRead(t *testing.T) {
	ctx, inner := t.Context(), memstore.New()
	store := &daybooktest.Unreliable{Store: inner}
	must(Boxes.Decide(ctx, inner, "1", put(1)))(t)
	reading := must(inner.Read(ctx, daybook.Stream("box-2"), daybook.Span{}))(t)
	store.Before = func(n int) {
		if n == 1 {
			must(Boxes.Decide(ctx, inner, "2", put(1)))(t)
		}
	}
	_, err := decider.Decide(ctx, store, Boxes.At("1", put(2)).If(reading.Condition()))
	if conflict := as[*daybook.ConflictError](t, err); conflict.Position() != 2 || store.Appends() > 2 {
		t.Errorf("after %d appends the conflict is %v", store.Appends(), conflict)
	}
}

func TestAfterDoubtTheSameEventsAreAppendedAgain(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []daybooktest.Fault
		repeat bool
	}{
		{"the request was lost", []daybooktest.Fault{daybooktest.RequestLost}, false},
		{"the answer was lost", []daybooktest.Fault{daybooktest.AnswerLost}, true},
		{"both, several times", []daybooktest.Fault{daybooktest.RequestLost, daybooktest.AnswerLost, daybooktest.AnswerLost, daybooktest.RequestLost}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := &daybooktest.Unreliable{Store: memstore.New(), Fault: inTurn(test.faults...)}
			decisions := 0
			receipt := must(Boxes.Decide(t.Context(), store, "1", func(Box) ([]any, error) {
				decisions++
				return []any{Put{decisions}, Note{"again"}}, nil
			}))(t)
			if receipt.Versions["box-1"] != 2 || receipt.Position != 2 || receipt.Repeated != test.repeat {
				t.Errorf("the receipt is %+v", receipt)
			}
			if decisions != 1 || len(all(t, store)) != 2 {
				t.Errorf("%d decisions recorded %d events, want 1 and 2", decisions, len(all(t, store)))
			}
		})
	}
}

func TestDoubtEndsWithAConflictAndThenItIsDecidedAgain(t *testing.T) {
	ctx, inner := t.Context(), memstore.New()
	store := &daybooktest.Unreliable{Store: inner, Fault: inTurn(daybooktest.RequestLost)}
	store.Before = func(n int) {
		if n == 2 {
			must(Boxes.Decide(ctx, inner, "1", put(1)))(t)
		}
	}
	decisions := 0
	receipt := must(Boxes.Decide(ctx, store, "1", func(b Box) ([]any, error) {
		decisions++
		return put(2)(b)
	}))(t)
	if decisions != 2 || receipt.Versions["box-1"] != 2 || receipt.Repeated {
		t.Errorf("after %d decisions the receipt is %+v", decisions, receipt)
	}
}

func TestDoubtThatCannotBeResolvedIsUnknown(t *testing.T) {
	unknownOf := func(t *testing.T, store daybook.Store, ctx context.Context, options ...decider.Option) *daybook.UnknownError {
		t.Helper()
		_, err := Boxes.Decide(ctx, store, "1", put(1), options...)
		unknown := as[*daybook.UnknownError](t, err)
		if len(unknown.IDs) != 1 || unknown.IDs[0] == uuid.Nil {
			t.Errorf("the ids are %v", unknown.IDs)
		}
		return unknown
	}
	t.Run("the store is not to be reached any more", func(t *testing.T) {
		store := &daybooktest.Unreliable{Store: memstore.New(), Fault: inTurn(daybooktest.AnswerLost, daybooktest.Unavailable)}
		unknown := unknownOf(t, store, t.Context())
		if recorded := all(t, store); len(recorded) != 1 || recorded[0].ID != unknown.IDs[0] {
			t.Errorf("recorded is %v, and unknown %v", recorded, unknown.IDs)
		}
	})
	t.Run("every answer is lost", func(t *testing.T) {
		store := &daybooktest.Unreliable{Store: memstore.New(), Fault: func(int) daybooktest.Fault { return daybooktest.AnswerLost }}
		unknownOf(t, store, t.Context(), decider.Attempts(3))
		if store.Appends() != 3 || len(all(t, store)) != 1 {
			t.Errorf("%d appends recorded %d events, want 3 and 1", store.Appends(), len(all(t, store)))
		}
	})
	t.Run("the context ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store := &daybooktest.Unreliable{Store: memstore.New(), After: func(int) { cancel() }}
		if unknown := unknownOf(t, store, ctx); !errors.Is(unknown, context.Canceled) {
			t.Errorf("the error does not wrap the context's: %v", unknown)
		}
	})
	t.Run("what recalls cannot find out", func(t *testing.T) {
		store := &daybooktest.Unreliable{Store: memstore.New(), Fault: inTurn(daybooktest.AnswerLost)}
		asked := 0
		unknownOf(t, store, t.Context(), decider.Recall(func(context.Context) (daybook.Receipt, bool, error) {
			if asked++; asked == 1 {
				return daybook.Receipt{}, false, nil
			}
			return daybook.Receipt{}, false, &daybook.UnavailableError{Doing: "recall", Err: errors.New("away")}
		}))
	})
}

func TestUnavailableIsReturnedAtOnce(t *testing.T) {
	store := &daybooktest.Unreliable{Store: memstore.New(), Fault: inTurn(daybooktest.Unavailable)}
	_, err := Boxes.Decide(t.Context(), store, "1", put(1))
	as[*daybook.UnavailableError](t, err)
	if store.Appends() != 1 {
		t.Errorf("there were %d appends, want 1", store.Appends())
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	store := memstore.New()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Boxes.Decide(t.Context(), store, "1", put(1)); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("deciding answers %v", err)
	}
	if _, err := Boxes.Load(t.Context(), store, "1", daybook.Span{}); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("loading answers %v", err)
	}
}

func TestWhatIsRecalledIsTheAnswer(t *testing.T) {
	known := daybook.Receipt{Point: daybook.Point{Position: 99}, Repeated: true}
	after := func(asked int) decider.Option {
		n := 0
		return decider.Recall(func(context.Context) (daybook.Receipt, bool, error) {
			n++
			return known, n > asked, nil
		})
	}
	never := func(Box) ([]any, error) { t.Error("it was decided"); return nil, nil }
	refuse := func(Box) ([]any, error) { return nil, errFull }

	for _, test := range []struct {
		name   string
		decide decider.Decision[Box]
		asked  int
		fault  daybooktest.Fault
	}{
		{"before it is decided", never, 0, daybooktest.NoFault},
		{"rather than a refusal", refuse, 1, daybooktest.NoFault},
		{"rather than that there is nothing to add", func(Box) ([]any, error) { return nil, nil }, 1, daybooktest.NoFault},
		{"rather than doubt", put(1), 1, daybooktest.RequestLost},
		{"rather than a failure", put(1), 1, daybooktest.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := &daybooktest.Unreliable{Store: memstore.New(), Fault: inTurn(test.fault)}
			receipt := must(Boxes.Decide(t.Context(), store, "1", test.decide, after(test.asked)))(t)
			if receipt.Position != 99 || !receipt.Repeated {
				t.Errorf("the receipt is %+v", receipt)
			}
		})
	}
	t.Run("with its error", func(t *testing.T) {
		mine := errors.New("reused")
		_, err := Boxes.Decide(t.Context(), memstore.New(), "1", never, decider.Recall(func(context.Context) (daybook.Receipt, bool, error) {
			return daybook.Receipt{}, true, mine
		}))
		if err != mine {
			t.Errorf("the error is %v, want %v", err, mine)
		}
	})
	t.Run("and it is an error that it cannot be", func(t *testing.T) {
		away := errors.New("away")
		_, err := Boxes.Decide(t.Context(), memstore.New(), "1", never, decider.Recall(func(context.Context) (daybook.Receipt, bool, error) {
			return daybook.Receipt{}, false, away
		}))
		if err != away {
			t.Errorf("the error is %v, want %v", err, away)
		}
	})
}

func TestStampedEventsAreRepeatedAndReused(t *testing.T) {
	ctx, store, id := t.Context(), memstore.New(), uuid.Must(uuid.NewV7())
	stamp := decider.Stamp(func(events []daybook.Event) error {
		for i := range events {
			events[i].ID = daybook.EventID(id, i)
		}
		return nil
	})
	note := func(Box) ([]any, error) { return []any{Note{"one"}}, nil }
	first := must(Boxes.Decide(ctx, store, "1", note, stamp))(t)
	again := must(Boxes.Decide(ctx, store, "1", note, stamp))(t)
	if again.Position != first.Position || !again.Repeated {
		t.Errorf("the receipts are %+v and %+v", first, again)
	}
	_, err := Boxes.Decide(ctx, store, "2", note, stamp)
	if reused := as[*daybook.ReusedError](t, err); reused.Position != first.Position {
		t.Errorf("reused is %v", reused)
	}
	mine := errors.New("no ink")
	if _, err := Boxes.Decide(ctx, store, "2", note, decider.Stamp(func([]daybook.Event) error { return mine })); err != mine {
		t.Errorf("the error is %v, want %v", err, mine)
	}
}

func TestAFactThatNoFoldKnowsIsRefusedAtAppend(t *testing.T) {
	store := memstore.New()
	for name, fact := range map[string]any{
		"of no kind":  Borrowed{"1984", "ada"},
		"a pointer":   &Put{1},
		"nothing":     nil,
		"empty entry": decider.Entry{},
	} {
		_, err := Boxes.Decide(t.Context(), store, "1", func(Box) ([]any, error) { return []any{Put{1}, fact}, nil })
		if invalid := as[*daybook.InvalidError](t, err); !strings.Contains(invalid.Error(), fmt.Sprintf("%T", fact)) && name != "empty entry" {
			t.Errorf("%s: the error does not name the fact: %v", name, invalid)
		}
	}
	_, err := Boxes.Decide(t.Context(), store, "1", func(Box) ([]any, error) { return []any{&Put{1}}, nil })
	if !strings.Contains(fmt.Sprint(err), "plain values, not pointers") {
		t.Errorf("a pointer to what has a fold: %v", err)
	}
	// Its codec knows the kind, but none of its folds does.
	q, start := about("1984", "ada")
	_, err = decider.Decide(t.Context(), store, Lendings.Within(q, start, func(Lending) ([]any, error) { return []any{Note{"?"}}, nil }))
	as[*daybook.InvalidError](t, err)
	if n := len(all(t, store)); n != 0 {
		t.Errorf("%d events were recorded", n)
	}
}

func TestAPlanThatIsNoneIsInvalid(t *testing.T) {
	store := memstore.New()
	_, err := decider.Decide(t.Context(), store, decider.Plan{})
	as[*daybook.InvalidError](t, err)
	_, err = Boxes.Decide(t.Context(), store, "", put(1))
	as[*daybook.InvalidError](t, err)
	if about := Boxes.At("1", put(1)).About(); about != "box-1" {
		t.Errorf("the plan is about %q", about)
	}
}

// Sixty-four deciders collide on one box, and each of their decisions is recorded
// once: as many puts as were acknowledged, and never more things than fit.
func TestAStormOfConflictsKeepsEveryInvariant(t *testing.T) {
	const clients, rounds = 64, 8
	ctx, store := t.Context(), memstore.New()
	var wg sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[daybook.Version]int{}
	for client := range clients {
		wg.Go(func() {
			for round := range rounds {
				thing := client*rounds + round
				receipt, err := Boxes.Decide(ctx, store, "1", func(b Box) ([]any, error) {
					if len(b.Things) == 3 {
						for other := range b.Things {
							return []any{Took{other}, Put{thing}}, nil
						}
					}
					return []any{Put{thing}}, nil
				}, decider.Attempts(1000))
				if err != nil {
					t.Errorf("client %d: %v", client, err)
					return
				}
				mu.Lock()
				acknowledged[receipt.Versions["box-1"]]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	loaded := must(Boxes.Load(ctx, store, "1", daybook.Span{}))(t)
	if loaded.State.Puts != clients*rounds || len(loaded.State.Things) != 3 {
		t.Errorf("the box saw %d puts and has %d things, want %d and 3", loaded.State.Puts, len(loaded.State.Things), clients*rounds)
	}
	if len(acknowledged) != clients*rounds {
		t.Errorf("%d versions were acknowledged, want %d", len(acknowledged), clients*rounds)
	}
	if want := daybook.Version(2*clients*rounds - 3); loaded.Version != want {
		t.Errorf("the box is at version %d, want %d", loaded.Version, want)
	}
}

// inTurn returns the faults one after the other, and then no more.
func inTurn(faults ...daybooktest.Fault) func(int) daybooktest.Fault {
	return func(n int) daybooktest.Fault {
		if n > len(faults) {
			return daybooktest.NoFault
		}
		return faults[n-1]
	}
}
