package orders

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/realdata"
	"github.com/daybook-es/daybook/command"
)

// What happened to an order is recorded in the order in which it happened, payments
// at the purchase, and what has no time of its own at the end.
func TestImportKeepsTheOrderOfThings(t *testing.T) {
	s := importAll(t, writeTables(t, smallTables()))
	promised := timeOf(t, "2017-12-15 00:00:00")
	for id, want := range map[string][]Dated{
		"a": {
			{OrderShipped{}, timeOf(t, "2017-11-24 09:00:00")},
			{OrderPlaced{
				Customer: Customer{"ann", "sao paulo", "SP"},
				Lines: []Line{
					{Product: "p1", Category: "toys", Seller: "s1", Quantity: 1, UnitPrice: 1000, Freight: 250},
					{Product: "p2", Seller: "s1", Quantity: 1, UnitPrice: 550, Freight: 100},
				},
				Total: 1900, Currency: Currency, PromisedFor: promised,
			}, timeOf(t, "2017-11-24 10:00:00")},
			{PaymentReceived{"credit_card", 1000, 3}, timeOf(t, "2017-11-24 10:00:00")},
			{PaymentReceived{"voucher", 900, 1}, timeOf(t, "2017-11-24 10:00:00")},
			{PaymentApproved{}, timeOf(t, "2017-11-24 12:00:00")},
			{OrderDelivered{}, timeOf(t, "2017-11-30 08:00:00")},
		},
		"b": {
			{OrderPlaced{Customer: Customer{"bob", "rio de janeiro", "RJ"}, Total: 735, Currency: Currency, PromisedFor: promised}, timeOf(t, "2017-11-25 10:00:00")},
			{PaymentReceived{"boleto", 735, 1}, timeOf(t, "2017-11-25 10:00:00")},
			{OrderCancelled{}, time.Time{}},
		},
		"c": {
			{OrderPlaced{
				Lines: []Line{{Product: "p1", Category: "toys", Seller: "s1", Quantity: 1, UnitPrice: 1000, Freight: 250}},
				Total: 1250, Currency: Currency, PromisedFor: promised,
			}, timeOf(t, "2017-11-26 10:00:00")},
			{PaymentReceived{"credit_card", 1250, 1}, timeOf(t, "2017-11-26 10:00:00")},
			{PaymentApproved{}, timeOf(t, "2017-11-26 10:00:00")},
			{OrderShipped{}, time.Time{}},
		},
	} {
		history, _, err := s.History(t.Context(), id)
		if err != nil {
			t.Errorf("order %s: %v", id, err)
			continue
		}
		var got []Dated
		for _, occurrence := range history {
			got = append(got, Dated{occurrence.Fact, occurrence.HappenedAt})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order %s (-want +got):\n%s", id, diff)
		}
	}
}

func TestImportCountsWhatIsOdd(t *testing.T) {
	s := openShop(t)
	tables := smallTables()
	tables[ordersTable] += "a,ca,delivered,2017-11-24 10:00:00,,,,\n"
	tables[linesTable] += "a,1,p1,s1,2017-11-28 00:00:00,10.00,2.5\nx,1,p9,s9,2017-11-28 00:00:00,1,0\n"
	tables[paymentsTable] += "c,2,credit_card,1,99\nx,1,voucher,1,0\n"
	got := make(map[string]int)
	sum := importInto(t, s, writeTables(t, tables))
	for _, odd := range sum.Odd {
		got[odd.What] = odd.Count
	}
	want := map[string]int{
		"orders with the carrier before they were placed":        1, // a
		"orders with the carrier before they were paid":          1, // a
		"orders whose last event has no time of its own":         2, // b and c
		"orders without lines, whose total is what was paid":     1, // b
		"orders whose payments are not numbered 1, 2, 3":         1, // c
		"orders of a customer who is not in the list":            1, // c
		"orders that are there twice, of which the first stands": 1, // a
		"orders that have lines and are missing":                 1, // x
		"orders that have payments and are missing":              1, // x
		"lines of a product without a category":                  1, // p2
		"lines of a product that is not in the catalogue":        1, // p9
		"lines of a seller who is not in the list":               1, // s9
		"payments of nothing":                                    1, // x
		"rows that are there twice":                              1, // a's first line
		"rows that contradict an earlier one, which stands":      1, // c's payment
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("odd (-want +got):\n%s", diff)
	}
	if sum.Orders != 3 || sum.Added != 3 {
		t.Errorf("%d orders were read and %d added, want 3", sum.Orders, sum.Added)
	}
}

