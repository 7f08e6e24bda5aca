package storeurl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/natsstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

func open(t *testing.T, url string, o *storeurl.Options) storeurl.Store {
	t.Helper()
	store, err := storeurl.Open(t.Context(), url, o)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("closing %s: %v", url, err)
		}
	})
	return store
}

func append1(t *testing.T, store daybook.Store) daybook.Receipt {
	t.Helper()
	receipt, err := store.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func TestADirectoryHasManyNames(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ url, dir string }{
		{"orders", "orders"},
		{"./some/where/orders", "some/where/orders"},
		{filepath.Join(here, "absolute"), "absolute"},
		{"log://relative", "relative"},
		{"log://relative/deep", "relative/deep"},
		{"log://./dotted", "dotted"},
		{"log://" + here + "/rooted", "rooted"},
		{"LOG://shouted", "shouted"},
		{"log://with%20space/and%3Fmark", "with space/and?mark"},
		{"plain%20is?what=it says", "plain%20is?what=it says"},
		{"log://packed?compress=true&require=disk", "packed"},
		{"user:name", "user:name"},
		{"log://me@there", "me@there"},
	} {
		if append1(t, open(t, c.url, nil)).Durability != daybook.Disk {
			t.Errorf("%s is not kept on disk", c.url)
		}
		if _, err := os.Stat(filepath.Join(here, c.dir, "MANIFEST")); err != nil {
			t.Errorf("%s: %v", c.url, err)
		}
	}
}

func TestAMemoryIsNewEachTime(t *testing.T) {
	one, other := open(t, "mem://", nil), open(t, "mem://", nil)
	if a, b := append1(t, one), append1(t, other); a.Log == b.Log || a.Position != 1 || b.Position != 1 {
		t.Errorf("receipts %v and %v are of one store", a, b)
	}
}

func TestAReaderIsBesideTheOwnerAndMakesNoLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if store, err := storeurl.Open(t.Context(), dir, &storeurl.Options{ReadOnly: true}); err == nil || store != nil {
		t.Fatalf("a log that is not there was opened for reading: %v, %v", store, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("reading made a directory")
	}
	owner := open(t, dir, &storeurl.Options{Owner: "the test"})
	receipt := append1(t, owner)
	reader := open(t, "log://"+dir, &storeurl.Options{ReadOnly: true})
	if info, err := reader.Info(t.Context()); err != nil || info.Head != receipt.Point {
		t.Errorf("the reader is at %v (%v), want %v", info.Head, err, receipt.Point)
	}
	for _, looked := range []storeurl.Store{reader, open(t, "mem://", &storeurl.Options{ReadOnly: true})} {
		_, err := looked.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil)
		if !errors.As(err, new(*daybook.UnavailableError)) || !errors.Is(err, daybook.ErrReadOnly) {
			t.Errorf("an append to %T, opened to be read: %v", looked, err)
		}
	}
	_, err := storeurl.Open(t.Context(), dir, nil)
	if locked := (*logstore.LockedError)(nil); !errors.As(err, &locked) || locked.Owner != "the test" {
		t.Errorf("the second owner is told %v", err)
	}
}

func TestAnErrorSaysWhatIsWrong(t *testing.T) {
	t.Chdir(t.TempDir())
	for url, want := range map[string]string{
		"":                                    "the URL of the store is empty",
		"log://":                              "log://: the directory is missing",
		"log://a%zz":                          "log://a%zz: a % in a path is written %25",
		"log://a?b%zz":                        "log://a: what stands behind the ? is not NAME=VALUE",
		"log://a?b=1":                         "log://a?b=1: there is no parameter b for log://; there are compress, require",
		"log://a?compress=maybe":              "the parameter compress is true or false",
		"log://a?compress=true&compress=true": "the parameter compress is given twice",
		"log://a?compress=":                   "the parameter compress has no value",
		"log://a?require=everything":          "the parameter require is one of memory, disk and quorum",
		"log://a?require=quorum":              `survives as "disk" says, and "quorum" was required`,
		"mem://orders":                        "a store in memory has no name",
		"mem://?log=a":                        "there is no parameter log for mem://",
		"mem:":                                "the URL of a store goes on with //",
		"log:a":                               "the directory would be ./log:",
		"://a":                                "begins with its scheme",
		"my store://a":                        `"my store" is none`,
		"mysql://localhost/a":                 "mysql://localhost/a: there is no store for mysql://; there are log://, mem://",
	} {
		store, err := storeurl.Open(t.Context(), url, nil)
		if err == nil || store != nil {
			t.Errorf("%q was opened", url)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", url, err, want)
		}
	}
	left, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left { // what was opened and refused then
		if entry.Name() != "a" {
			t.Errorf("%s was made", entry.Name())
		}
	}
}

