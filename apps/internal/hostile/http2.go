package hostile

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The frames of HTTP/2, as RFC 9113 has them.
const (
	dataFrame         = 0
	headersFrame      = 1
	priorityFrame     = 2
	resetFrame        = 3
	settingsFrame     = 4
	promiseFrame      = 5
	pingFrame         = 6
	goAwayFrame       = 7
	windowFrame       = 8
	continuationFrame = 9

	endStream  = 1
	endHeaders = 4
	ack        = 1

	refusedStream = 7
)

// A raw connection of HTTP/2: frames are written as they are, and what comes back is
// counted.
type h2 struct {
	*tls.Conn
	frames chan frame // what came; closed when the connection is
}

type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

// encode returns a frame as it is sent.
func encode(kind, flags byte, stream uint32, payload []byte) []byte {
	b := make([]byte, 9, 9+len(payload))
	b[0], b[1], b[2] = byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload))
	b[3], b[4] = kind, flags
	binary.BigEndian.PutUint32(b[5:], stream)
	return append(b, payload...)
}

// number returns n as HPACK writes it behind a prefix of some bits, whose other bits are first.
func number(first byte, bits int, n int) []byte {
	most := 1<<bits - 1
	if n < most {
		return []byte{first | byte(n)}
	}
	b := []byte{first | byte(most)}
	for n -= most; n >= 128; n >>= 7 {
		b = append(b, byte(n&127|128))
	}
	return append(b, byte(n))
}

func text(s string) []byte { return append(number(0, 7, len(s)), s...) }

// field returns a header as HPACK writes it without any table.
func field(name, value string) []byte {
	return append(append([]byte{0}, text(name)...), text(value)...)
}

// request returns the headers of a request.
func (on *target) request(method, path string) []byte {
	var b []byte
	for _, f := range [][2]string{{":method", method}, {":scheme", "https"}, {":authority", on.Host}, {":path", path}} {
		b = append(b, field(f[0], f[1])...)
	}
	if method == "POST" {
		b = append(b, field("content-type", "application/json")...)
	}
	return b
}

// dial2 begins to speak HTTP/2 with the site, until the attack ends. These are the settings that
// the client sends: pairs of an identifier and a value.
func (on *target) dial2(t *testing.T, settings ...uint32) *h2 {
	t.Helper()
	conn, err := tls.Dial("tcp", on.secured, &tls.Config{RootCAs: on.certificate, ServerName: "localhost", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatalf("it takes no connection: %v", err)
	}
	on.open(conn)
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		t.Skip("it does not speak HTTP/2")
	}
	var wanted []byte
	for i := 0; i+1 < len(settings); i += 2 {
		wanted = binary.BigEndian.AppendUint16(wanted, uint16(settings[i]))
		wanted = binary.BigEndian.AppendUint32(wanted, settings[i+1])
	}
	c := &h2{conn, make(chan frame, 1<<10)}
	_, _ = conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), encode(settingsFrame, 0, 0, wanted)...))
	return c
}

// read takes down what comes, until the connection is closed.
func (c *h2) read() {
	go func() {
		defer close(c.frames)
		from := bufio.NewReader(c)
		for {
			var head [9]byte
			if _, err := io.ReadFull(from, head[:]); err != nil {
				return
			}
			f := frame{kind: head[3], flags: head[4], stream: binary.BigEndian.Uint32(head[5:])}
			f.payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
			if _, err := io.ReadFull(from, f.payload); err != nil {
				return
			}
			select {
			case c.frames <- f:
			default: // enough is known
			}
		}
	}()
}

// until returns the first frame for which the function holds, or nil if the connection is
// closed before that. What is neither is an error.
func (c *h2) until(t *testing.T, is func(frame) bool) *frame {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case f, more := <-c.frames:
			if !more {
				return nil
			}
			if is(f) {
				return &f
			}
		case <-limit:
			t.Error("the connection is neither closed nor answered")
			return nil
		}
	}
}

// flood writes again and again what the function returns for a count, until that is done or
// the connection is closed, and reports which.
func (c *h2) flood(times int, what func(i int) []byte) (closed bool) {
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	var b []byte
	for i := range times {
		if b = append(b, what(i)...); len(b) < 1<<15 && i < times-1 {
			continue
		}
		if _, err := c.Write(b); err != nil {
			return true
		}
		b = b[:0]
	}
	return false
}

// alive checks that the connection is closed, or that it still answers.
func (c *h2) alive(t *testing.T) {
	t.Helper()
	word := []byte("anybody?")
	_, _ = c.Write(encode(pingFrame, 0, 0, word))
	c.until(t, func(f frame) bool {
		return f.kind == goAwayFrame || f.kind == pingFrame && f.flags == ack && bytes.Equal(f.payload, word)
	})
}