func TestImportTwiceAddsNothing(t *testing.T) {
	s := openShop(t)
	dir := writeTables(t, smallTables())
	first := importInto(t, s, dir)
	before := wholeLog(t, s.Store())
	second := importInto(t, s, dir)
	if first.Added != 3 || first.Events != len(before) || second.Added != 0 || second.Events != 0 || second.Repeated != 3 {
		t.Errorf("first %+v, then %+v", first.Kept, second.Kept)
	}
	if diff := cmp.Diff(before, wholeLog(t, s.Store())); diff != "" {
		t.Errorf("the second import changed the log:\n%s", diff)
	}
}

// Orders that went on in the shop are imported already.
func TestImportAgainAfterTheShopWentOn(t *testing.T) {
	s := openShop(t)
	dir := writeTables(t, smallTables())
	importInto(t, s, dir)
	do(t, s, DeliverOrder{Order: "c"})
	if again := importInto(t, s, dir); again.Repeated != 3 || again.Added != 0 || len(again.Different) != 0 {
		t.Errorf("again: %+v, want 3 repeated", again.Kept)
	}
}

func TestImportLeavesADifferentHistoryAlone(t *testing.T) {
	s := openShop(t)
	importInto(t, s, writeTables(t, smallTables()))
	before := len(wholeLog(t, s.Store()))
	tables := smallTables()
	tables[ordersTable] = strings.Replace(tables[ordersTable], "c,cc,shipped,2017-11-26 10:00:00,2017-11-26 10:00:00,,", "c,cc,delivered,2017-11-26 10:00:00,2017-11-26 10:00:00,2017-11-27 10:00:00,2017-11-28 10:00:00", 1)
	sum := importInto(t, s, writeTables(t, tables))
	if diff := cmp.Diff([]string{"c"}, sum.Different); diff != "" || sum.Repeated != 2 {
		t.Errorf("%+v, want c to be different and 2 repeated", sum.Kept)
	}
	if after := len(wholeLog(t, s.Store())); after != before {
		t.Errorf("%d events were added", after-before)
	}
}

