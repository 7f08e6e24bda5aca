package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daybook-es/daybook/internal/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"catalog": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script")})
}

// serve serves a catalogue until the test ends or end is called, and returns the address
// that it printed.
func serve(t *testing.T, args ...string) (address string, end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	printed, out := io.Pipe()
	var logged bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- new(Main).Execute(ctx, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...), out, &logged)
		out.Close()
	}()
	address, err := bufio.NewReader(printed).ReadString('\n')
	if err != nil {
		t.Fatalf("it ended with %d before it printed an address:\n%s", <-ended, &logged)
	}
	over := false
	end = func() {
		if over {
			return
		}
		over = true
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("serve ended with %d:\n%s", code, &logged)
		}
	}
	t.Cleanup(end)
	return strings.TrimSpace(address), end
}

// create creates a product, and returns its address and the token.
func create(t *testing.T, address, body string) (at, token string) {
	t.Helper()
	answer, err := http.Post(address+"/products", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("it is answered %s", answer.Status)
	}
	return answer.Header.Get("Location"), answer.Header.Get("Daybook-Token")
}

// list returns the names of the products that are shown to whoever has a token.
func list(t *testing.T, address, token string) (names []string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", address+"/products?sort=name", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Daybook-Token", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var products []struct{ Name string }
	if err := json.NewDecoder(answer.Body).Decode(&products); err != nil {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	for _, p := range products {
		names = append(names, p.Name)
	}
	return names
}

// The same program with its events and its views wherever they are told to be, and what was
// recorded is there the next time.
func TestTheCatalogueRunsOnAnyStoreAndAnyDatabase(t *testing.T) {
	for name, args := range map[string][]string{
		"a directory":                {},
		"PostgreSQL for the events":  {"--store", pgtest.Database(t)},
		"PostgreSQL for the views":   {"--views", pgtest.Database(t)},
		"PostgreSQL twice":           {"--store", pgtest.Database(t), "--views", pgtest.Database(t)},
		"PostgreSQL, the same twice": {"--store", pgtest.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, "the same twice") {
				args = append(args, "--views", args[1])
			}
			args = append(args, "--data", t.TempDir())
			address, end := serve(t, args...)
			_, token := create(t, address, `{"name": "Lamp", "price": 19.99}`)
			if got := list(t, address, token); len(got) != 1 {
				t.Errorf("there are %q", got)
			}
			end()
			address, _ = serve(t, args...)
			_, token = create(t, address, `{"name": "Rope", "price": 5}`)
			if got := strings.Join(list(t, address, token), ", "); got != "Lamp, Rope" {
				t.Errorf("the next time there are %s", got)
			}
		})
	}
}
