package storetest

import (
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
)

// What a store answers while what it stands on fails.
var faultPromises = []promise{
	{sentence: "while its disk fails a store acknowledges nothing", check: checkNothingAcknowledged, needs: faults},
	{sentence: "what is not acknowledged is not read", check: checkUnacknowledgedIsUnread, needs: faults},
	{sentence: "a conflict under a failing disk names only events that exist", check: checkConflictsUnderFaults, needs: faults},
	{sentence: "an append that was unavailable is not there later, and one that was unknown is there whole or not at all", check: checkAfterFaults, needs: faultsReopened},
	{sentence: "what many clients were answered while the disk began to fail is explained by what is there later", check: checkHistoryUnderFaults, needs: faultsReopened},
}

// What an append answers whose answer is lost, and what comes of it.
var lostAnswerPromises = []promise{
	{sentence: "an append whose answer was lost is unknown and names the ids of its events", check: checkLostAnswer, needs: lostAnswers},
	{sentence: "appending again after an answer was lost tells, and records nothing twice", check: checkAgainAfterLostAnswer, needs: lostAnswers},
}

// faulty opens a store with a switch for failures, which is off in the end.
func (t *trial) faulty() (fail func(on bool)) {
	t.Helper()
	if closes := t.subject.closes(t.store); closes != nil {
		t.close()
	}
	store, fail := t.subject.OpenFaulty(t.TB)
	t.use(store)
	t.Cleanup(func() { fail(false) })
	return fail
}

// failing appends events while the disk fails and returns the error, which must say
// that they are not recorded or may be.
func (t *trial) failing(events ...daybook.Event) error {
	t.Helper()
	receipt, err := t.store.Append(t.ctx, events, nil)
	var unknown *daybook.UnknownError
	switch {
	case kind(err) == "unavailable":
	case errors.As(err, &unknown):
		if len(unknown.IDs) != len(events) || unknown.IDs[0] != events[0].ID {
			t.Errorf("unknown names the ids %v, want those of %s", unknown.IDs, list(events))
		}
	default:
		t.Errorf("append of %s while the disk fails answers %s", list(events), answer(receipt, err))
	}
	return err
}

func checkNothingAcknowledged(t *trial) {
	fail := t.faulty()
	t.record(event("order-1", "Placed"))
	fail(true)
	for range 5 {
		t.failing(events(3, "order-1", "Paid")...)
	}
	again := event("order-2", "Placed")
	for range 3 {
		t.failing(again) // nor is it a repeat of what failed
	}
}

func checkUnacknowledgedIsUnread(t *trial) {
	fail := t.faulty()
	t.record(event("order-1", "Placed", "x"))
	before := t.all()
	fail(true)
	for range 3 {
		t.failing(event("order-1", "Paid", "x"), event("order-2", "Placed", "x"))
		t.same("while the disk fails", t.all(), before)
		t.same("while the disk fails", t.read(tagged("x"), daybook.Span{}), before)
		t.same("while the disk fails", t.read(daybook.Stream("order-1"), daybook.Span{}), before)
		if head := t.head().Position; head != 1 {
			t.Errorf("while the disk fails the head is %d, want 1", head)
		}
	}
}

// checkConflictsUnderFaults lets many append to one boundary, so that some are checked
// against others that then fail.
func checkConflictsUnderFaults(t *trial) {
	fail := t.faulty()
	t.record(event("order-1", "Placed", "x"))
	here := t.reading(tagged("x"), daybook.Span{}).Condition()
	fail(true)
	race(16, func(i int) {
		for _, cond := range []daybook.Condition{here, daybook.At("order-1", 1), daybook.New("order-1"), daybook.New("order-2")} {
			for _, events := range [][]daybook.Event{{event("order-1", "Paid", "x")}, {event("order-2", "Placed", "x")}, nil} {
				receipt, err := t.store.Append(t.ctx, events, cond)
				var conflict *daybook.ConflictError
				switch {
				case errors.As(err, &conflict) && (conflict.Position() > 1 || conflict.At.Position > 1):
					t.Errorf("the conflict of %v names position %d at %d, and the log ends at 1", cond, conflict.Position(), conflict.At.Position)
				case err == nil && (len(events) > 0 || receipt.Position != 1):
					t.Errorf("append of %s while the disk fails answers %s", list(events), answer(receipt, err))
				}
			}
		}
	})
}

