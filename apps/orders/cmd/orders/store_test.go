package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/internal/pgtest"
)

// The same program on another store, which several of them may have open: each has its own
// views.
func TestTheShopRunsOnPostgreSQL(t *testing.T) {
	url := pgtest.Database(t)
	tables := filepath.Join(t.TempDir(), "tables")
	extract(t, filepath.Join("testdata", "script", "store.txtar"), "tables/", tables)
	here, there := filepath.Join(t.TempDir(), "here"), filepath.Join(t.TempDir(), "there")

	address := serve(t, "--data", here, "--store", url, "--addr", "127.0.0.1:0")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"import", "--data", there, "--store", url, tables}, "2 orders read: 2 added with 8 events, 0 there already"},
		{[]string{"import", "--addr", address, tables}, "2 orders read: 0 added with 0 events, 2 there already"},
		{[]string{"report", "--data", there, "--store", url}, "voucher"},
		{[]string{"report", "--addr", address}, "voucher"},
		{[]string{"audit", "--store", url}, "0 under way"},
	} {
		if out, errs, code := run(t.Context(), c.args...); code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("orders %s: %d, %q, %q; want %q", strings.Join(c.args, " "), code, out, errs, c.want)
		}
	}
	if _, errs, code := run(t.Context(), "report", "--data", there, "--store", url+"&log=nobody"); code != 1 || !strings.Contains(errs, "there is no such log") {
		t.Errorf("a shop that is not there: %d, %q", code, errs)
	}
}
