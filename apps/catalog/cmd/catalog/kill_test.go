//go:build unix

package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/programtest"
	"github.com/daybook-es/daybook/apps/internal/realdata"
	"github.com/daybook-es/daybook/store/logstore"
)

// A published catalogue is the tables of Olist in a directory but for that of the products,
// which are rows, the first of them the names of the columns.
type published struct {
	dir  string
	rows []string
}

// generated returns tables that were made up: so many products, of which every second was
// sold at two prices.
func generated(t *testing.T, products int) published {
	t.Helper()
	p := published{dir: t.TempDir(), rows: []string{"product_id,product_category_name,product_photos_qty,product_weight_g,product_length_cm,product_height_cm,product_width_cm\n"}}
	orders, lines := []byte("order_id,order_purchase_timestamp\n"), []byte("order_id,order_item_id,product_id,seller_id,price\n")
	for i := range products {
		p.rows = append(p.rows, fmt.Sprintf("%032x,artes,1,%d,16,10,14\n", i, i))
		for sale := range i % 2 * 2 {
			orders = fmt.Appendf(orders, "o%d-%d,2018-0%d-01 10:00:00\n", i, sale, sale+1)
			lines = fmt.Appendf(lines, "o%d-%d,1,%032x,s,%d.9\n", i, sale, i, i+sale)
		}
	}
	for name, table := range map[string][]byte{"olist_orders_dataset.csv": orders, "olist_order_items_dataset.csv": lines} {
		if err := os.WriteFile(filepath.Join(p.dir, name), table, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// realOnes returns the tables that Olist published, and skips the test where they are not:
// see [realdata.Dir].
func realOnes(t *testing.T) published {
	t.Helper()
	dir := realdata.Dir(t, "olist", filepath.Join("reference", "olist_products_dataset.csv.gz"))
	p := published{dir: t.TempDir()}
	for _, part := range []string{"sample8000/olist_order_items_dataset.csv.gz", "sample8000/olist_orders_dataset.csv.gz", "reference/product_category_name_translation.csv.gz"} {
		from, err := filepath.Abs(filepath.Join(dir, part))
		if err == nil {
			_, err = os.Stat(from)
		}
		if err != nil {
			t.Skipf("there is no data to import: %v; see DAYBOOK_DATA", err)
		}
		if err := os.Symlink(from, filepath.Join(p.dir, filepath.Base(part))); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(filepath.Join(dir, "reference", "olist_products_dataset.csv.gz"))
	if err != nil {
		t.Skipf("there is no data to import: %v; see DAYBOOK_DATA", err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	p.rows = slices.Collect(strings.Lines(string(table)))
	return p
}

// products is how many there are.
func (p published) products() int { return len(p.rows) - 1 }

// table is where the products are.
func (p published) table() string { return filepath.Join(p.dir, "olist_products_dataset.csv") }

// importAll imports everything, and returns what the program said.
func (p published) importAll(t *testing.T, dir string) string {
	t.Helper()
	if err := os.WriteFile(p.table(), []byte(strings.Join(p.rows, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	began := time.Now()
	if code := new(Main).Execute(t.Context(), []string{"import", "--data", dir, p.dir}, &out, &errs); code != 0 {
		t.Fatalf("import ended with %d:\n%s", code, &errs)
	}
	first, rest, _ := strings.Cut(out.String(), "\n")
	second, _, _ := strings.Cut(rest, "\n")
	t.Logf("%s %s (%.1f s in all)", first, second, time.Since(began).Seconds())
	return out.String()
}

// kill imports the products of some rows that are not there yet out of a pipe that is never
// closed, so that it cannot be through, and kills the program: early, when it has recorded
// some, or late, when it has read nearly all.
func (p published) kill(t *testing.T, dir string, rows []string, late bool) {
	t.Helper()
	programtest.KillReading(t, p.table(), p.rows[0]+strings.Join(rows, ""), " products, ", late, "catalog", "import", "--data", dir, p.dir)
}

// A digest stands for the products of a catalogue: for everything that was recorded of each,
// in its order, but not for when and in which order of products that was done.
type digest struct {
	products, events int
	sum              [sha256.Size]byte
}

// digestOf sums up a catalogue that nobody has open. Facts without a time of their own
// happened at no time, and only if dated does the digest stand for the times.
func digestOf(t *testing.T, dir string, dated bool) (d digest) {
	t.Helper()
	store, err := logstore.Open(filepath.Join(dir, "log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	products := make(map[string][]byte)
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		d.events++
		if dated {
			products[e.Stream] = fmt.Appendf(products[e.Stream], "%s ", e.HappenedAt)
		}
		products[e.Stream] = fmt.Appendf(products[e.Stream], "%s %d %s %q %s\n", e.Stream, e.Version, e.Type, e.Tags, e.Data)
	}
	d.products = len(products)
	var all []string
	for _, product := range products {
		all = append(all, string(product))
	}
	slices.Sort(all)
	d.sum = sha256.Sum256([]byte(strings.Join(all, "")))
	return d
}

// An import that is killed in the middle, three times, and then run again leaves the same
// catalogue as one that was not, and to run it once more changes nothing.
func survivesKills(t *testing.T, p published, untilShown bool) {
	t.Helper()
	whole, killed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "killed")
	p.importAll(t, whole)
	want := digestOf(t, whole, true)
	if want.products != p.products() {
		t.Fatalf("%d products are recorded, of %d", want.products, p.products())
	}
	if err := os.Remove(p.table()); err != nil {
		t.Fatal(err)
	}
	before := 0
	for n := range 3 {
		part := p.products() / 4
		p.kill(t, killed, p.rows[1+n*part:1+(n+1)*part], n > 0)
		there := digestOf(t, killed, true).products
		if there <= before || there >= p.products() {
			t.Fatalf("after kill %d there are %d products, and there were %d, of %d", n+1, there, before, p.products())
		}
		t.Logf("kill %d: %d of %d products are there", n+1, there, p.products())
		before = there
	}
	p.importAll(t, killed)
	if got := digestOf(t, killed, true); got != want {
		t.Errorf("after the kills it is %d products in %d events, %x; want %d in %d, %x", got.products, got.events, got.sum, want.products, want.events, want.sum)
	}
	if said := p.importAll(t, killed); !strings.Contains(said, ": 0 added with 0 events") {
		t.Errorf("once more it says %s", said)
	}
	if got := digestOf(t, killed, true); got != want {
		t.Errorf("once more it is %d products in %d events, %x", got.products, got.events, got.sum)
	}

	if !untilShown {
		return
	}
	began := time.Now()
	address, _ := serve(t, "--data", killed)
	shown(t, address, p.products())
	t.Logf("a server that begins with it shows all %d after %.1f s", p.products(), time.Since(began).Seconds())
}

// patient reports whether there is time to wait until all of Olist is shown, which takes up
// to a minute.
func patient() bool { return os.Getenv("DAYBOOK_SOAK") != "" }

// shown waits until so many products are shown.
func shown(t *testing.T, address string, products int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got := matching(address)
		if got == fmt.Sprint(products) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q products are shown; want %d", got, products)
		}
	}
}

// matching returns how many products a server shows; nothing if it does not answer.
func matching(address string) string {
	answer, err := http.Get(address + "/products?limit=1")
	if err != nil {
		return ""
	}
	answer.Body.Close()
	return answer.Header.Get("Daybook-Matching")
}

func TestAnImportSurvivesKills(t *testing.T) { survivesKills(t, generated(t, 8_000), true) }

func TestAnImportOfOlistSurvivesKills(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	survivesKills(t, realOnes(t), patient())
}

// lines returns the products of the table as lines for POST /products/bulk.
func (p published) lines() []byte {
	var all []byte
	for _, row := range p.rows[1:] {
		fields := strings.Split(strings.ReplaceAll(row, `"`, ""), ",")
		all = fmt.Appendf(all, `{"name":"%s %s","price":0,"sku":"%s","category":"%s"}`+"\n", fields[1]+"-", fields[0][:8], fields[0], fields[1])
	}
	return all
}

// bulk sends lines under a key, and returns the last line of the answer.
func bulk(ctx context.Context, address string, body io.Reader) (all struct {
	Done                   bool
	Lines, Created, Failed int
}, err error) {
	r, err := http.NewRequestWithContext(ctx, "POST", address+"/products/bulk", body)
	if err != nil {
		return all, err
	}
	r.Header.Set("Content-Type", "application/jsonl")
	r.Header.Set("Idempotency-Key", "everything")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return all, err
	}
	defer answer.Body.Close()
	var last string
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		last = lines.Text()
	}
	return all, json.Unmarshal([]byte(last), &all)
}

// A server that is killed while it takes many products goes on where it was when the same
// request is sent again, with the same products in the end.
func resumesBulk(t *testing.T, p published, untilShown bool) {
	t.Helper()
	body := p.lines()
	send := func(dir string) {
		server := programtest.Start(t, nil, "catalog", "--addr", "127.0.0.1:0", "--data", dir)
		began := time.Now()
		all, err := bulk(t.Context(), server.Address, bytes.NewReader(body))
		if err != nil || !all.Done || all.Created != p.products() {
			t.Fatalf("it is answered %+v, %v", all, err)
		}
		took := time.Since(began).Seconds()
		t.Logf("%d products in %.1f s, %.0f a second", p.products(), took, float64(p.products())/took)
		if untilShown { // a read model whose server was killed is another's after fifteen seconds
			shown(t, server.Address, p.products())
			t.Logf("shown after %.1f s", time.Since(began).Seconds())
		}
		if err := server.Command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := server.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	whole, killed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "killed")
	send(whole)

	server := programtest.Start(t, nil, "catalog", "--addr", "127.0.0.1:0", "--data", killed)
	arrives, sends := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		_, err := bulk(t.Context(), server.Address, arrives)
		answered <- err
	}()
	go func() {
		// It ends when the server is gone, if not before.
		_, _ = sends.Write(body[:len(body)/2])
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if shown := matching(server.Address); shown != "0" && shown != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing is shown\n%s", server.Told())
		}
	}
	server.Kill(t)
	sends.CloseWithError(io.ErrClosedPipe)
	if err := <-answered; err == nil {
		t.Error("it was answered before it was killed")
	}
	there := digestOf(t, killed, false).products
	if there == 0 || there >= p.products() {
		t.Fatalf("after the kill there are %d products, of %d", there, p.products())
	}
	t.Logf("the kill: %d of %d products are there", there, p.products())
	send(killed)
	if want, got := digestOf(t, whole, false), digestOf(t, killed, false); got != want {
		t.Errorf("after the kill it is %d products in %d events, %x; want %d in %d, %x", got.products, got.events, got.sum, want.products, want.events, want.sum)
	}
}

func TestABulkSurvivesAKill(t *testing.T) { resumesBulk(t, generated(t, 4_000), false) }

func TestABulkOfOlistSurvivesAKill(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	resumesBulk(t, realOnes(t), patient())
}
