package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
)

// Cluster is three nats-servers in this process, on one disk, that keep streams together
// and sync what they acknowledge.
type Cluster struct{ servers []*server.Server }

const clusterServers = 3

// StartCluster starts the servers in a directory, and waits until they have agreed on who
// leads.
func StartCluster(dir string) (_ *Cluster, err error) {
	c := new(Cluster)
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	ports, err := freePorts(clusterServers)
	if err != nil {
		return nil, err
	}
	var routes []*url.URL
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	for i, port := range ports {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("n%d", i+1), StoreDir: filepath.Join(dir, fmt.Sprintf("n%d", i+1)),
			JetStream: true, SyncAlways: true, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
			JetStreamMaxMemory: 1 << 30, JetStreamMaxStore: 64 << 30, MaxPayload: 8 << 20,
			Cluster: server.ClusterOpts{Name: "bench", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, s)
		go s.Start()
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		ready := 0
		for _, s := range c.servers {
			if s.ReadyForConnections(time.Second) && s.JetStreamIsCurrent() && s.NumRoutes() > 0 {
				ready++
			}
		}
		if ready == clusterServers {
			return c, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.New("three nats-servers did not agree within a minute")
		}
	}
}

// freePorts returns ports on which nobody listens.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// URL returns the addresses of the servers, beginning with the n-th.
func (c *Cluster) URL(n int) (urls string) {
	for i := range c.servers {
		if i > 0 {
			urls += ","
		}
		urls += c.servers[(n+i)%len(c.servers)].ClientURL()
	}
	return urls
}

// Close stops the servers.
func (c *Cluster) Close() error {
	for _, s := range c.servers {
		s.Shutdown()
	}
	for _, s := range c.servers {
		s.WaitForShutdown()
	}
	return nil
}

// Publisher publishes each event as a message of its own.
type Publisher struct {
	conn *nats.Conn
	js   jetstream.JetStream
	name string
	last sync.Map // of a subject, the sequence of its last message
}

// OpenPublisher makes a stream on three servers.
func OpenPublisher(ctx context.Context, c *Cluster, name string) (*Publisher, error) {
	p := &Publisher{name: name}
	err := p.open(ctx, c)
	if err != nil && p.conn != nil {
		p.conn.Close()
	}
	return p, err
}

func (p *Publisher) open(ctx context.Context, c *Cluster) (err error) {
	if p.conn, err = nats.Connect(c.URL(0)); err != nil {
		return err
	}
	if p.js, err = jetstream.New(p.conn); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = p.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: p.name, Subjects: []string{p.name + ".>"}, Storage: jetstream.FileStorage, Replicas: clusterServers,
	})
	if err != nil {
		return err
	}
	// Not every server knows at once that there is a stream for these subjects.
	for {
		_, err := p.js.Publish(ctx, p.name+".first", nil)
		if !errors.Is(err, jetstream.ErrNoStreamResponse) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// AppendAt implements [Versioned].
func (p *Publisher) AppendAt(ctx context.Context, e daybook.Event, at daybook.Version) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	subject := p.name + "." + e.Stream
	m := nats.NewMsg(subject)
	m.Data = encode(nil, &e, 0, time.Now())
	last := uint64(0)
	if at > 0 {
		known, _ := p.last.Load(subject)
		last, _ = known.(uint64)
	}
	for {
		ack, err := p.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(last))
		if err == nil {
			p.last.Store(subject, ack.Sequence)
			return nil
		}
		// "Wrong last sequence" is not yet a conflict: an answer that came late is about the
		// message itself, and one that came early about the message before, which is stored
		// and not yet seen by what checks this one.
		stream, lost := p.js.Stream(ctx, p.name)
		if lost != nil {
			return errors.Join(err, lost)
		}
		newest, lost := stream.GetLastMsgForSubject(ctx, subject)
		switch {
		case lost == nil && bytes.Equal(newest.Data, m.Data):
			p.last.Store(subject, newest.Sequence)
			return nil
		case lost == nil && newest.Sequence == last, errors.Is(lost, jetstream.ErrMsgNotFound) && last == 0:
			continue
		}
		return errors.Join(err, lost)
	}
}

// Close implements [Versioned]. The stream is deleted, so that the next peer has the disk
// to itself.
func (p *Publisher) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := p.js.DeleteStream(ctx, p.name)
	p.conn.Close()
	return err
}
