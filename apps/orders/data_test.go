package orders

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// importAll imports tables into a new shop in memory, and waits until it shows them.
func importAll(t *testing.T, from string) *Shop {
	t.Helper()
	s, err := Open(t.Context(), memstore.New(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	importInto(t, s, from)
	return s
}

func importInto(t *testing.T, s *Shop, from string) Import {
	t.Helper()
	sum, err := ImportOlist(t.Context(), from, s, nil)
	if err == nil {
		err = showAll(t.Context(), s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// showAll waits until the views show everything.
func showAll(ctx context.Context, s *Shop) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	return s.Wait(ctx, now)
}

// writeTables writes tables by their names, in a directory of their own.
func writeTables(t *testing.T, tables map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range tables {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// smallTables are three orders with all that can be odd about them.
func smallTables() map[string]string {
	return map[string]string{
		ordersTable: `"order_id","customer_id","order_status","order_purchase_timestamp","order_approved_at","order_delivered_carrier_date","order_delivered_customer_date","order_estimated_delivery_date"
a,ca,delivered,2017-11-24 10:00:00,2017-11-24 12:00:00,2017-11-24 09:00:00,2017-11-30 08:00:00,2017-12-15 00:00:00
b,cb,canceled,2017-11-25 10:00:00,,,,2017-12-15 00:00:00
c,cc,shipped,2017-11-26 10:00:00,2017-11-26 10:00:00,,,2017-12-15 00:00:00
`,
		linesTable: `order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value
a,2,p2,s1,2017-11-28 00:00:00,5.5,1
a,1,p1,s1,2017-11-28 00:00:00,10.00,2.5
c,1,p1,s1,2017-11-28 00:00:00,10.0,2.50
`,
		paymentsTable: `order_id,payment_sequential,payment_type,payment_installments,payment_value
a,2,voucher,1,9.0
a,1,credit_card,3,10.0
b,1,boleto,1,7.35
c,2,credit_card,1,12.50
`,
		customersTable: `customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state
ca,ann,01001,"sao paulo",SP
cb,bob,20000,rio de janeiro,RJ
`,
		productsTable: `"product_id","product_category_name","product_name_lenght"
p1,brinquedos,40
p2,,
`,
		sellersTable: "seller_id,seller_city\ns1,campinas\n",
		translationsTable: "\ufeffproduct_category_name,product_category_name_english\n" +
			"brinquedos,toys\n",
	}
}

func timeOf(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(olistTime, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// wholeLog returns every event of a store.
func wholeLog(t *testing.T, store daybook.Store) []daybook.Recorded {
	t.Helper()
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