func TestImportNamesFileAndLine(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(map[string]string)
		want   string
	}{
		{"a missing table", func(m map[string]string) { delete(m, paymentsTable) }, paymentsTable},
		{"a missing column", func(m map[string]string) {
			m[ordersTable] = strings.Replace(m[ordersTable], `"order_status"`, `"status"`, 1)
		}, ordersTable + ":1: has no column order_status"},
		{"an empty table", func(m map[string]string) { m[customersTable] = "" }, customersTable + ": is empty"},
		{"money with a comma", func(m map[string]string) { m[linesTable] = strings.Replace(m[linesTable], "5.5", "5,5", 1) },
			linesTable + `:2: wrong number of fields`},
		{"money with three places", func(m map[string]string) { m[linesTable] = strings.Replace(m[linesTable], "5.5", "5.555", 1) },
			linesTable + `:2: price: "5.555" has more than two places`},
		{"money that is none", func(m map[string]string) { m[paymentsTable] = strings.Replace(m[paymentsTable], "7.35", "free", 1) },
			paymentsTable + `:4: payment_value: "free" is not an amount`},
		{"a bad date", func(m map[string]string) {
			m[ordersTable] = strings.Replace(m[ordersTable], "2017-11-25 10:00:00", "25/11/2017", 1)
		}, ordersTable + `:3: order_purchase_timestamp: "25/11/2017" is not a time`},
		{"a day that does not exist", func(m map[string]string) {
			m[ordersTable] = strings.Replace(m[ordersTable], "2017-11-25 10:00:00", "2017-11-31 10:00:00", 1)
		}, ordersTable + `:3: order_purchase_timestamp`},
		{"a bad number", func(m map[string]string) { m[linesTable] = strings.Replace(m[linesTable], "a,2", "a,two", 1) },
			linesTable + `:2: order_item_id: "two" is not a whole number`},
		{"an order without an id", func(m map[string]string) { m[ordersTable] = strings.Replace(m[ordersTable], "b,cb", ",cb", 1) },
			ordersTable + `:3: order_id`},
		{"text of another time", func(m map[string]string) {
			m[customersTable] = strings.Replace(m[customersTable], "sao paulo", "s\xe3o paulo", 1)
		}, customersTable + `:2: customer_city: is not UTF-8`},
		{"a broken quote", func(m map[string]string) { m[customersTable] += "\"cc,cat,1,x,SP\n" }, customersTable},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openShop(t)
			tables := smallTables()
			c.change(tables)
			_, err := ImportOlist(t.Context(), writeTables(t, tables), s, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want an error with %q", err, c.want)
			}
		})
	}
	t.Run("a missing directory", func(t *testing.T) {
		_, err := ImportOlist(t.Context(), filepath.Join(t.TempDir(), "nowhere"), openShop(t), nil)
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v; want that it does not exist", err)
		}
	})
}

// Tables may be compressed, in several pieces, and anywhere below.
func TestImportFindsTables(t *testing.T) {
	dir := t.TempDir()
	tables := smallTables()
	header, rows, _ := strings.Cut(tables[ordersTable], "\n")
	first, rest, _ := strings.Cut(rows, "\n")
	tables["one/"+ordersTable] = header + "\n" + first + "\n"
	tables["two/deep/"+ordersTable] = header + "\n" + rest
	delete(tables, ordersTable)
	for name, content := range tables {
		path := filepath.Join(dir, name+".gz")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var compressed bytes.Buffer
		w := gzip.NewWriter(&compressed)
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, compressed.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plain, found := openShop(t), openShop(t)
	importInto(t, plain, writeTables(t, smallTables()))
	if sum := importInto(t, found, dir); sum.Added != 3 {
		t.Errorf("%d orders were added, want 3", sum.Added)
	}
	want, _, err := plain.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := found.Report(t.Context()); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v; the report differs (-want +got):\n%s", err, cmp.Diff(want, got))
	}
}

func TestHistoriesAreReadAsTheyAreWritten(t *testing.T) {
	tables, err := openOlist(writeTables(t, smallTables()))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []History
	for h, err := range tables.histories() {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, h)
	}
	var lines bytes.Buffer
	if err := WriteHistories(&lines, want); err != nil {
		t.Fatal(err)
	}
	for h, err := range ReadHistories(&lines) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadHistoriesNamesTheLine(t *testing.T) {
	const good = `{"order":"a","facts":[{"type":"OrderPlaced","data":{"total":1,"currency":"BRL"}}]}` + "\n"
	for _, bad := range []string{
		`{"order":"b","facts":[{"type":"OrderEaten","data":{}}]}`,
		`{"order":"b","facts":[{"type":"OrderPlaced","data":{"total":1.5}}]}`,
		`{"order":"b","facts":[{"type":"OrderPlaced","when":"now","data":{}}]}`,
		`{"order":"b","fact":[]}`,
		`{"order":"b","facts":[{"type":"PaymentReceived","data":{"method":"x","amuont":1}}]}`,
		`{"order":"b","facts":[{"type":"PaymentReceived","data":{"method":"x","AMOUNT":1}}]}`,
		`{"order":"b","facts":[{"type":"PaymentReceived","data":{"method":"x","amount":1,"amount":2}}]}`,
		`{"order":"b","facts":[{"type":"PaymentReceived","data":{"method":"` + "\xff" + `","amount":1}}]}`,
		`{"order":"b","facts":[{"type":"PaymentReceived","data":{"method":"x","amount":null}}]}`,
		`{"order":"b","order":"c","facts":[]}`,
		`{"order":"b"} {}`,
		`{"order":"b"} }`,
		`{"order":`,
		strings.Repeat(" ", maxHistoryBytes),
	} {
		var err error
		n := 0
		for _, err = range ReadHistories(strings.NewReader(good + bad + "\n" + good)) {
			n++
		}
		if invalid := (*daybook.InvalidError)(nil); !errors.As(err, &invalid) || n != 2 {
			t.Errorf("%.60s: %v after %d lines; want line 2 to be invalid", bad, err, n-1)
		}
	}
}

