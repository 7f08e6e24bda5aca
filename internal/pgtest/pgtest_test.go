package pgtest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook/internal/pgtest"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	for range 2 {
		conn, err := pgx.Connect(t.Context(), pgtest.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "create table t (n integer)"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatWasCommittedSurvivesAKilledServer(t *testing.T) {
	server := pgtest.Own(t)
	url := server.Database(t)
	ask := func(statement string) (n int) {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if err := conn.QueryRow(t.Context(), statement).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "create table t as select 7 as n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, stop := range []func() error{server.Kill, server.Halt, server.Slay} {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		if n := ask("select n from t"); n != 7 {
			t.Errorf("the table has %d; want 7", n)
		}
	}
}

// A test binary that is killed has no time to stop its server.
func TestAServerEndsWithTheProcessThatStartedIt(t *testing.T) {
	if os.Getenv("PGTEST_CHILD") != "" {
		os.Stdout.WriteString(pgtest.Database(t) + "\n")
		select {}
	}
	pgtest.Database(t) // or it is skipped
	child := exec.Command(os.Args[0], "-test.run=^TestAServerEndsWithTheProcessThatStartedIt$")
	child.Env = append(os.Environ(), "PGTEST_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := out.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(strings.TrimSpace(string(buffer[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(config.Host); err != nil {
		t.Fatalf("while it runs: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait() // says that it was killed
	for range 3000 {
		if _, err := os.Stat(config.Host); os.IsNotExist(err) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the server's directory is still there after half a minute")
}
