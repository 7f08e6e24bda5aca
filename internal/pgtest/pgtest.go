// Package pgtest gives tests a PostgreSQL server of their own.
//
//	url := pgtest.Database(t) // postgres://…, a new and empty database
//
// The first call starts a server, which all tests of the binary share; each call makes
// another database on it. The server listens on a socket in a private directory and
// nowhere else. It ends with the test binary, however that ends, and its directory
// goes with it.
//
// Binaries are looked for in the directory that the environment names as POSTGRES_BIN,
// under /usr/lib/postgresql, in the path, and where `make test` puts them if it finds
// none of these. Where there are none a test is skipped, and says why.
//
// What a test writes does not survive a crash of the machine (fsync is off); it does
// survive one of the server.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// errNone is why tests are skipped.
var errNone = errors.New("no PostgreSQL is installed; install the package postgresql, or name the directory of its programs in POSTGRES_BIN")

var (
	shared    = sync.OnceValues(func() (*Server, error) { return Start() })
	databases atomic.Int64
)

// Database returns the address of a new, empty database, with the rights of a
// superuser. It skips the test if no PostgreSQL is installed, and fails it if the
// server does not start.
func Database(t testing.TB) string {
	t.Helper()
	server, err := shared()
	if errors.Is(err, errNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return server.Database(t)
}

// Own returns a server that no other test uses, for tests that restart it. It skips
// the test and fails it as [Database] does, and stops the server when the test ends. It has
// settings such as "fsync=on".
func Own(t testing.TB, settings ...string) *Server {
	t.Helper()
	server, err := Start(settings...)
	if errors.Is(err, errNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// Database returns the address of a new, empty database on the server.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	name := fmt.Sprintf("test%d", databases.Add(1))
	if _, err := conn.Exec(ctx, "create database "+name); err != nil {
		t.Fatal(err)
	}
	return s.address(name)
}

// URL returns the address of the database that every server has.
func (s *Server) URL() string { return s.address("postgres") }

// address returns where a client finds a database of the server.
func (s *Server) address(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: url.Values{"host": {s.dir}}.Encode()}
	return u.String()
}