func TestRecordRefusesWhatIsNoHistory(t *testing.T) {
	s := openShop(t)
	for _, h := range []History{
		{Order: "", Facts: []Dated{{Fact: placed}}},
		{Order: "a"},
		{Order: "a", Facts: []Dated{{Fact: "placed"}}},
		{Order: "a\n", Facts: []Dated{{Fact: placed}}},
	} {
		if _, err := s.Record(t.Context(), []History{h}); !errors.As(err, new(*daybook.InvalidError)) {
			t.Errorf("%+v: %v; want it to be invalid", h, err)
		}
	}
	if n := len(wholeLog(t, s.Store())); n != 0 {
		t.Errorf("%d events were recorded", n)
	}
}

// What would stand in the way of the views for ever is not recorded.
func TestRecordRefusesWhatViewsCannotShow(t *testing.T) {
	s := openShop(t)
	const most = 1<<63 - 1
	late := time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
	line := Line{Product: "p", Quantity: 1, UnitPrice: 1}
	placing := func(change func(*OrderPlaced)) OrderPlaced {
		p := OrderPlaced{Currency: Currency, Total: 1, Lines: []Line{line}}
		change(&p)
		return p
	}
	for name, facts := range map[string][]Dated{
		"placed twice":         {{Fact: placing(func(*OrderPlaced) {})}, {Fact: placing(func(*OrderPlaced) {})}},
		"another currency":     {{Fact: placing(func(p *OrderPlaced) { p.Currency = "USD" })}},
		"total":                {{Fact: placing(func(p *OrderPlaced) { p.Total = most })}},
		"a negative total":     {{Fact: placing(func(p *OrderPlaced) { p.Total = -1 })}},
		"price times quantity": {{Fact: placing(func(p *OrderPlaced) { p.Lines[0].Quantity, p.Lines[0].UnitPrice = MaxQuantity, MaxCents })}},
		"lines":                {{Fact: placing(func(p *OrderPlaced) { p.Lines = slices.Repeat(p.Lines, MaxLines+1) })}},
		"promised":             {{Fact: placing(func(p *OrderPlaced) { p.PromisedFor = late })}},
		"happened":             {{Fact: placing(func(*OrderPlaced) {}), At: late}},
		"city":                 {{Fact: placing(func(p *OrderPlaced) { p.Customer.City = strings.Repeat("x", 201) })}},
		"payments":             {{Fact: PaymentReceived{Method: "x", Amount: most}}, {Fact: PaymentReceived{Method: "x", Amount: most}}},
		"instalments":          {{Fact: PaymentReceived{Method: "x", Amount: 1, Installments: -1}}},
		"a refund":             {{Fact: PaymentRefunded{Amount: -1}}},
		"a reason":             {{Fact: OrderCancelled{Reason: "a\nb"}}},
	} {
		if _, err := s.Record(t.Context(), []History{{Order: name, Facts: facts}}); !errors.As(err, new(*daybook.InvalidError)) {
			t.Errorf("%s: %v; want it to be invalid", name, err)
		}
	}
	if n := len(wholeLog(t, s.Store())); n != 0 {
		t.Errorf("%d events were recorded", n)
	}
	order := place(t, s, PlaceOrder{Total: 100})
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Order(t.Context(), order); err != nil {
		t.Error(err)
	}
}

