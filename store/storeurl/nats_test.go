package storeurl_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/store/natsstore/embedded"
	"github.com/daybook-es/daybook/store/storeurl"
)

func TestALogInAClusterIsNamedByItsURL(t *testing.T) {
	servers := natstest.Start(t, 1).URL()
	node := func(name string) string { return servers + "?log=orders&dir=" + filepath.Join(t.TempDir(), name) }
	// Who looks makes nothing.
	if store, err := storeurl.Open(t.Context(), node("early"), &storeurl.Options{ReadOnly: true}); err == nil {
		store.Close()
		t.Fatal("a log that is not there was opened for reading")
	}
	one := open(t, node("one"), nil)
	receipt := append1(t, one)
	other := open(t, node("two"), &storeurl.Options{ReadOnly: true})
	if at, err := other.Wait(t.Context(), daybook.All(), 0); err != nil || at != receipt.Position {
		t.Errorf("the other node is at %d (%v), want %d", at, err, receipt.Position)
	}
	var unavailable *daybook.UnavailableError
	if _, err := other.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil); !errors.As(err, &unavailable) || !errors.Is(err, daybook.ErrReadOnly) {
		t.Errorf("an append to a store that was opened to be read: %v", err)
	}
	for url, want := range map[string]string{
		servers + "?log=orders":                                                    "is missing",
		node("wrong") + "&colour=blue":                                             "colour",
		node("strict") + "&require=quorum":                                         "quorum",
		"nats://h%2Fdden@127.0.0.1:1?dir=data":                                     "127.0.0.1:1",
		"nats://ada:h%2Fdden@127.0.0.1:1,nats://ada:h%2Fdden@127.0.0.1:2?dir=data": "",
	} {
		store, err := storeurl.Open(t.Context(), url, nil)
		if err == nil {
			store.Close()
			t.Errorf("%s was opened", url)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "dden") {
			t.Errorf("%s: %v, want that it says %s", url, err, want)
		}
	}
}

func TestAServerIsTakenInOnlyWhereAProgramAddsIt(t *testing.T) {
	url := "nats://embedded?require=disk&log=orders&dir=" + filepath.Join(t.TempDir(), "it")
	if store, err := storeurl.Open(t.Context(), strings.Replace(url, "embedded?", "embedded.invalid:1?", 1), nil); err == nil {
		store.Close()
		t.Error("a host that is not there was opened")
	}
	stores := storeurl.Stores()
	stores["nats"] = storeurl.NATSWith(embedded.Open)
	// Who looks makes nothing.
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	if store, err := stores.Open(t.Context(), "nats://embedded?dir="+nowhere, &storeurl.Options{ReadOnly: true}); err == nil {
		store.Close()
		t.Error("a log that is not there was opened for reading")
	}
	if _, err := os.Stat(nowhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking for a log made its directory: %v", err)
	}
	var receipt daybook.Receipt
	for range 2 {
		store, err := stores.Open(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if receipt.Position > 0 {
			if info, err := store.Info(t.Context()); err != nil || info.Head != receipt.Point {
				t.Errorf("opened again, it is at %v (%v), want %v", info.Head, err, receipt.Point)
			}
		}
		if receipt = append1(t, store); receipt.Durability != daybook.Disk {
			t.Errorf("the receipt says %s, want disk", receipt.Durability)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := stores.Open(t.Context(), url+"&colour=blue", nil); err == nil || !strings.Contains(err.Error(), "there is no parameter colour for nats://") {
		t.Errorf("an unknown parameter: %v", err)
	}
	// Other hosts are hosts.
	if _, err := stores.Open(t.Context(), "nats://127.0.0.1:1?dir="+t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "NATS") {
		t.Errorf("a host on which nobody listens: %v", err)
	}
}
