// Package hostile attacks the servers of the applications, as strangers on a network do: with
// requests that two servers would read differently, with what is broken, endless or huge, by
// being slow, by not reading, and by coming in thousands, over HTTP/1 and HTTP/2.
//
// [Attack] runs all of it against one server, over TCP, while an honest client goes on asking
// and commanding. Each attack is a test named by what it promises: that it is answered
// clearly or its connection closed, that the honest client is served meanwhile, and that
// afterwards nothing of it is left, neither goroutines nor memory.
package hostile

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Site is a server to attack, and what can be asked of it.
type Site struct {
	// Serve is [httpapi.Server.Serve]. It is called twice, for TCP and for TLS.
	Serve func(context.Context, net.Listener) error
	// Query is the address of a query that anybody may ask.
	Query string
	// Command is the address of a command, Body a JSON object that it takes, and Form the
	// same as a page's form sends it, without characters that need escapes.
	Command, Body, Form string
	// Stream is the address of a live stream.
	Stream string
	// Large is the address of an answer of ten kilobytes or more.
	Large string
	// Host is a name that the site goes by; there is at least one by which it does not.
	Host string
	// SiteOnly leaves out the attacks that never get as far as the site. The server before it is
	// the same for every site, and is attacked once.
	SiteOnly bool
}

// Long reports whether the attacks are to go on for longer, as make soak has them.
func Long() bool { return os.Getenv("DAYBOOK_SOAK_PIECE") != "" }

// patience is how long anything may take that must happen. A server whose requests have a
// longer time than a test has is given a shorter one by its test.
const patience = 30 * time.Second

// A target is a site that is being served.
type target struct {
	Site
	plain, secured string // its addresses
	certificate    *x509.CertPool

	mu    sync.Mutex
	conns []net.Conn // of the attack that is going on
}

// open takes note of a connection of an attack, which is closed when that is over.
func (on *target) open(conn net.Conn) {
	on.mu.Lock()
	defer on.mu.Unlock()
	on.conns = append(on.conns, conn)
}

// close ends the connections of an attack.
func (on *target) close() {
	on.mu.Lock()
	defer on.mu.Unlock()
	for _, conn := range on.conns {
		conn.Close()
	}
	on.conns = nil
}

// Attack serves a site and runs every attack against it, or those that reach it.
func Attack(t *testing.T, s Site) {
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	serve := func(l net.Listener) {
		ended.Go(func() {
			if err := s.Serve(ctx, l); err != nil {
				t.Errorf("Serve returned %v", err)
			}
		})
	}
	defer ended.Wait()
	defer stop()
	on := &target{Site: s}
	plain := listen(t)
	on.plain = plain.Addr().String()
	serve(plain)
	secured := listen(t)
	on.secured = secured.Addr().String()
	certificate, known := SelfSigned(t)
	on.certificate = known
	serve(tls.NewListener(secured, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}))

	if Long() {
		t.Attr("cases", fmt.Sprint(len(attacks)))
	}
	for _, a := range attacks {
		if s.SiteOnly && a.serverOnly {
			continue
		}
		t.Run(strings.ReplaceAll(a.promise, " ", "_"), func(t *testing.T) { on.endures(t, a.attack) })
	}
}

// attacks are all of them, with what is promised of each.
var attacks = []struct {
	promise    string
	attack     func(*testing.T, *target)
	serverOnly bool // it never gets as far as the site
}{
	{promise: "a request that can be read in two ways is read in one, or refused", attack: ambiguous},
	{promise: "a request that is no HTTP is refused", attack: malformed},
	{promise: "a name, a path or a range leads nowhere else", attack: elsewhere},
	{promise: "what is too large is refused before it is kept", attack: tooLarge},
	{promise: "a broken or monstrous JSON text is refused", attack: brokenJSON},
	{promise: "a form is no bomb", attack: formBombs},
	{promise: "headers that drip are cut off", attack: slowHeaders, serverOnly: true},
	{promise: "bodies that drip are answered or cut off", attack: slowBodies},
	{promise: "who does not read holds up nobody", attack: neverReads},
	{promise: "ten thousand connections leave room for one more", attack: thousands, serverOnly: true},
	{promise: "live streams of one client leave room for others", attack: manyStreams},
	{promise: "HTTP/2: streams that are reset at once are not worked off", attack: rapidReset},
	{promise: "HTTP/2: headers without an end are cut off", attack: endlessHeaders, serverOnly: true},
	{promise: "HTTP/2: settings, pings and priorities without end are cut off or answered", attack: controlFlood, serverOnly: true},
	{promise: "HTTP/2: there are so many streams, and no more", attack: streamFlood},
	{promise: "HTTP/2: a table of headers is no bomb", attack: headerBomb, serverOnly: true},
	{promise: "HTTP/2: who opens no window holds up nobody", attack: closedWindow},
	{promise: "HTTP/2: what is no frame ends the connection", attack: brokenFrames, serverOnly: true},
}

