package jsonlines_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
	"github.com/daybook-es/daybook/store/memstore"
)

// A log of nasty data, with appends of several events, a forgotten stream and stubs.
func nastyLog(t *testing.T) *memstore.Store {
	t.Helper()
	store := new(memstore.Store)
	for i, n := range nasty {
		events := []daybook.Event{
			{Stream: "nasty-1", Type: "Noted", Tags: []string{"n:" + n.name}, Data: []byte(n.data), Metadata: []byte(n.data)},
			{Type: "Sent", ContentType: "text/plain", Data: []byte(n.data)},
			{Stream: fmt.Sprintf("nasty-%d", i/3%3), Type: "Kept", Data: []byte(n.data)},
		}
		record(t, store, events[:1+i%3]...)
	}
	record(t, store, daybook.Truncated("nasty-1", 5), daybook.Deleted("nasty-2"))
	if err := store.Scavenge(t.Context()); err != nil {
		t.Fatal(err)
	}
	record(t, store, daybook.Event{Stream: "nasty-2", Type: "Noted"}, daybook.Deleted("nasty-0"))
	return store
}

func record(t *testing.T, store daybook.Store, events ...daybook.Event) {
	t.Helper()
	if _, err := store.Append(t.Context(), events, nil); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, from daybook.Store) []byte {
	t.Helper()
	var lines bytes.Buffer
	n := 0
	point, err := jsonlines.Export(t.Context(), &lines, from, 0, func(daybook.Recorded) { n++ })
	if err != nil {
		t.Fatal(err)
	}
	if want := bytes.Count(lines.Bytes(), []byte("\n")); n != want {
		t.Errorf("%d events were counted, and %d lines written", n, want)
	}
	if info, err := from.Info(t.Context()); err != nil || point != info.Head {
		t.Errorf("the export goes up to %v, and the head is %v (%v)", point, info.Head, err)
	}
	return lines.Bytes()
}

