package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
)

// JetStream is a nats-server in this process with one stream of one replica, each
// daybook stream a subject of it.
type JetStream struct {
	server *server.Server
	conn   *nats.Conn
	stream jetstream.Stream
	// batches bounds the atomic batches under way, of which the server takes 50.
	batches chan struct{}
	batch   atomic.Uint64
}

const jetStreamPrefix = "events."

// OpenJetStream starts the server, which listens nowhere.
func OpenJetStream(dir string) (Peer, error) {
	ns, err := server.NewServer(&server.Options{
		JetStream: true, StoreDir: dir, SyncAlways: true, DontListen: true, NoLog: true, NoSigs: true,
		JetStreamMaxMemory: 1 << 30, JetStreamMaxStore: 64 << 30,
	})
	if err != nil {
		return nil, err
	}
	go ns.Start()
	p := &JetStream{server: ns, batches: make(chan struct{}, 40)}
	if !ns.ReadyForConnections(30 * time.Second) {
		return nil, errors.Join(errors.New("nats-server was not ready within 30 s"), p.Close())
	}
	if err := p.connect(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *JetStream) connect() (err error) {
	if p.conn, err = nats.Connect("", nats.InProcessServer(p.server)); err != nil {
		return err
	}
	js, err := jetstream.New(p.conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p.stream, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{jetStreamPrefix + ">"}, Storage: jetstream.FileStorage,
		AllowDirect: true, AllowAtomicPublish: true,
	})
	return err
}

// Append implements [Peer].
func (p *JetStream) Append(ctx context.Context, events []daybook.Event) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if len(events) > 1 {
		p.batches <- struct{}{}
		defer func() { <-p.batches }()
	}
	now := time.Now()
	id := strconv.FormatUint(p.batch.Add(1), 10)
	for i := range events {
		m := nats.NewMsg(jetStreamPrefix + events[i].Stream)
		m.Data = encode(nil, &events[i], 0, now)
		if len(events) > 1 {
			m.Header.Set("Nats-Batch-Id", id)
			m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		}
		if i < len(events)-1 {
			if err := p.conn.PublishMsg(m); err != nil {
				return err
			}
			continue
		}
		if len(events) > 1 {
			m.Header.Set("Nats-Batch-Commit", "1")
		}
		answer, err := p.conn.RequestMsgWithContext(ctx, m)
		if err != nil {
			return err
		}
		var ack struct {
			Error *struct {
				Description string `json:"description"`
			} `json:"error"`
		}
		if err := json.Unmarshal(answer.Data, &ack); err != nil {
			return err
		}
		if ack.Error != nil {
			return fmt.Errorf("publish: %s", ack.Error.Description)
		}
	}
	return nil
}

// Replay implements [Peer].
func (p *JetStream) Replay(ctx context.Context, visit func([]byte)) error {
	info, err := p.stream.Info(ctx)
	if err != nil {
		return err
	}
	return p.consume(ctx, jetStreamPrefix+">", info.State.Msgs, visit)
}

// Load implements [Peer].
func (p *JetStream) Load(ctx context.Context, stream string, visit func([]byte)) error {
	info, err := p.stream.Info(ctx, jetstream.WithSubjectFilter(jetStreamPrefix+stream))
	if err != nil {
		return err
	}
	return p.consume(ctx, jetStreamPrefix+stream, info.State.Subjects[jetStreamPrefix+stream], visit)
}

func (p *JetStream) consume(ctx context.Context, subject string, events uint64, visit func([]byte)) error {
	if events == 0 {
		return nil
	}
	consumer, err := p.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(5000))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for range events {
		m, err := messages.Next()
		if err != nil {
			return err
		}
		visit(dataOf(m.Data()))
	}
	return nil
}

// Head implements [Peer].
func (p *JetStream) Head(ctx context.Context, stream string) (uint64, error) {
	m, err := p.stream.GetLastMsgForSubject(ctx, jetStreamPrefix+stream)
	if err != nil {
		return 0, err
	}
	return m.Sequence, nil
}

// Close implements [Peer].
func (p *JetStream) Close() error {
	if p.conn != nil {
		p.conn.Close()
	}
	p.server.Shutdown()
	p.server.WaitForShutdown()
	return nil
}