// endures runs an attack while an honest client goes on, and checks that nothing is left of
// it afterwards.
func (on *target) endures(t *testing.T, attack func(*testing.T, *target)) {
	goroutines, heap := level()
	ctx, stop := context.WithCancel(t.Context())
	honest := make(chan error, 1)
	served := 0
	go func() {
		var err error
		for err == nil && (ctx.Err() == nil || served < 3) {
			err = on.honest()
			served++
			time.Sleep(20 * time.Millisecond) // as honest clients do, who stay below the limits
		}
		honest <- err
	}()
	attack(t, on)
	on.close()
	stop()
	if err := <-honest; err != nil {
		t.Errorf("an honest client, after %d requests: %v", served, err)
	}
	// What is left goes away by itself, in the time that the server gives to the slow.
	const fewGoroutines, littleHeap = 10, 16 << 20
	var g int
	var h uint64
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if g, h = level(); g <= goroutines+fewGoroutines && h <= heap+littleHeap {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("there were %d goroutines and %d KB of heap before it, and are %d and %d KB after it; what goes on:\n%.20000s",
		goroutines, heap>>10, g, h>>10, stacks[:runtime.Stack(stacks, true)])
}

// level returns how many goroutines there are and how much memory is in use.
func level() (goroutines int, heap uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// honest asks and commands once over each protocol, from another address than the attacks come from.
func (on *target) honest() error {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			here := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
			if conn, err := here.DialContext(ctx, network, address); err == nil {
				return conn, nil
			}
			return new(net.Dialer).DialContext(ctx, network, address) // where this machine has one address only
		},
		TLSClientConfig:   &tls.Config{RootCAs: on.certificate, ServerName: "localhost", MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	for _, base := range []string{"http://" + on.plain, "https://" + on.secured} {
		r, err := client.Get(base + on.Query)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK {
			return fmt.Errorf("its query is answered %s, %v", r.Status, err)
		}
		r, err = client.Post(base+on.Command, "application/json", strings.NewReader(on.Body))
		if err != nil {
			return err
		}
		said, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode >= 300 {
			return fmt.Errorf("its command is answered %s %s, %v", r.Status, said, err)
		}
	}
	return nil
}

// dial connects to the site without TLS, until the attack ends.
func (on *target) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", on.plain)
	if err != nil {
		t.Fatalf("it takes no connection: %v", err)
	}
	on.open(conn)
	return conn
}

// Answers are what came of what was sent: the statuses of the answers, and then whether
// the connection was closed; otherwise it is good for another request.
type answers struct {
	statuses []int
	headers  []http.Header
	bodies   []string
	closed   bool
}

func (a answers) String() string {
	if a.closed {
		return fmt.Sprintf("%v, then closed", a.statuses)
	}
	return fmt.Sprint(a.statuses)
}

// say sends bytes and takes down all that is answered, until there is nothing for a while.
func (on *target) say(t *testing.T, bytes string) (a answers) {
	t.Helper()
	conn := on.dial(t)
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, bytes) }() // which it need not read
	from := bufio.NewReader(conn)
	for {
		// The first answer is waited for; another one would have come with it.
		wait := patience
		if len(a.statuses) > 0 {
			wait = 50 * time.Millisecond
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		if _, err := from.Peek(1); err != nil {
			a.closed = !os.IsTimeout(err)
			return a
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		r, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Errorf("after %.80q it says what is no HTTP: %v", bytes, err)
			return a
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("after %.80q its answer is broken off: %v", bytes, err)
		}
		a.statuses, a.headers, a.bodies = append(a.statuses, r.StatusCode), append(a.headers, r.Header), append(a.bodies, string(body))
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// SelfSigned returns a certificate for localhost that lasts for a day, and the pool that knows
// it.
func SelfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}
