package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

// run runs the program in this process, which must end well, and returns what it printed.
func run(t *testing.T, args ...string) (out, errs string) {
	t.Helper()
	out, errs, code := runs(t, args...)
	if code != exitDone {
		t.Fatalf("daybook %s: exit status %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out, errs
}

func runs(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = new(Main).Execute(t.Context(), args, strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}

// everything makes a log with everything that a log can have: gaps between positions,
// the first and the last time that there are, nanoseconds and no time, nasty bytes,
// appends of many events, truncated, deleted and tombstoned streams, scavenged and not.
func everything(t *testing.T, dir string) {
	t.Helper()
	store, err := logstore.Open(dir, &logstore.Options{Logger: slog.New(slog.DiscardHandler), SegmentBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	began := time.Unix(1_600_000_000, 123_456_789).UTC()
	if err := store.Restore(t.Context(), []daybook.Recorded{
		{Position: 3, Version: 2, RecordedAt: began, Event: daybook.Event{ID: uuid.New(), Stream: "gap-1", Type: "Noted"}},
		{Position: 7, Version: 5, RecordedAt: began.Add(1), Event: daybook.Event{ID: uuid.New(), Stream: "gap-1", Type: "Noted"}},
		{Position: 1000, RecordedAt: began.Add(2), Event: daybook.Event{ID: uuid.UUID{15: 1}, Type: "Noted"}},
	}); err != nil {
		t.Fatal(err)
	}
	record := func(events ...daybook.Event) {
		t.Helper()
		if _, err := store.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, happened := range []time.Time{{}, time.Unix(0, 0), time.Unix(0, -1), time.Unix(0, -1<<63+1), time.Unix(0, 1<<63-1), began.Add(1)} {
		record(daybook.Event{Type: "Happened", HappenedAt: happened, Data: fmt.Append(nil, i)})
	}
	for i, data := range []string{"", "{}", `{ "a" : 1,"a":9007199254740993 }`, "\x00\xff", "\"\xff\"", "\n", strings.Repeat("x", 900<<10)} {
		record(daybook.Event{
			Stream: "nasty-é-" + strings.Repeat("n", i*60), Type: "Nasty \u2028 <&>", Tags: []string{"z", "a", "\\N", "{,}", `"`, fmt.Sprint("tag:", i)},
			Data: []byte(data), Metadata: []byte(data[:min(len(data), 1000)]), ContentType: []string{"", "text/plain", "application/json"}[i%3],
		})
	}
	for n := range 6 {
		many := make([]daybook.Event, 1000)
		for i := range many {
			many[i] = daybook.Event{Stream: fmt.Sprintf("many-%d", (i+n)%7), Type: "Counted", Tags: []string{"n:" + fmt.Sprint(i%10)}, Data: fmt.Append(nil, i)}
		}
		record(many...)
	}
	record(daybook.Truncated("many-1", 100), daybook.Deleted("many-2"), daybook.Deleted("many-3"))
	record(daybook.Event{Stream: "many-3", Type: "Counted"}, daybook.Tombstoned("many-4"))
	if done, err := store.Scavenge(t.Context(), &logstore.ScavengeOptions{Newest: true}); err != nil || done.Events == 0 {
		t.Fatalf("%v, %v", done, err)
	}
	record(daybook.Deleted("many-5"), daybook.Event{Stream: "many-2", Type: "Counted"})
}

// A log goes through each of the stores and is the same log at the end: every encoding of
// every event, to the last nanosecond.
func TestALogCopiedThroughAllStoresIsTheSame(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	everything(t, source)
	want, _ := run(t, "digest", source)
	const log = "log=from+a+directory"
	at := source
	copies := []string{
		with(t, pgtest.Database(t), log),
		"nats://embedded?log=from-a-directory&dir=" + filepath.Join(dir, "nats"),
		natstest.Start(t, 3).URL() + "?log=on-three&dir=" + filepath.Join(dir, "node"),
		"log://" + filepath.Join(dir, "last"),
	}
	for _, to := range copies {
		// A copy that was interrupted is gone on with.
		half(t, at, to)
		if got, errs := run(t, "copy", at, to); got != want || strings.Contains(errs, "stub") {
			t.Fatalf("copied from %s to %s, the digest is %s, %s; want %s", at, to, got, errs, want)
		}
		if got, _ := run(t, "digest", to); got != want {
			t.Fatalf("the digest of %s is %s, want %s", to, got, want)
		}
		if got, _ := run(t, "copy", at, to); got != want {
			t.Errorf("copied again, the digest is %s, want %s", got, want)
		}
		at = to
	}
	first, _ := run(t, "export", source)
	if last, _ := run(t, "export", at); last != first {
		t.Error("the export of the last copy is not that of the first log")
	}
	// What is forgotten in a database is scavenged there, and in the log it was copied from
	// likewise: they stay the same.
	database := copies[0]
	for _, at := range []string{source, database} {
		args := []string{"scavenge", at}
		if at == source {
			args = append(args, "--newest")
		}
		if said, _ := run(t, args...); !strings.Contains(said, "became") {
			t.Errorf("scavenging says %q", said)
		}
	}
	if a, _ := run(t, "digest", source); a == want {
		t.Error("nothing was scavenged")
	} else if b, _ := run(t, "digest", database); a != b {
		t.Errorf("scavenged, the digests are %s and %s", a, b)
	}
	if _, errs := run(t, "copy", source, at); !strings.Contains(errs, "only in one of the two") {
		t.Errorf("a copy of what was scavenged since says %q", errs)
	}
	if _, errs, code := runs(t, "verify", filepath.Join(dir, "last")); code != exitDone {
		t.Errorf("the last copy is not sound: %s", errs)
	}

	// The copies live on: what is recorded there has the next position, and copying once
	// more is refused.
	store, err := storeurl.Open(t.Context(), at, nil)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := store.Append(t.Context(), []daybook.Event{{Stream: "many-2", Type: "Counted"}}, nil)
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, errs, code := runs(t, "copy", source, at)
	if wanted := fmt.Sprintf("goes up to position %d already: it takes a copy only", receipt.Position); code != exitFailed || !strings.Contains(errs, wanted) {
		t.Errorf("a copy over what was recorded later: %d, %s", code, errs)
	}
}

// with returns a URL with another parameter.
func with(t *testing.T, url, param string) string {
	t.Helper()
	if strings.Contains(url, "?") {
		return url + "&" + param
	}
	return url + "?" + param
}

// half copies the beginning of a log.
func half(t *testing.T, from, to string) {
	t.Helper()
	open := func(url string, o *storeurl.Options) storeurl.Store {
		t.Helper()
		store, err := stores().Open(t.Context(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() }) // which is done twice, and once is checked
		return store
	}
	a, b := open(from, &storeurl.Options{ReadOnly: true}), open(to, nil)
	reading, err := a.Read(t.Context(), daybook.All(), daybook.Span{Forgotten: true, Before: 2000})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	for len(events) > 0 && events[len(events)-1].RecordedAt.Equal(events[max(len(events)-2, 0)].RecordedAt) {
		events = events[:len(events)-1] // up to the end of an append
	}
	events = events[:len(events)-1]
	if err := b.(daybook.Restorer).Restore(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for _, store := range []storeurl.Store{a, b} {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}
