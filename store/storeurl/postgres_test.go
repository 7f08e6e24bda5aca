package storeurl_test

import (
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/storeurl"
)

func TestALogInADatabaseIsNamedByItsURL(t *testing.T) {
	url := pgtest.Database(t)
	with := func(params string) string {
		if strings.Contains(url, "?") {
			return url + "&" + params
		}
		return url + "?" + params
	}
	logs := map[string]daybook.Point{}
	for _, params := range []string{"application_name=shop", "log=other", "log=other&schema=some+where"} {
		receipt := append1(t, open(t, with(params), nil))
		if receipt.Position != 1 {
			t.Errorf("%s: position %d, want that the log is new", params, receipt.Position)
		}
		logs[params] = receipt.Point
	}
	for params, point := range logs {
		store := open(t, strings.Replace(with(params), "postgres://", "postgresql://", 1), &storeurl.Options{ReadOnly: true})
		if info, err := store.Info(t.Context()); err != nil || info.Head != point {
			t.Errorf("%s: the head is %v, %v; want %v", params, info.Head, err, point)
		}
	}
	for params, want := range map[string]string{
		"lgo=main":                  "lgo",
		"log=nobody":                "there is no such log",
		"require=quorum":            "durability quorum is required",
		"log=main&schema=nowhere":   "there is no such log",
		"password=h%2Fdden&lgo=one": "lgo",
	} {
		store, err := storeurl.Open(t.Context(), with(params), &storeurl.Options{ReadOnly: true})
		if err == nil {
			store.Close()
			t.Errorf("%s was opened", params)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "dden") {
			t.Errorf("%s: %v, want that it says %s", params, err, want)
		}
	}
	// Nobody listens there; the error says where, and no password.
	for _, url := range []string{"postgres://ada:h%2Fdden@127.0.0.1:1/shop", "postgres://ada:h/dden@127.0.0.1:1/shop", "postgres://ada:h%2Fdden@127.0.0.1:1,127.0.0.1:2/shop?connect_timeout=1"} {
		store, err := storeurl.Open(t.Context(), url, nil)
		if err == nil {
			store.Close()
			t.Errorf("%s was opened", url)
		} else if strings.Contains(err.Error(), "dden") {
			t.Errorf("%s is told as %v", url, err)
		} else {
			t.Log(err)
		}
	}
}
