package pgstore

import (
	"testing"

	"github.com/jackc/pgx/v5"

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
