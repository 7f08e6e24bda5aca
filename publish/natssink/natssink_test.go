package natssink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/publish/natssink"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a NATS server in this process, and connects to it.
func start(dir string) (*server.Server, jetstream.JetStream, error) {
	ns, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, nil, err
	}
	go ns.Start()
	if !ns.ReadyForConnections(20 * time.Second) {
		return nil, nil, errors.New("the NATS server does not come up")
	}
	nc, err := nats.Connect("", nats.InProcessServer(ns), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	return ns, js, err
}

// stop ends what start started.
func stop(ns *server.Server, js jetstream.JetStream) {
	js.Conn().Close()
	ns.Shutdown()
	ns.WaitForShutdown()
}

func connected(t *testing.T) (*server.Server, jetstream.JetStream) {
	t.Helper()
	ns, js, err := start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(ns, js) })
	return ns, js
}

// stream makes a stream in JetStream that has all subjects behind "shop".
func stream(t *testing.T, js jetstream.JetStream, config jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	config.Name, config.Subjects = "SHOP", []string{"shop.>"}
	s, err := js.CreateStream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stored returns the messages that a stream of JetStream has, in order.
func stored(t *testing.T, s jetstream.Stream) (all []*jetstream.RawStreamMsg) {
	t.Helper()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		msg, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, msg)
	}
	return all
}

// message returns the first message of a stream.
func message(stream, eventType string) publish.Message {
	id := uuid.New()
	return publish.Message{ID: id, Attempt: 2, Recorded: daybook.Recorded{
		Event:    daybook.Event{ID: id, Stream: stream, Type: eventType, Data: []byte(`{"cents": 4200}`)},
		Position: 7, Version: 1, RecordedAt: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}}
}