// times is how often a frame is repeated.
func times() int {
	if Long() {
		return 1_000_000
	}
	return 20_000
}

// number of the i-th stream of a client.
func nth(i int) uint32 { return uint32(2*i + 1) }

func rapidReset(t *testing.T, on *target) {
	c := on.dial2(t)
	c.read()
	before, most := runtime.NumGoroutine(), 0
	ask := on.request("GET", on.Query)
	c.flood(times(), func(i int) []byte {
		if i%1000 == 0 {
			most = max(most, runtime.NumGoroutine()-before)
		}
		return append(encode(headersFrame, endStream|endHeaders, nth(i), ask), encode(resetFrame, 0, nth(i), []byte{0, 0, 0, 8})...)
	})
	if most > 1000 {
		t.Errorf("meanwhile there were %d goroutines more than before", most)
	}
	c.alive(t)
}

func endlessHeaders(t *testing.T, on *target) {
	const resize = 0x20 // the table of headers, to nothing
	for name, filling := range map[string][]byte{
		"of many headers":    bytes.Repeat(field("x-a", strings.Repeat("a", 100)), 100),
		"of one header":      bytes.Repeat([]byte("a"), 10_000),
		"of empty frames":    nil,
		"of changes of size": bytes.Repeat([]byte{resize}, 1000),
	} {
		c := on.dial2(t)
		c.read()
		begin := on.request("GET", on.Query)
		if name == "of one header" {
			begin = append(begin, 0, 1, 'x')
			begin = append(begin, number(0, 7, 1<<30)...)
		}
		_, _ = c.Write(encode(headersFrame, endStream, 1, begin))
		closed := c.flood(times(), func(int) []byte { return encode(continuationFrame, 0, 1, filling) })
		if !closed && len(filling) > 0 && filling[0] != resize { // of which nothing is kept
			c.until(t, func(f frame) bool { return f.kind == goAwayFrame })
		}
	}
}

func controlFlood(t *testing.T, on *target) {
	setting := encode(settingsFrame, 0, 0, []byte{0, 3, 0, 0, 0, 100})
	for _, f := range []struct {
		name  string
		reads bool // what is answered to each
		frame func(i int) []byte
	}{
		{"settings", true, func(int) []byte { return setting }},
		{"empty settings", true, func(int) []byte { return encode(settingsFrame, 0, 0, nil) }},
		{"pings", false, func(int) []byte { return encode(pingFrame, 0, 0, make([]byte, 8)) }},
		{"priorities", true, func(i int) []byte { return encode(priorityFrame, 0, nth(i), []byte{0, 0, 0, 0, 1}) }},
		{"windows", false, func(int) []byte { return encode(windowFrame, 0, 0, []byte{0, 0, 0, 1}) }},
		{"unknown frames", true, func(int) []byte { return encode(0xee, 0, 0, make([]byte, 100)) }},
		{"resets of no one", true, func(i int) []byte { return encode(resetFrame, 0, nth(i), []byte{0, 0, 0, 8}) }},
		{"empty data", true, func(int) []byte { return encode(dataFrame, 0, 1, nil) }},
	} {
		t.Run(f.name, func(t *testing.T) {
			c := on.dial2(t)
			if f.name == "empty data" {
				_, _ = c.Write(encode(headersFrame, endHeaders, 1, on.request("POST", on.Command)))
			}
			if f.reads {
				c.read()
			}
			if closed := c.flood(times(), f.frame); !closed && f.reads {
				c.alive(t)
			}
		})
	}
}

func streamFlood(t *testing.T, on *target) {
	c := on.dial2(t)
	c.read()
	const streams = 1000
	ask := on.request("POST", on.Command)
	c.flood(streams, func(i int) []byte { return encode(headersFrame, endHeaders, nth(i), ask) })
	// None of them ends, so those that are not refused wait for their bodies.
	refused := 0
	c.until(t, func(f frame) bool {
		if f.kind == resetFrame && binary.BigEndian.Uint32(f.payload) == refusedStream {
			refused++
		}
		return f.kind == goAwayFrame || refused >= streams-250
	})
}

func headerBomb(t *testing.T, on *target) {
	c := on.dial2(t)
	c.read()
	large := append([]byte{0x40}, text("x-bomb")...) // which the table keeps
	large = append(large, text(strings.Repeat("b", 3900))...)
	block := append(on.request("GET", on.Query), large...)
	block = append(block, bytes.Repeat([]byte{0x80 | 62}, 8000)...) // the same again: 31 MB
	_, _ = c.Write(encode(headersFrame, endStream|endHeaders, 1, block))
	c.until(t, func(f frame) bool {
		if f.kind == headersFrame && len(f.payload) > 0 && f.payload[0] == 0x88 {
			t.Error("31 MB of headers are answered with 200")
		}
		return f.kind == goAwayFrame || f.stream == 1
	})
}

