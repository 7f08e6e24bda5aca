package natsstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
)

// soon is a context in which something should long be done.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestOptionsThatCannotBeAreInvalid(t *testing.T) {
	for url, o := range map[string]*Options{
		"nats://127.0.0.1:1":                                nil,
		"nats://127.0.0.1:1?log=a.b&dir=x":                  nil,
		"nats://127.0.0.1:1?log=%2A&dir=x":                  nil,
		"nats://127.0.0.1:1?replicas=2&dir=x":               nil,
		"nats://127.0.0.1:1?replicas=many&dir=x":            nil,
		"nats://127.0.0.1:1?require=everything":             {Dir: "x"},
		"nats://127.0.0.1:1?colour=red":                     {Dir: "x"},
		"nats://127.0.0.1:1?dir=x&dir=y":                    nil,
		"nats://127.0.0.1:1?dir=%zz":                        nil,
		"nats://127.0.0.1:1?dir=x&cert=only-one":            nil,
		"nats://127.0.0.1:1?dir=x&nkey=/not/there":          nil,
		"nats://127.0.0.1:1?log=" + strings.Repeat("x", 65): {Dir: "x"},
	} {
		var invalid *daybook.InvalidError
		if _, err := Open(t.Context(), url, o); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", url, err)
		}
	}
	var unavailable *daybook.UnavailableError
	if _, err := Open(t.Context(), "nats://127.0.0.1:1?dir="+t.TempDir(), nil); !errors.As(err, &unavailable) {
		t.Errorf("where no server is: %v", err)
	}
}

// A stream that was made otherwise, and may lose events, is refused.
func TestAStreamThatCouldLoseEventsIsRefused(t *testing.T) {
	servers := natstest.StartWith(t, 1, unsynced)
	conn, err := nats.Connect(servers.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for i, change := range []func(*jetstream.StreamConfig){
		func(c *jetstream.StreamConfig) { c.Subjects = c.Subjects[:2] },
		func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
		func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld },
		func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 },
		func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 10 },
		func(c *jetstream.StreamConfig) { c.MaxMsgSize = 100_000 },
		func(c *jetstream.StreamConfig) { c.DenyDelete = false },
		func(c *jetstream.StreamConfig) { c.DenyPurge = false },
		func(c *jetstream.StreamConfig) { c.DenyPurge, c.AllowRollup = false, true },
		func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true },
		func(c *jetstream.StreamConfig) { c.AllowDirect = true },
		func(c *jetstream.StreamConfig) { c.NoAck = true },
		func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
		func(c *jetstream.StreamConfig) {
			c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: c.Subjects[2], Destination: c.Subjects[1]}
		},
	} {
		log := fmt.Sprintf("wrong-%d", i)
		config := subjectsOf(log).config(1)
		change(&config)
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
		var invalid *daybook.InvalidError
		if _, err := Open(soon(t), servers.URL(), &Options{Dir: t.TempDir(), Log: log, Logger: quiet}); !errors.As(err, &invalid) || invalid.What != "stream" {
			t.Errorf("stream %d, %+v: %v", i, config, err)
		}
	}
	config := subjectsOf("right").config(1)
	config.MaxBytes = 1 << 20 // what has no room is refused
	if _, err := js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	s, err := Open(soon(t), servers.URL(), &Options{Dir: t.TempDir(), Log: "right", Logger: quiet})
	if err != nil {
		t.Fatalf("a stream that is as it should be: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	small := natstest.StartWith(t, 1, func(o *server.Options) { o.MaxPayload = 900 << 10 })
	var invalid *daybook.InvalidError
	if _, err := Open(soon(t), small.URL(), &Options{Dir: t.TempDir(), Logger: quiet}); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("a server that takes short messages only: %v", err)
	}
}

