package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook/apps/library/internal/crowd"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// A killed is a service in a process of its own, which is killed with kill -9.
type killed struct {
	t    *testing.T
	args []string
	url  string
	now  *process
}

// run runs a service, which is ready when it returns. It keeps its address.
func run(t *testing.T, args ...string) *killed {
	t.Helper()
	k := &killed{t: t, args: args, now: start(t, append(args, "--addr", anyPort)...)}
	k.url = k.now.up()
	return k
}

func (k *killed) URL() string { return k.url }
func (k *killed) Kill()       { k.now.kill() }

func (k *killed) Restart() {
	k.now = start(k.t, append(k.args, "--addr", strings.TrimPrefix(k.url, "http://"))...)
}

// Two write services and three read services on one PostgreSQL database, one of them killed
// at random every second: no copy is lent twice, nobody has a sixth book, and the log
// explains every answer.
func TestACrowdAndProcessesThatAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	database := pgtest.Database(t)
	inCrowd(t, database, func(int) string { return database })
}

// The same on three NATS servers, with a node of the log for each service.
func TestACrowdAndNodesThatAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	cluster, dir := natstest.Start(t, 3), t.TempDir()
	at := func(service int) string {
		return cluster.URL() + "?" + url.Values{"dir": {filepath.Join(dir, strconv.Itoa(service))}}.Encode()
	}
	inCrowd(t, at(-1), at)
}

// inCrowd runs a crowd against services that have the same store, each at a URL of its own,
// as the test itself has it.
func inCrowd(t *testing.T, own string, at func(service int) string) {
	t.Helper()
	c := crowd.Crowd{Readers: 64, Hands: 2, Turns: 8, Every: 400 * time.Millisecond, Down: 50 * time.Millisecond, Seed: 6}
	if text, soaking := os.LookupEnv("DAYBOOK_SOAK_SEED"); soaking {
		seed, err := strconv.ParseUint(text+os.Getenv("DAYBOOK_SOAK_PIECE"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		c.Turns, c.Every, c.Down, c.Seed = 60, time.Second, 200*time.Millisecond, seed
	}
	store, err := stores.Open(t.Context(), own, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	snapshots := t.TempDir()
	var writes, reads []crowd.Service
	for n := range 2 {
		writes = append(writes, run(t, "write", "--log-level", "error", "--store", at(n)))
	}
	for n := range 3 {
		reads = append(reads, run(t, "read", "--log-level", "error", "--store", at(2+n), "--data", filepath.Join(snapshots, strconv.Itoa(n))))
	}
	c.Run(t, store, writes, reads)
}