func closedWindow(t *testing.T, on *target) {
	const initialWindow = 4
	for range 20 {
		c := on.dial2(t, initialWindow, 0)
		ask := on.request("GET", on.Large)
		c.flood(100, func(i int) []byte { return encode(headersFrame, endStream|endHeaders, nth(i), ask) })
		c.read()
		c.until(t, func(f frame) bool { return f.kind == headersFrame || f.kind == goAwayFrame })
	}
}

func brokenFrames(t *testing.T, on *target) {
	get := on.request("GET", on.Query)
	headers := func(fields ...string) []byte {
		var b []byte
		for i := 0; i+1 < len(fields); i += 2 {
			b = append(b, field(fields[i], fields[i+1])...)
		}
		return encode(headersFrame, endStream|endHeaders, 1, b)
	}
	good := []string{":method", "GET", ":scheme", "https", ":authority", on.Host, ":path", on.Query}
	with := func(more ...string) []byte { return headers(append(append([]string(nil), good...), more...)...) }
	for _, bytes := range map[string][]byte{
		"a frame of 16 MB":               {0xff, 0xff, 0xff, dataFrame, 0, 0, 0, 0, 1},
		"headers of no stream":           encode(headersFrame, endStream|endHeaders, 0, get),
		"a stream of the server's":       encode(headersFrame, endStream|endHeaders, 2, get),
		"a stream that goes back":        append(encode(headersFrame, endStream|endHeaders, 5, get), encode(headersFrame, endStream|endHeaders, 3, get)...),
		"data of no stream":              encode(dataFrame, 0, 0, []byte("x")),
		"data of a stream to come":       encode(dataFrame, 0, 7, []byte("x")),
		"a continuation of nothing":      encode(continuationFrame, endHeaders, 1, get),
		"something between headers":      append(encode(headersFrame, endStream, 1, get), encode(pingFrame, 0, 0, make([]byte, 8))...),
		"settings of five bytes":         encode(settingsFrame, 0, 0, make([]byte, 5)),
		"settings of a stream":           encode(settingsFrame, 0, 1, make([]byte, 6)),
		"a window of 4 GB":               encode(settingsFrame, 0, 0, []byte{0, 4, 0xff, 0xff, 0xff, 0xff}),
		"a frame size of nothing":        encode(settingsFrame, 0, 0, []byte{0, 5, 0, 0, 0, 0}),
		"a ping of a byte":               encode(pingFrame, 0, 0, []byte{1}),
		"a window of nothing":            encode(windowFrame, 0, 0, make([]byte, 4)),
		"a window that runs over":        append(encode(windowFrame, 0, 0, []byte{0x7f, 0xff, 0xff, 0xff}), encode(windowFrame, 0, 0, []byte{0x7f, 0xff, 0xff, 0xff})...),
		"a promise of a client":          encode(promiseFrame, endHeaders, 1, make([]byte, 4)),
		"a reset of no stream":           encode(resetFrame, 0, 0, make([]byte, 4)),
		"a reset of a stream to come":    encode(resetFrame, 0, 9, make([]byte, 4)),
		"padding longer than the frame":  encode(headersFrame, endStream|endHeaders|8, 1, append([]byte{255}, get...)),
		"a stream that hangs on itself":  encode(headersFrame, endStream|endHeaders|0x20, 1, append([]byte{0, 0, 0, 1, 1}, get...)),
		"an index that the table lacks":  encode(headersFrame, endStream|endHeaders, 1, append(get, 0xff, 0x80, 0x80, 0x08)),
		"half a header":                  encode(headersFrame, endStream|endHeaders, 1, append(get, 0, 100, 'x')),
		"a name in capitals":             with("X-A", "b"),
		"a name with a space":            with("x a", "b"),
		"a value with a line break":      with("x-a", "b\r\nx-c: d"),
		"a header of the connection":     with("connection", "close"),
		"chunks":                         with("transfer-encoding", "chunked"),
		"a length that is none":          with("content-length", "ten"),
		"a pseudo header behind another": with("x-a", "b", ":method", "POST"),
		"two methods":                    with(":method", "POST"),
		"an unknown pseudo header":       headers(append([]string{":x", "y"}, good...)...),
		"no method":                      headers(good[2:]...),
		"no path":                        headers(good[:6]...),
		"an empty path":                  headers(append(append([]string(nil), good[:6]...), ":path", "")...),
	} {
		c := on.dial2(t)
		c.read()
		_, _ = c.Write(bytes)
		c.alive(t)
		c.Close()
	}
}