// The same kinds of fact about an order are not the same history.
func TestRecordTellsWhenFactsSayAnotherThing(t *testing.T) {
	s := openShop(t)
	at := time.Date(2017, 11, 24, 10, 0, 0, 0, time.UTC)
	history := func(amount Cents, at time.Time) History {
		return History{Order: "a", Facts: []Dated{{Fact: placed, At: at}, {Fact: PaymentReceived{Method: "x", Amount: amount}}}}
	}
	for i, c := range []struct {
		history History
		want    Kept
	}{
		{history(100, at), Kept{Added: 1, Events: 2}},
		{history(100, at), Kept{Repeated: 1}},
		{history(100, at.In(time.FixedZone("", 3600))), Kept{Repeated: 1}},
		{history(200, at), Kept{Different: []string{"a"}}},
		{history(100, at.Add(1)), Kept{Different: []string{"a"}}},
	} {
		if got, err := s.Record(t.Context(), []History{c.history}); err != nil || cmp.Diff(c.want, got) != "" {
			t.Errorf("%d: %+v, %v; want %+v", i, got, err, c.want)
		}
	}
}

// An order that the shop itself placed is not mixed with an imported one.
func TestRecordLeavesLiveOrdersAlone(t *testing.T) {
	s := openShop(t)
	order := place(t, s, PlaceOrder{Total: 100})
	recorded, err := s.Record(t.Context(), []History{{Order: order, Facts: []Dated{{Fact: placed}}}})
	if err != nil || len(recorded.Different) != 1 {
		t.Errorf("%+v, %v; want it to be different", recorded, err)
	}
	if n := len(wholeLog(t, s.Store())); n != 1 {
		t.Errorf("there are %d events, want 1", n)
	}
}

// Imported orders go on in the shop, under its rules.
func TestImportedOrdersGoOn(t *testing.T) {
	s := importAll(t, writeTables(t, smallTables()))
	do(t, s, DeliverOrder{Order: "c"})
	do(t, s, ReturnOrder{Order: "a", Reason: "broken"})
	do(t, s, RefundOrder{Order: "a"})
	if _, err := s.Bus().Do(t.Context(), command.Envelope{}, ShipOrder{Order: "b", Carrier: "Correios"}); !errors.Is(err, ErrOrderEnded) {
		t.Errorf("a cancelled order was shipped: %v", err)
	}
	for id, want := range map[string]Status{"a": Refunded, "b": Cancelled, "c": Delivered} {
		if o, _, err := s.Order(t.Context(), id); err != nil || o.Status != want {
			t.Errorf("order %s is %v, %v; want %v", id, o.Status, err, want)
		}
	}
}

// The whole sample gives the answers that others computed from the tables.
func TestReportIsWhatOthersComputed(t *testing.T) {
	dir := realdata.Dir(t, "olist", "answers.json")
	s := importAll(t, dir)
	var answers struct {
		Sample map[string]json.RawMessage `json:"sample8000"`
	}
	raw, err := os.ReadFile(filepath.Join(dir, "answers.json"))
	if err == nil {
		err = json.Unmarshal(raw, &answers)
	}
	if err != nil {
		t.Fatal(err)
	}
	report, _, err := s.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	compareAnswers(t, "now", answers.Sample, report,
		"orders_per_status", "payments_per_type", "totals_cents", "per_purchase_month", "stage_durations",
		"top10_products_by_units", "top10_products_by_item_price", "orders_per_customer_state", "paid_cents_per_customer_state")

	var moments map[string]map[string]json.RawMessage
	if err := json.Unmarshal(answers.Sample["as_of"], &moments); err != nil {
		t.Fatal(err)
	}
	if len(moments) == 0 {
		t.Fatal("there are no moments in the answers")
	}
	for moment, want := range moments {
		asOf := timeOf(t, moment)
		report, _, err := s.ReportAsOf(t.Context(), asOf)
		if err != nil {
			t.Fatal(err)
		}
		compareAnswers(t, moment, want, report, "timestamps_at_or_before", "orders_purchased", "stage_highest", "stage_by_last_event")

		// The dashboard counts the same orders.
		d, _, err := s.Dashboard(t.Context(), asOf)
		if err != nil {
			t.Fatal(err)
		}
		if got := must(json.Marshal(d.Paid)); string(got) != string(want["paid_cents_of_orders_purchased"]) || d.Orders != report.Purchased {
			t.Errorf("as of %s the dashboard has %d orders and %s paid; want %d and %s", moment, d.Orders, got, report.Purchased, want["paid_cents_of_orders_purchased"])
		}
	}
}

