package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/audit"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/memstore"
)

// open opens the audit log of a store.
func open(t *testing.T, store daybook.Store, o audit.Options) *audit.Log {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := audit.Open(t.Context(), store, &o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entries returns what stands in a store.
func entries(t *testing.T, store daybook.Store) (all []audit.Entry) {
	t.Helper()
	for e, err := range audit.Entries(context.Background(), store, 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func rebuild(n int) access.Entry {
	return access.Entry{Outcome: access.Permitted, Act: "administer", Name: fmt.Sprint("Rebuild", n), Principal: "alan"}
}

func denial(principal, name string) access.Entry {
	return access.Entry{Outcome: access.Denied, Act: "send", Name: name, Principal: principal, Reason: "no rule of the policy allows it"}
}

func TestEntriesAreKeptInOrderWithWhoAndFromWhere(t *testing.T) {
	store := memstore.New()
	l := open(t, store, audit.Options{})
	ctx := daybook.WithTrace(t.Context(), daybook.Trace{Correlation: "c1"})
	if err := l.Record(ctx, rebuild(1)); err != nil {
		t.Fatal(err)
	}
	refused := access.Entry{Outcome: access.Refused, By: "key", Origin: "192.0.2.7:1", Reason: "is revoked"}
	for _, e := range []access.Entry{denial("bob", "RefundOrder"), refused} {
		if err := l.Tell(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	all := entries(t, store)
	if len(all) != 3 || all[0].Name != "Rebuild1" || all[1].Principal != "bob" || all[2].Origin != "192.0.2.7:1" {
		t.Fatalf("there stands %+v", all)
	}
	for i, e := range all {
		if e.Number != uint64(i+1) || e.At.IsZero() || e.Correlation != "c1" {
			t.Errorf("entry %d is %+v", i+1, e)
		}
	}
	mark, err := audit.Verify(t.Context(), store)
	if now, err2 := l.Mark(t.Context()); err != nil || err2 != nil || mark != now || mark.Entries != 3 {
		t.Errorf("the marks are %v and %v; %v, %v", mark, now, err, err2)
	}
	if read, err := audit.ParseMark(mark.String()); err != nil || read != mark {
		t.Errorf("%s is read as %v, %v", mark, read, err)
	}
}

// Goal: whatever is changed in the files, the digest tells. Method: a log of ten entries is
// written by the engine, and then once more by a tool that has the files: the same events, in
// the same places and with valid checksums, but for one change.
func TestAnEditOfTheFilesIsFoundByDigest(t *testing.T) {
	store, err := logstore.Open(filepath.Join(t.TempDir(), "audit"), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, store, audit.Options{})
	for n := range 9 {
		if err := l.Record(t.Context(), rebuild(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	early, err := l.Mark(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Record(t.Context(), rebuild(10)); err != nil {
		t.Fatal(err)
	}
	mark, err := l.Mark(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	written, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	// rewritten returns a store with these events in it.
	rewritten := func(t *testing.T, events []daybook.Recorded) daybook.Store {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "audit")
		edited, err := logstore.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := edited.Restore(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		if err := edited.Close(); err != nil {
			t.Fatal(err)
		}
		if edited, err = logstore.Open(dir, nil); err != nil { // with every checksum as it should be
			t.Fatal(err)
		}
		t.Cleanup(func() { edited.Close() })
		return edited
	}
	clone := func() []daybook.Recorded {
		events := append([]daybook.Recorded(nil), written...)
		for i := range events {
			events[i].Data = bytes.Clone(events[i].Data)
		}
		return events
	}
	if got, err := audit.Verify(t.Context(), rewritten(t, clone()), mark, early); err != nil || got != mark {
		t.Fatalf("unchanged it is %v, %v", got, err)
	}
	broken := func(t *testing.T, entry uint64, err error) {
		t.Helper()
		is := (*audit.BrokenError)(nil)
		if !errors.As(err, &is) || is.Entry != entry {
			t.Errorf("it says %v, want entry %d", err, entry)
		}
	}
	for what, c := range map[string]struct {
		edit  func([]daybook.Recorded) []daybook.Recorded
		entry uint64
	}{
		"another name": {func(e []daybook.Recorded) []daybook.Recorded {
			e[4].Data = bytes.Replace(e[4].Data, []byte("alan"), []byte("adam"), 1)
			return e
		}, 6},
		"another time": {func(e []daybook.Recorded) []daybook.Recorded { e[4].RecordedAt = e[4].RecordedAt.Add(1); return e }, 6},
		"another correlation": {func(e []daybook.Recorded) []daybook.Recorded {
			e[4].Metadata = []byte(`{"correlation_id":"x"}`)
			return e
		}, 6},
		"one less": {func(e []daybook.Recorded) []daybook.Recorded {
			e = append(e[:4:4], e[5:]...)
			return e
		}, 5},
		"two in another order": {func(e []daybook.Recorded) []daybook.Recorded {
			e[4].Data, e[5].Data = e[5].Data, e[4].Data
			return e
		}, 5},
	} {
		t.Run(what, func(t *testing.T) {
			edited := rewritten(t, c.edit(clone()))
			_, err := audit.Verify(t.Context(), edited)
			broken(t, c.entry, err)
			if _, err := audit.Open(t.Context(), edited, nil); err == nil {
				t.Error("it is opened to be written to")
			}
		})
	}
	// Who cuts off the end, changes the last entry, or writes everything anew with a chain
	// that holds, is found by a mark that they could not reach, and only by that.
	forged := memstore.New()
	forger := open(t, forged, audit.Options{})
	for n := range 10 {
		if err := forger.Record(t.Context(), rebuild(n+2)); err != nil {
			t.Fatal(err)
		}
	}
	last := clone()
	last[9].Data = bytes.Replace(last[9].Data, []byte("alan"), []byte("adam"), 1)
	for what, c := range map[string]struct {
		store daybook.Store
		mark  audit.Mark
		entry uint64
	}{
		"the end cut off":        {rewritten(t, clone()[:8]), mark, 9},
		"the last entry changed": {rewritten(t, last), mark, 10},
		"everything anew":        {forged, mark, 10},
		"everything, early mark": {forged, early, 9},
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := audit.Verify(t.Context(), c.store); err != nil {
				t.Fatalf("without a mark it is found: %v", err)
			}
			_, err := audit.Verify(t.Context(), c.store, c.mark)
			broken(t, c.entry, err)
		})
	}
}

func TestWhatIsForgottenInAnAuditLogIsFound(t *testing.T) {
	store := memstore.New()
	l := open(t, store, audit.Options{})
	for n := range 3 {
		if err := l.Record(t.Context(), rebuild(n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Append(t.Context(), []daybook.Event{daybook.Truncated("audit", 3)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(t.Context(), store); !errors.As(err, new(*audit.BrokenError)) {
		t.Errorf("it says %v", err)
	}
}

func TestSeveralProcessesWriteOneChain(t *testing.T) {
	store := memstore.New()
	var all sync.WaitGroup
	for p := range 4 {
		l := open(t, store, audit.Options{})
		all.Go(func() {
			for n := range 25 {
				if err := l.Record(context.Background(), rebuild(100*p+n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if mark, err := audit.Verify(t.Context(), store); err != nil || mark.Entries != 100 {
		t.Errorf("there are %d entries, %v", mark.Entries, err)
	}
}

// vague is a store that answers some appends with "it may be recorded".
type vague struct {
	daybook.Store
	kept, lost int // how many of the next are recorded, and are not
}

func (v *vague) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	unknown := &daybook.UnknownError{Err: errors.New("the line went dead")}
	switch {
	case v.kept > 0:
		v.kept--
		if _, err := v.Store.Append(ctx, events, cond); err != nil {
			return daybook.Receipt{}, err
		}
		return daybook.Receipt{}, unknown
	case v.lost > 0:
		v.lost--
		return daybook.Receipt{}, unknown
	}
	return v.Store.Append(ctx, events, cond)
}

func TestAnEntryWhoseOutcomeIsNotKnownIsWrittenOnce(t *testing.T) {
	store := &vague{Store: memstore.New()}
	l := open(t, store, audit.Options{})
	store.kept, store.lost = 1, 1
	for n := range 3 {
		if err := l.Record(t.Context(), rebuild(n)); err != nil {
			t.Fatal(err)
		}
	}
	if mark, err := audit.Verify(t.Context(), store); err != nil || mark.Entries != 3 {
		t.Errorf("there are %d entries, %v", mark.Entries, err)
	}
	store.lost = 100
	if err := l.Record(t.Context(), rebuild(4)); err == nil {
		t.Error("what is not known to be recorded is said to be")
	}
}

func TestAFloodOfDenialsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		l := open(t, store, audit.Options{Burst: 20, Kinds: 10})
		for range 1000 {
			if err := l.Tell(t.Context(), denial("bob", "RefundOrder")); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 5000 {
			stranger := access.Entry{Outcome: access.Refused, By: "key", Origin: "192.0.2.7:1", Reason: fmt.Sprint("is not known here ", n%3000)}
			if err := l.Tell(t.Context(), stranger); err != nil {
				t.Fatal(err)
			}
		}
		// What is administered is written at once whatever the flood.
		if err := l.Record(t.Context(), rebuild(1)); err != nil {
			t.Fatal(err)
		}
		if n := len(entries(t, store)); n != 1+2+1 { // one of bob's, a tenth of the burst, and the rebuild
			t.Errorf("at once %d entries are written, want 4", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		all := entries(t, store)
		told := uint64(len(all) - 2) // the rebuild is no denial, nor is the summary
		for _, c := range all[len(all)-1].Counted {
			told += c.Times
		}
		if len(all) != 5 || told != 6000 || len(all[4].Counted) > 40 || all[4].Since.IsZero() {
			t.Errorf("there are %d entries, which tell of %d denials, the last one of %d kinds since %v", len(all), told, len(all[4].Counted), all[4].Since)
		}
		// Another minute begins anew, and what is counted when the log closes is written.
		for range 3 {
			if err := l.Tell(t.Context(), denial("bob", "RefundOrder")); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if all := entries(t, store); len(all) != 7 || all[5].Principal != "bob" || all[6].Counted[0].Times != 2 {
			t.Errorf("there are %d entries, at the end %+v", len(all), all[len(all)-1])
		}
		if _, err := audit.Verify(t.Context(), store); err != nil {
			t.Error(err)
		}
	})
}

func TestMarksAreToldToTheProgramsLog(t *testing.T) {
	var told bytes.Buffer
	l := open(t, memstore.New(), audit.Options{Logger: slog.New(slog.NewTextHandler(&told, nil))})
	if err := l.Record(t.Context(), rebuild(1)); err != nil {
		t.Fatal(err)
	}
	mark, err := l.Mark(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(told.String(), mark.String()); n != 2 {
		t.Errorf("%s is told %d times, want with the act and at the end:\n%s", mark, n, &told)
	}
	for _, text := range []string{"", "1", "1:", "1:ff", "x:" + mark.String()[2:], mark.String() + "0", "-1" + mark.String()[1:]} {
		if m, err := audit.ParseMark(text); err == nil {
			t.Errorf("%q is read as %v", text, m)
		}
	}
}