func TestExportImportExportIsTheSameBytes(t *testing.T) {
	from := nastyLog(t)
	lines := export(t, from)
	if stubs := bytes.Count(lines, []byte(`"stub":`)); stubs == 0 {
		t.Error("there are no stubs in the export")
	}
	if hidden := bytes.Count(lines, []byte(`"forgotten":true`)) - bytes.Count(lines, []byte(`"stub":`)); hidden == 0 {
		t.Error("there are no forgotten events in the export")
	}

	to := new(memstore.Store)
	point, n, err := jsonlines.Import(t.Context(), to, bytes.NewReader(lines), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := bytes.Count(lines, []byte("\n")); n != want || int(point.Position) != want {
		t.Errorf("%d lines were imported up to position %d, want %d", n, point.Position, want)
	}
	if again := export(t, to); !bytes.Equal(again, lines) {
		t.Errorf("the export of what was imported differs:\n%s\nwas\n%s", again, lines)
	}
}

func TestAnImportGoesOnWhereItWasStopped(t *testing.T) {
	from := nastyLog(t)
	lines := export(t, from)
	to := new(memstore.Store)
	for _, part := range []int{0, len(lines) / 3, len(lines) / 2, len(lines) - 1} {
		head := lines[:part]
		_, n, err := jsonlines.Import(t.Context(), to, bytes.NewReader(head), nil)
		if wrong := (*jsonlines.LineError)(nil); part > 0 && part < len(lines)-1 && !errors.As(err, &wrong) {
			t.Errorf("the first %d bytes, of which the last line is torn: %v", part, err)
		}
		info, _ := to.Info(t.Context())
		if int(info.Head.Position) < n {
			t.Errorf("%d lines were said to be imported, and the head is at %d", n, info.Head.Position)
		}
	}
	if _, _, err := jsonlines.Import(t.Context(), to, bytes.NewReader(lines), nil); err != nil {
		t.Fatal(err)
	}
	if again := export(t, to); !bytes.Equal(again, lines) {
		t.Error("the log that was imported in parts is another one")
	}
}

func TestLinesThatDoNotFitAreNamed(t *testing.T) {
	lines := export(t, nastyLog(t))
	to := nastyLog(t) // the same story in another life: other ids, other times
	_, _, err := jsonlines.Import(t.Context(), to, bytes.NewReader(lines), nil)
	if invalid := (*daybook.InvalidError)(nil); !errors.As(err, &invalid) || !strings.HasPrefix(err.Error(), "lines 1 to ") {
		t.Errorf("lines of another log: %v, want an InvalidError that names the lines", err)
	}
}

func TestAnAppendIsNotSplitOverTwoBatches(t *testing.T) {
	from := new(memstore.Store)
	for range 9 {
		events := make([]daybook.Event, 900)
		for i := range events {
			events[i] = daybook.Event{Type: "Noted"}
		}
		record(t, from, events...)
	}
	var ends []daybook.Position
	_, n, err := jsonlines.Import(t.Context(), new(memstore.Store), bytes.NewReader(export(t, from)), &jsonlines.ImportOptions{
		Each: func(r daybook.Recorded) { ends = append(ends, r.Position) },
	})
	if err != nil || n != 8100 {
		t.Fatalf("%d lines, %v", n, err)
	}
	if len(ends) < 2 {
		t.Errorf("all lines were handed over at once, and many do not fit into memory")
	}
	for _, end := range ends {
		if end%900 != 0 {
			t.Errorf("a batch ends at position %d, within an append", end)
		}
	}
}

// Goal: an import does not make a log of less than was exported without saying so. Method:
// each line of an export is left out, and its end is cut off at each line.
func TestAnImportTellsWhatIsMissing(t *testing.T) {
	exported := slices.Collect(bytes.Lines(export(t, nastyLog(t))))
	whole := daybook.Position(len(exported))
	imported := func(lines [][]byte, o *jsonlines.ImportOptions) (*memstore.Store, error) {
		to := new(memstore.Store)
		_, _, err := jsonlines.Import(t.Context(), to, bytes.NewReader(bytes.Join(lines, nil)), o)
		return to, err
	}
	for i := range exported {
		at := daybook.Position(i + 1)
		without := slices.Concat(exported[:i], exported[i+1:])
		want := jsonlines.MissingError{Line: i + 1, First: at, Last: at}
		if at == whole {
			want.Line, want.End = i, true
		}
		to, err := imported(without, &jsonlines.ImportOptions{UpTo: whole})
		if missing := (*jsonlines.MissingError)(nil); !errors.As(err, &missing) || *missing != want {
			t.Errorf("without line %d: %v, want %v", i+1, err, &want)
		}
		if info, _ := to.Info(t.Context()); info.Head.Position >= at {
			t.Errorf("without line %d the log goes up to position %d", i+1, info.Head.Position)
		}

		if at < whole {
			if _, err := imported(without, nil); err == nil {
				t.Errorf("without line %d, and nobody knows how many there were, nothing is said", i+1)
			}
		}
		_, err = imported(exported[:i], &jsonlines.ImportOptions{UpTo: whole})
		want = jsonlines.MissingError{Line: i, First: at, Last: whole, End: true}
		if missing := (*jsonlines.MissingError)(nil); !errors.As(err, &missing) || *missing != want {
			t.Errorf("without line %d and those behind it: %v, want %v", i+1, err, &want)
		}
	}
	if _, err := imported(exported, &jsonlines.ImportOptions{UpTo: whole - 1}); err == nil {
		t.Error("more lines than there were to be are no error")
	}
	if _, err := imported(exported, &jsonlines.ImportOptions{UpTo: whole}); err != nil {
		t.Error(err)
	}
}

func TestALogWithGapsIsImportedWhenSomebodySaysSo(t *testing.T) {
	exported := slices.Collect(bytes.Lines(export(t, nastyLog(t))))
	lines := bytes.Join(slices.Delete(exported, 1, 3), nil)
	to := new(memstore.Store)
	for range 2 { // the second time all of it is there
		_, n, err := jsonlines.Import(t.Context(), to, bytes.NewReader(lines), &jsonlines.ImportOptions{Gaps: true})
		if err != nil || n != len(exported)-2 {
			t.Fatalf("%d lines, %v", n, err)
		}
	}
	if again := export(t, to); !bytes.Equal(again, lines) {
		t.Errorf("the export of what was imported differs:\n%s\nwas\n%s", again, lines)
	}
}
