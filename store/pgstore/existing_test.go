package pgstore

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

func TestWhoOnlyLooksMakesNothing(t *testing.T) {
	url := pgtest.Database(t)
	looks := func(log string) error {
		t.Helper()
		store, err := Open(t.Context(), url, &Options{Log: log, Existing: true, Logger: quiet})
		if err == nil {
			err = store.Close()
		}
		return err
	}
	if err := looks("main"); err == nil {
		t.Error("a log in an empty database is there")
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var made bool
	if err := conn.QueryRow(t.Context(), `select to_regnamespace('daybook') is not null`).Scan(&made); err != nil || made {
		t.Errorf("a schema was made: %v, %v", made, err)
	}

	open(t, url, Options{})
	if err := looks("main"); err != nil {
		t.Errorf("a log that is there: %v", err)
	}
	if err := looks("mian"); err == nil {
		t.Error("a log with another name is there")
	}
	var logs int
	if err := conn.QueryRow(t.Context(), `select count(*) from daybook.daybook_log`).Scan(&logs); err != nil || logs != 1 {
		t.Errorf("there are %d logs, %v; want one", logs, err)
	}
}

func TestWhoReadsOnlyRecordsNothing(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, url, with(newSeats(1).Synchronous()))
	if _, err := s.Append(t.Context(), []daybook.Event{seated(t, 1, "ada")}, nil); err != nil {
		t.Fatal(err)
	}
	reader := open(t, url, Options{ReadOnly: true}) // without the read model
	reading, err := reader.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil || len(events) != 1 {
		t.Errorf("it reads %d events, %v; want one", len(events), err)
	}
	for what, record := range map[string]func() error{
		"append":            func() error { _, err := reader.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil); return err },
		"restore":           func() error { return reader.Restore(t.Context(), events) },
		"scavenge":          func() error { _, err := reader.Scavenge(t.Context()); return err },
		"a new incarnation": func() error { _, err := reader.NewIncarnation(t.Context(), "a test"); return err },
	} {
		if err := record(); !errors.As(err, new(*daybook.UnavailableError)) || !errors.Is(err, daybook.ErrReadOnly) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if info, err := s.Info(t.Context()); err != nil || info.Head != reading.Snapshot() {
		t.Errorf("the log went from %v to %v, %v", reading.Snapshot(), info.Head, err)
	}
}
