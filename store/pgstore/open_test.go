package pgstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

func TestLogsShareASchemaAndSchemasADatabase(t *testing.T) {
	database := pgtest.Database(t)
	var heads []daybook.Point
	for _, options := range []Options{
		{}, {Log: "other"}, {Schema: `odd "name"; drop schema daybook`}, {Schema: "Daybook", Log: `it's "main"`}, {Schema: strings.Repeat("ä", 31)},
	} {
		s := open(t, database, options)
		receipt, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed"}}, daybook.New("order-1"))
		if err != nil || receipt.Position != 1 {
			t.Fatalf("%+v: %+v, %v", options, receipt, err)
		}
		for _, head := range heads {
			if head.Log == receipt.Log {
				t.Errorf("%+v is the log of others", options)
			}
		}
		heads = append(heads, receipt.Point)
		if info, err := s.reopen(t).Info(t.Context()); err != nil || info.Head != receipt.Point {
			t.Errorf("opened again, %+v is at %+v, %v", options, info.Head, err)
		}
	}
	for what, options := range map[string]Options{
		"a schema whose name is too long": {Schema: strings.Repeat("ä", 32)},
		"a log with a control character":  {Log: "a\nb"},
	} {
		if _, err := Open(t.Context(), database, &options); !errors.As(err, new(*daybook.InvalidError)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestDurabilityIsFoundOutAndStated(t *testing.T) {
	server := pgtest.Own(t, "fsync=on")
	for _, c := range []struct {
		settings string
		want     daybook.Durability
	}{
		{"synchronous_commit = on", daybook.Disk},
		{"synchronous_commit = off", daybook.Memory},
		{"synchronous_commit = local", daybook.Disk},
	} {
		database := server.Database(t)
		config, err := pgx.ParseConfig(database)
		if err != nil {
			t.Fatal(err)
		}
		run(t, database, "alter database "+config.Database+" set "+c.settings)
		s := open(t, database, Options{})
		receipt, err := s.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil)
		if err != nil || receipt.Durability != c.want {
			t.Errorf("with %s a receipt states %v (%v), want %v", c.settings, receipt.Durability, err, c.want)
		}
		_, err = Open(t.Context(), database, &Options{Require: c.want + 1, Logger: quiet})
		if err == nil || !strings.Contains(err.Error(), (c.want+1).String()+" is required") {
			t.Errorf("with %s, %v is required: %v", c.settings, c.want+1, err)
		}
	}
	if got := durabilityOf("on", "on", "ANY 1 (*)"); got != daybook.Quorum {
		t.Errorf("with a synchronous standby the durability is %v", got)
	}
	if got := durabilityOf("off", "on", "ANY 1 (*)"); got != daybook.Memory {
		t.Errorf("without fsync the durability is %v", got)
	}
}

// A commit waits for a standby that does not answer.
func TestWhatNoStandbyHasIsNotAcknowledged(t *testing.T) {
	server := pgtest.Own(t, "fsync=on")
	database := server.Database(t)
	s := open(t, database, Options{})
	run(t, database, "alter system set synchronous_standby_names = 'nobody'")
	run(t, database, "select pg_reload_conf()")
	waitFor(t, database, "show synchronous_standby_names", "nobody")
	e := daybook.Event{ID: uuid.New(), Stream: "order-1", Type: "Placed"}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	receipt, err := s.Append(ctx, []daybook.Event{e}, nil)
	if !errors.As(err, new(*daybook.UnknownError)) {
		t.Errorf("without a standby: %+v, %v", receipt, err)
	}
	if info, err := s.Info(t.Context()); err != nil || info.Head.Position != 0 || info.Durability != daybook.Quorum {
		t.Errorf("what no standby has is seen: %+v, %v", info, err)
	}
	run(t, database, "alter system reset synchronous_standby_names")
	run(t, database, "select pg_reload_conf()")
	if receipt, err = s.Append(t.Context(), []daybook.Event{e}, nil); err != nil || !receipt.Repeated || receipt.Position != 1 {
		t.Errorf("appended again: %+v, %v", receipt, err)
	}
}

// waitFor waits until a database answers a question so.
func waitFor(t *testing.T, database, question, want string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	wait(t, question, func() bool {
		var got string
		if err := conn.QueryRow(t.Context(), question).Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got == want
	})
}

func TestWhatNoLogCanBeKeptInIsRefused(t *testing.T) {
	database := pgtest.Database(t)
	run(t, database, "create database latin encoding 'LATIN1' locale 'C' template template0")
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	latin := strings.Replace(database, "/"+config.Database, "/latin", 1)
	if _, err := Open(t.Context(), latin, nil); err == nil || !strings.Contains(err.Error(), "LATIN1") || errors.As(err, new(*daybook.UnavailableError)) {
		t.Errorf("a database of another encoding: %v", err)
	}
	if _, err := Open(t.Context(), "postgres://nobody:secret@127.0.0.1:1/x?connect_timeout=2", nil); !errors.As(err, new(*daybook.UnavailableError)) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a server that is not there: %v, want that it is unavailable", err)
	}
	if _, err := Open(t.Context(), strings.Replace(database, "/"+config.Database, "/nowhere", 1), nil); err == nil || errors.As(err, new(*daybook.UnavailableError)) {
		t.Errorf("a database that is not there: %v, want that trying again is of no use", err)
	}
}

// A standby takes no appends, and who reads there may see what never happened. When it is
// promoted it may lack what others have seen.
func TestAStandbyIsRefusedAndBeginsANewIncarnationOncePromoted(t *testing.T) {
	server := pgtest.Own(t)
	database := server.Database(t)
	s := open(t, database, Options{})
	receipt, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	standby := server.Standby(t)
	there := standby.Address(t, database)
	if _, err := Open(t.Context(), there, &Options{Logger: quiet}); err == nil || !strings.Contains(err.Error(), "standby") {
		t.Fatalf("a standby: %v", err)
	}
	run(t, there, "select pg_promote(true, 60)")
	promoted := open(t, there, Options{})
	info, err := promoted.Info(t.Context())
	if err != nil || info.Head.Log != receipt.Log || info.Head.Incarnation == receipt.Incarnation || info.Head.Position != 1 {
		t.Errorf("the promoted standby is at %+v (%v), and the log was at %+v", info.Head, err, receipt.Point)
	}
	if again, err := open(t, database, Options{}).Info(t.Context()); err != nil || again.Head != receipt.Point {
		t.Errorf("the log itself is at %+v (%v), and was at %+v", again.Head, err, receipt.Point)
	}
}

// The tables are put back as they were, as by a restore of a dump, while programs run.
func TestALogThatWasPutBackBeginsANewIncarnation(t *testing.T) {
	database := pgtest.Database(t)
	s := open(t, database, Options{})
	add := func(s *subject) daybook.Receipt {
		t.Helper()
		receipt, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	first := add(s)
	run(t, database, `create table daybook.kept as table daybook.daybook_log`)
	add(s)
	last := add(s)

	// Rows are put back by hand: who has seen more knows.
	run(t, database, `delete from daybook.daybook_event where position > 1`)
	run(t, database, `update daybook.daybook_log l set position = k.position, stamp = k.stamp from daybook.kept k where k.number = l.number`)
	after := add(s)
	if after.Incarnation == last.Incarnation || after.Position != first.Position+1 {
		t.Errorf("behind a log that was put back to %v, %v was recorded, and it had been at %v", first.Point, after.Point, last.Point)
	}

	// The table is another one, with the same rows: who opens it knows.
	run(t, database, `drop table daybook.kept; alter table daybook.daybook_log rename to old`)
	run(t, database, `create table daybook.daybook_log (like daybook.old including all)`)
	run(t, database, `insert into daybook.daybook_log select * from daybook.old; drop table daybook.old`)
	info, err := open(t, database, Options{}).Info(t.Context())
	if err != nil || info.Head.Log != after.Log || info.Head.Incarnation == after.Incarnation || info.Head.Position != after.Position {
		t.Errorf("a log whose table was put back is at %+v (%v), and was at %+v", info.Head, err, after.Point)
	}
}

func TestHealthSaysThatTheClockIsBehind(t *testing.T) {
	now := time.Now()
	s := open(t, pgtest.Database(t), Options{clock: func() time.Time { return now }})
	add := func() {
		t.Helper()
		if _, err := s.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	add()
	if err := s.Health(); err != nil {
		t.Errorf("while all is well: %v", err)
	}
	now = now.Add(-time.Hour)
	add()
	if err := s.Health(); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("when the clock was set back: %v", err)
	}
	now = now.Add(2 * time.Hour)
	add()
	if err := s.Health(); err != nil {
		t.Errorf("when the clock has caught up: %v", err)
	}
}

// The tables of a database that was made from another one have the same numbers there, and
// the two go on apart.
func TestADatabaseMadeFromAnotherBeginsANewIncarnation(t *testing.T) {
	database := pgtest.Database(t)
	s := open(t, database, Options{})
	receipt, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close() // who is connected is in the way of a copy
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := func(name string) string { return strings.Replace(database, "/"+config.Database, "/"+name, 1) }
	run(t, elsewhere("postgres"), "create database "+config.Database+"_copy template "+config.Database)
	for name, same := range map[string]bool{config.Database: true, config.Database + "_copy": false} {
		info, err := open(t, elsewhere(name), Options{}).Info(t.Context())
		if err != nil || info.Head.Log != receipt.Log || (info.Head.Incarnation == receipt.Incarnation) != same || info.Head.Position != 1 {
			t.Errorf("%s is at %+v (%v), and the log was at %+v", name, info.Head, err, receipt.Point)
		}
	}
}
