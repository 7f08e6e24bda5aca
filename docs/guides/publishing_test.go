package guides

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/publish/webhook"
	"github.com/daybook-es/daybook/store/memstore"
)

func Example_publishing() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store := memstore.New()
	dir, err := os.MkdirTemp("", "publishing")
	fmt.Println("directory:", err)
	defer os.RemoveAll(dir)

	_, err = Cards.Decide(ctx, store, "7", Issue(5000))
	fmt.Println("issue:", err)
	receipt, err := Cards.Decide(ctx, store, "7", Spend(1200))
	fmt.Println("spend:", err)

	secret := webhook.NewSecret()
	seen := make(map[string]bool) // in a database, together with what the receiver does
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		id, err := webhook.Verify(r.Header, body, time.Now(), secret)
		if err != nil {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if !seen[id] {
			fmt.Println("received", len(seen)+1)
			seen[id] = true
		}
	}))
	defer receiver.Close()

	bookmark, err := publish.OpenFile(dir)
	fmt.Println("bookmark:", err)
	defer bookmark.Close()
	partner, err := webhook.New(receiver.URL, []webhook.Secret{secret}, &webhook.Options{
		AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, // here only
	})
	fmt.Println("partner:", err)
	defer partner.Close()
	cards := daybook.Query{{Categories: []string{"card"}}}
	publisher := publish.New(store, cards, partner, bookmark, nil)
	ran := make(chan error, 1)
	go func() { ran <- publisher.Run(ctx) }()

	status, err := publisher.Status(ctx)
	for err == nil && status.Sent < 2 {
		time.Sleep(time.Millisecond)
		status, err = publisher.Status(ctx)
	}
	fmt.Println("sent:", status.Sent, "lag:", status.Lag, "stuck:", status.Stuck != nil)
	stop()
	fmt.Println("stopped:", <-ran)

	mark, err := bookmark.Load(context.Background())
	fmt.Println("at the receipt:", mark.Point == receipt.Point, err)
	// Output:
	// directory: <nil>
	// issue: <nil>
	// spend: <nil>
	// bookmark: <nil>
	// partner: <nil>
	// received 1
	// received 2
	// sent: 2 lag: 0 stuck: false
	// stopped: <nil>
	// at the receipt: true <nil>
}

func Example_publishingAside() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store := memstore.New()
	if _, err := Cards.Decide(ctx, store, "7", Issue(5000)); err != nil {
		fmt.Println(err)
	}
	knows7 := false
	mails := publish.Handle(Cards.Codec(),
		publish.On(func(_ context.Context, e Issued, m publish.Message) error {
			if m.Key == "card-7" && !knows7 {
				return publish.Refused(errors.New("nobody has card 7"))
			}
			fmt.Println("mail to the owner of", m.Key)
			return nil
		}),
	)
	publisher := publish.New(store, mails.Query(), mails, publish.InStream(store, "mails"),
		&publish.Options{Logger: slog.New(slog.DiscardHandler)})
	ran := make(chan error, 1)
	go func() { ran <- publisher.Run(ctx) }()

	for len(publisher.Aside()) == 0 {
		time.Sleep(time.Millisecond)
	}
	for _, aside := range publisher.Aside() {
		fmt.Printf("%s waits at position %d: %s\n", aside.Key, aside.Position, aside.Cause)
	}

	knows7 = true
	fmt.Println("retry:", publisher.Retry("card-7"))
	for len(publisher.Aside()) > 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	fmt.Println("stopped:", <-ran)
	// Output:
	// card-7 waits at position 1: publish: handle CardIssued at position 1: publish: refused: nobody has card 7
	// retry: <nil>
	// mail to the owner of card-7
	// stopped: <nil>
}