func TestAnEventIsStoredOnItsSubjectWithItsID(t *testing.T) {
	_, js := connected(t)
	shop := stream(t, js, jetstream.StreamConfig{})
	s, m := natssink.New(js, natssink.ByStream("shop"), nil), message("order-42", "OrderPaid")
	for range 2 { // the second one is dropped by its id
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	all := stored(t, shop)
	if len(all) != 1 {
		t.Fatalf("%d messages are stored; want one", len(all))
	}
	got := all[0]
	for header, want := range map[string]string{
		"Nats-Msg-Id": m.ID.String(), "Daybook-Event-Id": m.ID.String(), "Daybook-Type": "OrderPaid", "Daybook-Position": "7", "Daybook-Attempt": "2",
	} {
		if got.Header.Get(header) != want {
			t.Errorf("%s is %q; want %q", header, got.Header.Get(header), want)
		}
	}
	if got.Subject != "shop.order.order-42.OrderPaid" {
		t.Errorf("it is on %s", got.Subject)
	}
	for read, err := range jsonlines.NewReader(bytes.NewReader(got.Data)).Recorded() {
		if err != nil || read.Digest() != m.Recorded.Digest() {
			t.Errorf("its data is %s, read as %+v, %v", got.Data, read, err)
		}
	}
}

func TestNamesThatMeanSomethingToNATSAreEscaped(t *testing.T) {
	_, js := connected(t)
	shop := stream(t, js, jetstream.StreamConfig{})
	s := natssink.New(js, natssink.ByStream("shop"), nil)
	names := []string{
		"order-42", "a b-1", "a.b-1", "*", ">", "a*-1", "a>-1", "%", "%2A", "-", "-1", "naïve-ß", "日本-語", "a/b-\\", "\"q\"-'", "order-" + strings.Repeat("x.", 200), "$x",
		"\u00a0-\u2028",
	}
	seen := make(map[string]string)
	for _, name := range names {
		m := message(name, "Paid.In > Full *")
		if err := s.Send(t.Context(), m); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		all := stored(t, shop)
		subject := all[len(all)-1].Subject
		if before, twice := seen[subject]; twice {
			t.Errorf("%q and %q are both on %s", name, before, subject)
		}
		seen[subject] = name
		if tokens := strings.Split(subject, "."); len(tokens) != 4 || tokens[3] != "Paid%2EIn%20%3E%20Full%20%2A" {
			t.Errorf("%q is on %s; want four tokens, the last one the type", name, subject)
		}
	}
	if token := natssink.Token("$JS.API"); token != "%24JS%2EAPI" {
		t.Errorf("what belongs to the server is written as %s", token)
	}
	if m := message("", "Noted"); s.Send(t.Context(), m) != nil || stored(t, shop)[len(stored(t, shop))-1].Subject != "shop.Noted" {
		t.Error("an event in no stream is not on shop.Noted")
	}
}

func TestWhatCannotBePublishedIsRefused(t *testing.T) {
	_, js := connected(t)
	stream(t, js, jetstream.StreamConfig{MaxMsgSize: 2000})
	for what, subject := range map[string]func(publish.Message) (string, error){
		"no subject":          func(publish.Message) (string, error) { return "", nil },
		"an error":            func(publish.Message) (string, error) { return "", errors.New("unknown") },
		"a wildcard":          func(publish.Message) (string, error) { return "shop.*", nil },
		"another wildcard":    func(publish.Message) (string, error) { return "shop.>", nil },
		"a space":             func(publish.Message) (string, error) { return "shop.a b", nil },
		"a line":              func(publish.Message) (string, error) { return "shop.a\r\nPUB evil 0", nil },
		"an empty token":      func(publish.Message) (string, error) { return "shop..a", nil },
		"an end":              func(publish.Message) (string, error) { return "shop.", nil },
		"the server's":        func(publish.Message) (string, error) { return "$JS.API.STREAM.DELETE.SHOP", nil },
		"too long a one":      func(publish.Message) (string, error) { return "shop." + strings.Repeat("x", 5000), nil },
		"bytes of no meaning": func(publish.Message) (string, error) { return "shop.\xff", nil },
	} {
		var refused *publish.RefusedError
		if err := natssink.New(js, subject, nil).Send(t.Context(), message("order-1", "OrderPaid")); !errors.As(err, &refused) {
			t.Errorf("%s: %v; want it refused", what, err)
		}
	}
	for _, size := range []int{3000, 3 << 20} { // more than the stream takes, and than the server does
		m := message("order-1", "OrderPaid")
		m.Recorded.Data = fmt.Appendf(nil, "%q", strings.Repeat("x", size))
		var refused *publish.RefusedError
		if err := natssink.New(js, natssink.ByStream("shop"), nil).Send(t.Context(), m); !errors.As(err, &refused) {
			t.Errorf("%d bytes: %v; want it refused", size, err)
		}
	}
}

func TestAMessageThatNoStreamTakesIsNotSent(t *testing.T) {
	_, js := connected(t)
	shop := stream(t, js, jetstream.StreamConfig{})
	m := message("order-1", "OrderPaid")
	for what, s := range map[string]*natssink.Sink{
		"no stream has the subject": natssink.New(js, natssink.ByStream("elsewhere"), nil),
		"another stream has it":     natssink.New(js, natssink.ByStream("shop"), &natssink.Options{Stream: "OTHER"}),
	} {
		var refused *publish.RefusedError
		if err := s.Send(t.Context(), m); err == nil || errors.As(err, &refused) {
			t.Errorf("%s: %v; want it tried again", what, err)
		}
	}
	if n := len(stored(t, shop)); n != 0 {
		t.Errorf("%d messages are stored", n)
	}
	if err := natssink.New(js, natssink.ByStream("shop"), &natssink.Options{Stream: "SHOP"}).Send(t.Context(), m); err != nil {
		t.Errorf("the stream that is expected: %v", err)
	}
}

func TestWithoutAConnectionTheSinkIsUnavailable(t *testing.T) {
	ns, js := connected(t)
	stream(t, js, jetstream.StreamConfig{})
	s := natssink.New(js, natssink.ByStream("shop"), nil)
	ns.Shutdown()
	ns.WaitForShutdown()
	for js.Conn().Status() == nats.CONNECTED {
		time.Sleep(time.Millisecond)
	}
	var unavailable *publish.UnavailableError
	if err := s.Send(t.Context(), message("order-1", "OrderPaid")); !errors.As(err, &unavailable) {
		t.Errorf("the server is gone: %v; want it unavailable", err)
	}
	js.Conn().Close()
	if err := s.Send(t.Context(), message("order-1", "OrderPaid")); !errors.As(err, &unavailable) {
		t.Errorf("the connection is closed: %v; want it unavailable", err)
	}
}

func TestALogIsPublishedInOrderPerStreamAndOnce(t *testing.T) {
	_, js := connected(t)
	shop := stream(t, js, jetstream.StreamConfig{})
	store := memstore.New()
	for i := range 200 {
		if _, err := store.Append(t.Context(), []daybook.Event{{Stream: fmt.Sprintf("order-%d", i%9), Type: "Counted"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second one sends it all again
		publisher := publish.New(store, daybook.All(), natssink.New(js, natssink.ByStream("shop"), nil), new(publish.MemoryBookmark), nil)
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- publisher.Run(ctx) }()
		for {
			if s, err := publisher.Status(ctx); err != nil {
				t.Fatal(err)
			} else if s.Sent == 200 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		stop()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
	}
	versions, all := make(map[string]daybook.Version), stored(t, shop)
	for _, msg := range all {
		for e, err := range jsonlines.NewReader(bytes.NewReader(msg.Data)).Recorded() {
			if err != nil {
				t.Fatal(err)
			}
			if versions[e.Stream]++; e.Version != versions[e.Stream] {
				t.Errorf("version %d of %s comes as number %d", e.Version, e.Stream, versions[e.Stream])
			}
		}
	}
	if len(all) != 200 {
		t.Errorf("%d messages are stored; want each of 200 once", len(all))
	}
}

// Orders go to JetStream, where a stream keeps them for whoever asks.
func Example() {
	ctx, stopRun := context.WithCancel(context.Background())
	defer stopRun()
	dir, err := os.MkdirTemp("", "natssink")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ns, js, err := start(dir) // a server in this process, and a connection to it
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop(ns, js)
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "SHOP", Subjects: []string{"shop.>"}})
	fmt.Println("stream:", err)

	store := memstore.New()
	store.Append(ctx, []daybook.Event{{Stream: "order-42", Type: "OrderPaid", Data: []byte(`{"cents":4200}`)}}, nil)
	orders := daybook.Query{{Categories: []string{"order"}}}
	publisher := publish.New(store, orders, natssink.New(js, natssink.ByStream("shop"), nil), publish.InStream(store, "shop"),
		&publish.Options{Logger: slog.New(slog.DiscardHandler)})
	ran := make(chan error)
	go func() { ran <- publisher.Run(ctx) }()

	consumer, err := js.OrderedConsumer(ctx, "SHOP", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"shop.order.*.OrderPaid"}})
	fmt.Println("consumer:", err)
	msg, err := consumer.Next(jetstream.FetchMaxWait(time.Minute))
	fmt.Println(msg.Subject(), "at position", msg.Headers().Get("Daybook-Position"), err)
	stopRun()
	fmt.Println("stopped:", <-ran)
	// Output:
	// stream: <nil>
	// consumer: <nil>
	// shop.order.order-42.OrderPaid at position 1 <nil>
	// stopped: <nil>
}
