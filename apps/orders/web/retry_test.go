package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/logstore"
)

// This test program is also the server that it kills: with these set it serves the
// shop in a directory, until its standard input ends. If it is to die, it does so in
// the middle of the first command, as by kill -9: when all is done but the answer,
// which it prints instead of sending it.
const (
	serveVariable = "ORDERS_TEST_SERVE"
	dieVariable   = "ORDERS_TEST_DIE"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(serveVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := serveAndDie(dir, os.Getenv(dieVariable) != ""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveAndDie(dir string, die bool) error {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	quiet := slog.New(slog.DiscardHandler)
	store, err := logstore.Open(filepath.Join(dir, "log"), &logstore.Options{Logger: quiet})
	if err != nil {
		return err
	}
	shop, err := orders.Open(ctx, store, filepath.Join(dir, "views"), &orders.Options{Logger: quiet})
	if err != nil {
		return err
	}
	site := New(shop, &Options{Options: httpapi.Options{Logger: quiet}})
	if die {
		site.Around(func(through http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					through.ServeHTTP(w, r)
					return
				}
				lost := httptest.NewRecorder()
				through.ServeHTTP(lost, r)
				_ = json.NewEncoder(os.Stdout).Encode(saidBy(lost.Code, lost.Header(), lost.Body.Bytes()))
				if self, err := os.FindProcess(os.Getpid()); err == nil {
					_ = self.Kill()
				}
				select {} // nothing is said any more
			})
		})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	if err := site.Serve(ctx, listener); err != nil {
		return err
	}
	if err := shop.Close(); err != nil {
		return err
	}
	return store.Close()
}

// A server is a process of its own on a directory.
type server struct {
	*shopfront
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

func startProcess(t *testing.T, dir string, die bool) *server {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"="+dir)
	if die {
		cmd.Env = append(cmd.Env, dieVariable+"=yes")
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has mostly ended by then
	p := &server{cmd: cmd, in: in, out: bufio.NewReader(out)}
	url, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the server said nothing: %v", err)
	}
	p.shopfront = &shopfront{t: t, url: strings.TrimSpace(url)}
	return p
}

// end ends the process as it is meant to end.
func (p *server) end() {
	p.t.Helper()
	if err := p.in.Close(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the server ended with %v", err)
	}
}

// head returns the newest position of the log.
func (p *server) head() daybook.Position {
	p.t.Helper()
	return *sitetest.Read[readiness](p.t, p.get("/readyz"), http.StatusOK).Head
}

// said is what a retry must say again.
type said struct {
	Status                        int
	Token, ETag, Location, Answer string
}

func saidBy(status int, header http.Header, body []byte) said {
	return said{status, header.Get(httpapi.TokenHeader), header.Get("ETag"), header.Get("Location"), string(bytes.TrimSpace(body))}
}

// For every command: the server is killed when all is done but the answer, another one
// begins on the same directory, and the client sends the command again under its key.
// It hears what it would have heard, and nothing is added; also when the order has gone
// on since.
func TestEveryCommandMayBeSentAgain(t *testing.T) {
	dir := t.TempDir()
	// With connections kept alive, Go's client would send by itself again what has a key.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	send := func(p *server, path, body, key string) (said, error) {
		t.Helper()
		r, err := http.NewRequest("POST", p.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		a, err := client.Do(r)
		if err != nil {
			return said{}, err
		}
		defer a.Body.Close()
		answer, err := io.ReadAll(a.Body)
		return saidBy(a.StatusCode, a.Header, answer), err
	}
	type sent struct {
		path, body, key string
		said            said
	}
	again := func(p *server, s sent) {
		t.Helper()
		before := p.head()
		answer, err := send(p, s.path, s.body, s.key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s.said, answer); diff != "" {
			t.Errorf("POST %s would have been answered, and is answered (-, +):\n%s", s.path, diff)
		}
		if now := p.head(); now != before {
			t.Errorf("POST %s again: the head was %d, and is %d", s.path, before, now)
		}
	}
	var all []sent
	step := func(path, body, key string) string {
		t.Helper()
		p := startProcess(t, dir, true)
		if answer, err := send(p, path, body, key); err == nil {
			t.Fatalf("POST %s was answered %+v, and should have been cut off", path, answer)
		}
		lost := sent{path: path, body: body, key: key}
		line, err := p.out.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &lost.said)
		}
		if err != nil || lost.said.Status >= 300 {
			t.Fatalf("POST %s would have been answered %s: %v", path, line, err)
		}
		if err := p.cmd.Wait(); err == nil {
			t.Fatal("the server was not killed")
		}
		p = startProcess(t, dir, false)
		again(p, lost)
		all = append(all, lost)
		p.end()
		return lost.said.Location
	}

	placed := step("/orders", `{"total": 100, "customer": {"id": "ada"}}`, "1")
	step(placed+"/pay", `{"amount": 100, "method": "boleto"}`, "2")
	step(placed+"/ship", `{"carrier": "Correios"}`, "3")
	step(placed+"/deliver", `{}`, "4")
	step(placed+"/return", `{"reason": "broken"}`, "5")
	step(placed+"/refund", `{"amount": 40}`, "6")
	step(placed+"/refund", `{}`, "7")
	other := step("/orders", `{"total": 100}`, "8")
	step(other+"/cancel", `{"reason": "no"}`, "9")
	if other == placed {
		t.Error("two keys placed one order")
	}

	// Each of them once more, now that the orders have gone on.
	p := startProcess(t, dir, false)
	for _, s := range all {
		again(p, s)
	}
	p.end()
}