// A copy of another log, one of another incarnation, and one that has what the stream has lost are refused.
func TestACopyThatIsNoPartOfTheStreamIsRefused(t *testing.T) {
	servers := natstest.StartWith(t, 1, unsynced)
	one, other := newSubject(t, servers, 1, Options{}), newSubject(t, servers, 1, Options{})
	mustAppend(t, one.nodes[0], placed("order-1"))
	if err := errors.Join(one.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	other.dirs[0] = one.dirs[0]
	var invalid *daybook.InvalidError
	if _, err := other.node(soon(t), 0); !errors.As(err, &invalid) {
		t.Errorf("a directory of another log: %v", err)
	}

	// A log of the same identity that has recorded something else, or nothing yet.
	for _, recorded := range []int{0, 3} {
		again := natstest.StartWith(t, 1, unsynced)
		fake := newSubject(t, again, 1, Options{})
		fake.log = one.log
		fakeIdentity(t, again, one)
		fake.dirs[0] = t.TempDir()
		if recorded > 0 {
			node, err := fake.node(soon(t), 0)
			if err != nil {
				t.Fatal(err)
			}
			for range recorded {
				mustAppend(t, node, placed("order-2"))
			}
			if err := node.Close(); err != nil {
				t.Fatal(err)
			}
		}
		fake.dirs[0] = one.dirs[0]
		var corrupt *daybook.CorruptError
		if _, err := fake.node(soon(t), 0); !errors.As(err, &corrupt) {
			t.Errorf("a copy of a stream that has recorded %d other events: %v", recorded, err)
		}
	}
}

// fakeIdentity makes a stream that begins as a log's does.
func fakeIdentity(t *testing.T, servers *natstest.Cluster, as *subject) {
	t.Helper()
	from, err := nats.Connect(as.servers.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := nats.Connect(servers.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	source, err := jetstream.New(from)
	if err != nil {
		t.Fatal(err)
	}
	target, err := jetstream.New(to)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := source.Stream(t.Context(), subjectsOf(as.log).stream)
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.CreateStream(t.Context(), subjectsOf(as.log).config(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Publish(t.Context(), first.Subject, first.Data); err != nil {
		t.Fatal(err)
	}
}

// stated opens a log and returns the durability that it states.
func stated(t *testing.T, url string, o Options) (daybook.Durability, error) {
	t.Helper()
	o.Dir, o.Logger = t.TempDir(), quiet
	if o.Log == "" {
		o.Log = "log-" + uuid.NewString()
	}
	s, err := Open(soon(t), url, &o)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if receipt := mustAppend(t, s, placed("order-1")); receipt.Durability != info.Durability {
		t.Errorf("a receipt says %v, and the store %v", receipt.Durability, info.Durability)
	}
	return info.Durability, nil
}

func TestDurabilityIsShownOrItIsMemory(t *testing.T) {
	var monitors []string
	withMonitor := func(o *server.Options) {
		o.HTTPHost, o.HTTPPort = "127.0.0.1", -1
		system := server.NewAccount("SYS")
		o.Accounts, o.SystemAccount = []*server.Account{system}, "SYS"
		o.Users = []*server.User{{Username: "system", Password: "secret", Account: system}, {Username: "app", Password: "word"}}
	}
	lazily := natstest.StartWith(t, 1, func(o *server.Options) {
		withMonitor(o)
		o.SyncAlways = false
	})
	synced := natstest.StartWith(t, 3, withMonitor)
	for i := range synced.Len() {
		monitors = append(monitors, "http://"+synced.Server(i).MonitorAddr().String())
	}
	as := func(servers *natstest.Cluster, user string) string {
		return strings.ReplaceAll(servers.URL(), "nats://", "nats://"+user+"@")
	}
	cluster := as(synced, "app:word")
	system := SystemAccount(as(synced, "system:secret"))
	for what, c := range map[string]struct {
		url  string
		o    Options
		want daybook.Durability
	}{
		"nothing shown":                     {cluster, Options{}, daybook.Memory},
		"three replicas, monitored":         {cluster + "?monitor=" + strings.Join(monitors, ","), Options{}, daybook.Quorum},
		"three replicas, system account":    {cluster, Options{Synced: system, Require: daybook.Quorum}, daybook.Quorum},
		"one replica":                       {cluster, Options{Synced: system, Replicas: 1}, daybook.Disk},
		"one monitor missing":               {cluster, Options{Synced: Monitors(monitors[1:]...)}, daybook.Memory},
		"servers that do not sync":          {as(lazily, "app:word"), Options{Synced: Monitors("http://" + lazily.Server(0).MonitorAddr().String())}, daybook.Memory},
		"servers that say they do not sync": {as(lazily, "app:word"), Options{Synced: SystemAccount(as(lazily, "system:secret"))}, daybook.Memory},
	} {
		if got, err := stated(t, c.url, c.o); err != nil || got != c.want {
			t.Errorf("%s: %v, %v, want %v", what, got, err, c.want)
		}
	}
	var invalid *daybook.InvalidError
	if _, err := stated(t, cluster+"?require=quorum", Options{}); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "Options.Synced") {
		t.Errorf("quorum is required and not shown: %v", err)
	}
	if _, err := stated(t, cluster, Options{Synced: system, Replicas: 1, Require: daybook.Quorum}); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "1 replicas") {
		t.Errorf("quorum is required of one replica: %v", err)
	}
}

// A key that NATS' own documentation shows.
const (
	publicKey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
	seedOfKey = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
)

func TestNodesConnectWithTLSAndKeys(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := certificate(t, dir)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	trusted, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(trusted)
	servers := natstest.StartWith(t, 1, func(o *server.Options) {
		o.TLS, o.TLSVerify, o.TLSTimeout = true, true, 5
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
		o.Nkeys = []*server.NkeyUser{{Nkey: publicKey}}
	})
	seed := filepath.Join(dir, "seed")
	if err := os.WriteFile(seed, []byte(seedOfKey), 0o600); err != nil {
		t.Fatal(err)
	}
	url := strings.ReplaceAll(servers.URL(), "nats://", "tls://")
	full := fmt.Sprintf("%s?ca=%s&cert=%s,%s&nkey=%s", url, ca, cert, key, seed)
	if _, err := stated(t, full, Options{}); err != nil {
		t.Errorf("with certificate and key: %v", err)
	}
	nkey, err := nats.NkeyOptionFromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stated(t, url, Options{NATS: []nats.Option{nats.RootCAs(ca), nats.ClientCert(cert, key), nkey}}); err != nil {
		t.Errorf("with the same as options: %v", err)
	}
	for what, url := range map[string]string{
		"without the key":         fmt.Sprintf("%s?ca=%s&cert=%s,%s", url, ca, cert, key),
		"without the certificate": fmt.Sprintf("%s?ca=%s&nkey=%s", url, ca, seed),
		"without the root":        fmt.Sprintf("%s?cert=%s,%s&nkey=%s", url, cert, key, seed),
	} {
		var unavailable *daybook.UnavailableError
		if _, err := stated(t, url, Options{}); !errors.As(err, &unavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// certificate makes a certificate for this machine that is its own root, and returns the files.
func certificate(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "daybook"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		t.Fatal(err)
	}
	return cert, cert, key
}