// Importing half of the orders and then all of them adds only the rest.
func TestImportOfHalfThenAll(t *testing.T) {
	dir := realdata.Dir(t, "olist", "answers.json")
	half := t.TempDir()
	var kept int
	for _, table := range []string{
		"sample8000/" + linesTable, "sample8000/" + paymentsTable, "sample8000/" + customersTable,
		"reference/" + productsTable, "reference/" + sellersTable, "reference/" + translationsTable,
	} {
		if err := os.Symlink(absolute(t, filepath.Join(dir, table+".gz")), filepath.Join(half, filepath.Base(table)+".gz")); err != nil {
			t.Fatal(err)
		}
	}
	var rows strings.Builder
	for i, row := range strings.SplitAfter(unzipped(t, filepath.Join(dir, "sample8000", ordersTable+".gz")), "\n") {
		if i == 0 || i%2 == 1 && row != "" {
			rows.WriteString(row)
			kept += min(i, 1)
		}
	}
	if err := os.WriteFile(filepath.Join(half, ordersTable), []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}

	s := openShop(t)
	first := importInto(t, s, half)
	second := importInto(t, s, dir)
	if kept != 4000 || first.Added != kept || second.Added != 8000-kept || second.Repeated != kept || len(second.Different) != 0 {
		t.Errorf("of %d orders, %+v; then %+v", kept, first.Kept, second.Kept)
	}
	want, _, err := importAll(t, dir).Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.Report(t.Context()); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v; the report differs from that of one import (-one +two):\n%s", err, cmp.Diff(want, got))
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func unzipped(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	compressed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(compressed)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// compareAnswers compares what is under these keys, and that there are no others.
func compareAnswers(t *testing.T, when string, want map[string]json.RawMessage, report any, keys ...string) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(must(json.Marshal(report)), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		var answer any
		if err := json.Unmarshal(want[key], &answer); err != nil {
			t.Fatalf("the answers have no %s: %v", key, err)
		}
		if diff := cmp.Diff(answer, got[key]); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", when, key, diff)
		}
		delete(got, key)
	}
	for key := range got {
		t.Errorf("%s: the report has %s, which nobody asked for", when, key)
	}
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// A page shows what the order's events say, now and right after each of them.
func TestPagesAgreeWithEvents(t *testing.T) {
	s := importAll(t, realdata.Dir(t, "olist", "answers.json"))
	checked := 0
	for filter := (Filter{Limit: MaxLimit}); ; {
		page, _, err := s.Orders(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for i, summary := range page.Orders {
			if checked++; i%4 > 0 {
				continue // a quarter of them has every kind of history
			}
			shown, _, err := s.Order(t.Context(), summary.ID)
			if err != nil {
				t.Fatal(err)
			}
			folded, _, err := s.OrderAsOf(t.Context(), summary.ID, Moment{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(folded, shown); diff != "" {
				t.Fatalf("order %s (-events +view):\n%s", summary.ID, diff)
			}
			if diff := cmp.Diff(shown.Summary, summary); diff != "" {
				t.Fatalf("order %s (-page +list):\n%s", summary.ID, diff)
			}
		}
		if page.Next == "" {
			break
		}
		filter.Cursor = page.Next
	}
	if checked != 8000 {
		t.Errorf("the list has %d orders, want 8000", checked)
	}
}