func TestASecretIsInNoErrorAndNoPrint(t *testing.T) {
	failing := func(_ context.Context, u *storeurl.URL, _ *storeurl.Options) (storeurl.Store, error) {
		u.Take("log")
		return nil, fmt.Errorf("dial %s: %w", u.Rest(), errDown)
	}
	careless := func(_ context.Context, u *storeurl.URL, _ *storeurl.Options) (storeurl.Store, error) {
		return nil, fmt.Errorf("the password h/dden is wrong: %w", errDown)
	}
	stores := storeurl.Registry{"postgres": failing, "nats": failing, "careless": careless}
	for _, url := range []string{
		"postgres://ada:h%2Fdden@localhost/shop?log=main",
		"postgres://ada:h%2Fdden@one:5432,two:5432/shop",
		"postgres://localhost/shop?user=ada&password=h%2Fdden",
		"postgres://localhost/shop?sslpassword=h/dden",
		"nats://ada:h%2Fdden@localhost",
		"nats://h%2Fdden@localhost:4222,localhost:4223?log=main",
		"nats://localhost?token=h%2fdden",
		"careless://ada:h%2Fdden@localhost",
		"unknown://ada:h%2Fdden@localhost",
		"unknown://h%2Fdden@localhost?token=h%2Fdden",
		"postgres://ada:h%2Fdden@localhost?a=%zz",
		"postgres://ada:h%2Fdden@localhost?a=1&a=2",
		"nats://h%2Fdden@localhost/%zz",
		"nats://ada:h%2Fdden@one:4222,nats://ada:h%2Fdden@two:4222?log=main",
		"nats://ada:h%2Fdden@one:4222,ada:h%2Fdden@two:4222",
		"nats://h%2Fdden@one,h%2Fdden@two",
		// Passwords with signs that end what stands before.
		"postgres://ada:h/dden@localhost/shop",
		"postgres://ada:h?dden@localhost/shop",
		"postgres://ada:h#dden@localhost/shop",
		"postgres://ada:h@dden@localhost/shop",
		"postgres://ada:h,dden@localhost/shop",
	} {
		_, err := stores.Open(t.Context(), url, nil)
		if err == nil {
			t.Fatalf("%s was opened", url)
		}
		said := err.Error()
		if !strings.HasPrefix(url, "unknown") && !strings.Contains(url, "a=") && !strings.Contains(url, "?d") && !errors.Is(err, errDown) {
			t.Errorf("%v is not what the opener returned", err)
		}
		if u, err := storeurl.Parse(url); err == nil {
			var logged bytes.Buffer
			slog.New(slog.NewTextHandler(&logged, nil)).Info("opened", "url", u)
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("opened", "url", u)
			said += fmt.Sprintf("%v %+v %#v %s %q", u, u, u, u, u) + logged.String()
		}
		if strings.Contains(said, "dden") {
			t.Errorf("%s is told as %s", url, said)
		}
	}

	// What may be shown is.
	u, err := storeurl.Parse("postgres://ada@localhost/shop?sslmode=disable&log=main")
	if err != nil || u.String() != "postgres://ada@localhost/shop?log=main&sslmode=disable" {
		t.Errorf("%v, %v", u, err)
	}
	u, err = storeurl.Parse("postgres://postgres:postgres@localhost/shop")
	if err != nil || u.String() != "postgres://postgres:xxxxx@localhost/shop" {
		t.Errorf("%v, %v", u, err)
	}
}

var errDown = errors.New("there is nobody")

func TestADriverGetsWhatIsNotOurs(t *testing.T) {
	u, err := storeurl.Parse("postgres://ada:h%2Fdden@one:5432,two:5433/shop?sslmode=disable&log=main&schema=s")
	if err != nil {
		t.Fatal(err)
	}
	if log, schema := u.Take("log"), u.Take("schema"); log != "main" || schema != "s" {
		t.Errorf("log %q, schema %q", log, schema)
	}
	if got, want := u.Rest(), "postgres://ada:h%2Fdden@one:5432,two:5433/shop?sslmode=disable"; got != want {
		t.Errorf("the driver gets %s, want %s", got, want)
	}
}

func TestAURLIsCheckedWithoutOpeningAnything(t *testing.T) {
	here := t.TempDir()
	stores := storeurl.Stores()
	stores["nats"] = storeurl.NATSWith(func(context.Context, string, *natsstore.Options) (storeurl.Store, error) { panic("it was opened") })
	for url, want := range map[string]string{
		here + "/new":                             "",
		"log://" + here + "/new?compress=true":    "",
		"log://" + here + "/new?compress=perhaps": "true or false",
		"log://" + here + "/new?colour=blue":      "colour",
		"postgres://ada:h%2Fdden@nowhere.invalid/shop?log=cards&schema=daybook&require=disk": "",
		"postgres://ada:h%2Fdden@nowhere.invalid/shop?sslmode=perhaps":                       "sslmode",
		"postgres://ada:h%2Fdden@nowhere.invalid/shop?require=perhaps":                       "memory, disk and quorum",
		"nats://h%2Fdden@nowhere.invalid:4222?dir=data&replicas=3":                           "",
		"nats://h%2Fdden@nowhere.invalid:4222?dir=data&replica=3":                            "replica",
		"nats://h%2Fdden@nowhere.invalid:4222":                                               "is missing",
		"nats://embedded?dir=data&log=cards":                                                 "",
		"nats://embedded?dir=data&colour=blue":                                               "colour",
		"mysql://ada:h%2Fdden@nowhere.invalid/shop":                                          "there is no store for mysql://",
	} {
		err := stores.Check(url)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", url, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "dden")):
			t.Errorf("%s: %v, want that it says %s", url, err, want)
		}
	}
	if _, err := os.Stat(here + "/new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that was only checked was made: %v", err)
	}
}
