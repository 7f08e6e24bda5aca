package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daybook-es/daybook/apps/internal/programtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"orders": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script")})
}

// run runs the program in this process. It returns what it printed and its exit
// code.
func run(ctx context.Context, args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = new(Main).Execute(ctx, args, &o, &e)
	return o.String(), e.String(), code
}

// serve serves a directory until the test ends, and returns the address that it
// printed.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	printed, out := io.Pipe()
	var logged bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- new(Main).Execute(ctx, append([]string{"serve"}, args...), out, &logged)
		out.Close()
	}()
	address, err := bufio.NewReader(printed).ReadString('\n')
	if err != nil {
		t.Fatalf("it ended with %d before it printed an address:\n%s", <-ended, &logged)
	}
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("serve ended with %d:\n%s", code, &logged)
		}
	})
	return strings.TrimSpace(address)
}

// A directory that a server has open is named, with the way around; everything that
// can be done to the directory can be done by way of the server.
func TestThroughAServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	tables := filepath.Join(t.TempDir(), "tables")
	extract(t, filepath.Join("testdata", "script", "import.txtar"), "tables/", tables)
	address := serve(t, "--data", dir, "--addr", "127.0.0.1:0")

	for _, args := range [][]string{{"report", "--data", dir}, {"import", "--data", dir, tables}, {"simulate", "--data", dir}, {"serve", "--data", dir, "--addr", "127.0.0.1:0"}} {
		_, errs, code := run(t.Context(), args...)
		if code != 1 || !strings.Contains(errs, "go through it with --addr "+address) {
			t.Errorf("orders %s: %d, %q; want that it names %s", args[0], code, errs, address)
		}
	}
	for _, want := range []string{"2 orders read: 2 added with 8 events, 0 there already", "2 orders read: 0 added with 0 events, 2 there already"} {
		out, errs, code := run(t.Context(), "import", "--addr", address, tables)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("import: %d, %q, %q; want %q", code, out, errs, want)
		}
	}
	out, errs, code := run(t.Context(), "report", "--addr", address, "--json")
	var report struct {
		Totals map[string]int `json:"totals_cents"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || report.Totals["paid"] != 3590 {
		t.Errorf("report: %d, %q, %q, %v; want that 3590 was paid", code, out, errs, err)
	}
	out, errs, code = run(t.Context(), "report", "--addr", address, "--as-of", "2017-11-24 12:00:00", "--json")
	if code != 0 || !strings.Contains(out, `"orders_purchased": 1`) {
		t.Errorf("report as of noon: %d, %q, %q; want one order", code, out, errs)
	}
	out, errs, code = run(t.Context(), "simulate", "--addr", strings.TrimPrefix(address, "http://"), "--rate", "100", "--for", "300ms", "--seed", "1")
	if code != 0 || !strings.Contains(out, "placed") || strings.Contains(out, "failed") {
		t.Errorf("simulate: %d, %q, %q", code, out, errs)
	}
}

// extract writes the files of an archive that are below a directory.
func extract(t *testing.T, archive, below, to string) {
	t.Helper()
	content, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split("\n"+string(content), "\n-- ")[1:] {
		name, text, _ := strings.Cut(part, " --\n")
		name, inside := strings.CutPrefix(name, below)
		if !inside {
			continue
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServeTakesAFreePort(t *testing.T) {
	// Whoever has the usual port, this test or another program, it is taken.
	if taken, err := net.Listen("tcp", usualAddr); err == nil {
		defer taken.Close()
	}
	address := serve(t, "--data", filepath.Join(t.TempDir(), "shop"), "--host", "shop.example")
	if !strings.HasPrefix(address, "http://127.0.0.1:") || strings.HasSuffix(address, ":8080") {
		t.Errorf("it serves at %q, want a free port of this machine", address)
	}
	answer, err := http.Get(address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("/healthz answers %s", answer.Status)
	}
	for host, want := range map[string]int{"evil.example": http.StatusMisdirectedRequest, "shop.example": http.StatusOK} {
		request, err := http.NewRequest(http.MethodGet, address+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("asked for %s it answers %s, want %d", host, answer.Status, want)
		}
	}
}

// The real program, without a verb: it serves, keeps what was placed, and stops cleanly
// when it is told to.
func TestStopsCleanly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := programtest.Start(t, nil, "orders", "--data", dir, "--addr", "127.0.0.1:0")
		answer, err := http.Post(p.Address+"/orders", "application/json", strings.NewReader(`{"total": 100}`))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusCreated {
			t.Errorf("placing an order answers %s", answer.Status)
		}
		if err := p.Command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("after %v: %v\n%s", signal, err, p.Told())
		}
	}
	out, errs, code := run(t.Context(), "report", "--data", dir, "--json")
	if code != 0 || !strings.Contains(out, `"created": 2`) {
		t.Errorf("report: %d, %q, %q; want two orders", code, out, errs)
	}
}

func TestMoments(t *testing.T) {
	noon := time.Date(2017, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"2017-11-24 12:00:00", "2017-11-24T12:00:00", "2017-11-24T12:00:00Z", "2017-11-24T10:00:00-02:00"} {
		var m moment
		if err := m.UnmarshalText([]byte(text)); err != nil || !m.Equal(noon) {
			t.Errorf("%s is %v, %v; want %v", text, m, err, noon)
		}
	}
	for _, text := range []string{"", "noon", "0001-01-01"} { // the last would be now
		if err := new(moment).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for a time", text)
		}
	}
}