func checkAfterFaults(t *trial) {
	fail := t.faulty()
	t.record(event("order-1", "Placed", "x"))
	before := t.all()
	fail(true)
	var batches [][]daybook.Event
	var errs []error
	for range 4 {
		batch := events(3, "order-1", "Paid", "x")
		batches, errs = append(batches, batch), append(errs, t.failing(batch...))
	}
	fail(false)
	t.reopen()
	t.same("what was acknowledged", t.all()[:1], before)
	for i, batch := range batches {
		found := t.read(identified(batch[0].ID, batch[1].ID, batch[2].ID), daybook.Span{})
		switch {
		case len(found) == 0:
		case kind(errs[i]) == "unavailable":
			t.Errorf("an append that was unavailable (%v) is recorded", errs[i])
		case len(found) != 3 || found[2].Position != found[0].Position+2:
			t.Errorf("an append that was unknown is there in part: %s", recordedList(found))
		}
		receipt := t.record(batch...)
		if receipt.Repeated != (len(found) > 0) {
			t.Errorf("appended again: %s, and %d of its events were there", answer(receipt, nil), len(found))
		}
	}
	if n := len(t.all()); n != 13 {
		t.Errorf("in the end %d events are recorded, want 13", n)
	}
}

func checkHistoryUnderFaults(t *trial) {
	fail := t.faulty()
	recorder := history.Record(t.store)
	var clients sync.WaitGroup
	for number := range 16 {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(number)))
			if err := wander(t.ctx, recorder.Client(number), rng, 60, []string{"unavailable", "unknown"}); err != nil {
				t.Errorf("client %d: %v", number, err)
			}
		})
	}
	_, err := t.store.Wait(t.ctx, daybook.All(), 100)
	fail(true)
	clients.Wait()
	if err != nil {
		t.Fatalf("wait: %v", err)
	}
	fail(false)
	t.reopen()
	t.judge(recorder.History())
}

func checkLostAnswer(t *trial) {
	t.record(event("order-1", "Placed"))
	batch := []daybook.Event{event("order-1", "Paid"), {Stream: "order-1", Type: "Shipped"}}
	err := t.subject.LoseAnswer(t.TB, t.store, batch, nil)
	var unknown *daybook.UnknownError
	if !errors.As(err, &unknown) {
		t.Fatalf("an append whose answer was lost answers %v, want it to be unknown", err)
	}
	if len(unknown.IDs) != 2 || unknown.IDs[0] != batch[0].ID || unknown.IDs[1] == uuid.Nil {
		t.Errorf("unknown names the ids %v, want those of the append, also the one that the store gave", unknown.IDs)
	}
	if unknown.Err == nil {
		t.Error("unknown does not say why the answer was not seen")
	}
}

func checkAgainAfterLostAnswer(t *trial) {
	t.record(event("order-1", "Placed"))
	batch := []daybook.Event{event("order-1", "Paid"), event("order-2", "Placed")}
	if err := t.subject.LoseAnswer(t.TB, t.store, batch, daybook.At("order-1", 1)); kind(err) != "unknown" {
		t.Fatalf("an append whose answer was lost answers %v, want it to be unknown", err)
	}
	again := t.append(daybook.At("order-1", 1), batch...)
	t.repeats(again, nil, batch...)
	if got := t.all(); len(got) != 3 || got[1].ID != batch[0].ID || got[2].ID != batch[1].ID {
		t.Errorf("in the end the log has %s", recordedList(got))
	}
}
