package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A raw request is what is sent, and how it may be answered: with exactly one of the
// statuses, or by closing the connection where that is among them.
type raw struct {
	name, bytes string
	may         []int
}

const closing = 0 // the connection is closed without an answer

// answeredOnce sends each request, and checks that there is no more than one answer to it,
// whatever else it may seem to contain. It returns what came of each.
func (on *target) answeredOnce(t *testing.T, requests []raw) []answers {
	t.Helper()
	all := make([]answers, len(requests))
	for i, r := range requests {
		a := on.say(t, r.bytes)
		all[i] = a
		switch {
		case len(a.statuses) == 0 && a.closed && slices.Contains(r.may, closing):
		case len(a.statuses) == 1 && slices.Contains(r.may, a.statuses[0]):
		default:
			t.Errorf("%s is answered %v, want one of %v\n%.200q", r.name, a, r.may, r.bytes)
		}
	}
	return all
}

// post returns a command with these headers, which say how long its body is, and a body.
func (on *target) post(headers, body string) string {
	return "POST " + on.Command + " HTTP/1.1\r\nHost: " + on.Host + "\r\nContent-Type: application/json\r\n" + headers + "\r\n\r\n" + body
}

// get returns a query with these headers, each with its end of line.
func (on *target) get(headers string) string {
	return "GET " + on.Query + " HTTP/1.1\r\nHost: " + on.Host + "\r\n" + headers + "\r\n"
}

// ambiguous are requests of which a server in front might see another end than this one.
func ambiguous(t *testing.T, on *target) {
	smuggled := on.get("X-Smuggled: yes\r\n")
	length := fmt.Sprintf("Content-Length: %d", len(on.Body))
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	chunked := chunk(on.Body) + "0\r\n\r\n"
	on.answeredOnce(t, []raw{
		{"two lengths", on.post(length+"\r\nContent-Length: 1", on.Body+smuggled), []int{400}},
		{"two lengths in one header", on.post(length+", 1", on.Body+smuggled), []int{400}},
		{"a length with a sign", on.post("Content-Length: +10", on.Body+smuggled), []int{400}},
		{"a negative length", on.post("Content-Length: -1", on.Body+smuggled), []int{400}},
		{"a hexadecimal length", on.post("Content-Length: 0x10", on.Body+smuggled), []int{400}},
		{"a length of no number", on.post("Content-Length: ten", on.Body+smuggled), []int{400}},
		{"an empty length", on.post("Content-Length: ", on.Body+smuggled), []int{400}},
		{"a length beyond all numbers", on.post("Content-Length: 99999999999999999999", on.Body+smuggled), []int{400}},
		{"chunks and a length", on.post(length+"\r\nTransfer-Encoding: chunked", chunked+smuggled), []int{201, 200, 400}},
		{"chunks and a length of nothing", on.post("Content-Length: 0\r\nTransfer-Encoding: chunked", chunked+smuggled), []int{201, 200, 400}},
		{"chunks in HTTP/1.0", "POST " + on.Command + " HTTP/1.0\r\nHost: " + on.Host + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + smuggled, []int{400, 422}}, // the chunks are no body then, and the connection is closed
		{"two encodings", on.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", chunked+smuggled), []int{400, 501}},
		{"an encoding twice", on.post("Transfer-Encoding: chunked, chunked", chunked+smuggled), []int{400, 501}},
		{"an unknown encoding", on.post("Transfer-Encoding: xchunked", chunked+smuggled), []int{400, 501}},
		{"an encoding in disguise", on.post("Transfer-Encoding: \x0bchunked", chunked+smuggled), []int{400, 501}},
		{"an encoding behind a folded line", on.post("X-A: b\r\n Transfer-Encoding: chunked\r\n"+length, on.Body), []int{400, 201, 200}},
		{"a header that is folded", on.get("X-A: b\r\n c\r\n"), []int{200, 400}},
		{"a folded first header", "GET " + on.Query + " HTTP/1.1\r\n Host: " + on.Host + "\r\n\r\n" + smuggled, []int{400}},
		{"a space before the colon", on.post("Transfer-Encoding : chunked\r\n"+length, on.Body+smuggled), []int{400}},
		{"a header without a name", on.get(": x\r\n"), []int{400}},
		{"a header without a colon", on.get("X-A\r\n"), []int{400}},
		{"a header with a zero byte", on.get("X-A: a\x00b\r\n"), []int{400}},
		{"a header with a return", on.get("X-A: a\rX-B: b\r\n"), []int{400}},
		{"two hosts", on.get("Host: " + on.Host + "\r\n"), []int{400}},
		{"a chunk without a size", on.post("Transfer-Encoding: chunked", "\r\n"+on.Body+"\r\n0\r\n\r\n"+smuggled), []int{400}},
		{"a chunk of no number", on.post("Transfer-Encoding: chunked", "zz\r\n"+on.Body+"\r\n0\r\n\r\n"+smuggled), []int{400}},
		{"a chunk beyond all numbers", on.post("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFFF\r\n"+on.Body+"\r\n0\r\n\r\n"+smuggled), []int{400}},
		{"a negative chunk", on.post("Transfer-Encoding: chunked", "-1\r\n"+on.Body+"\r\n0\r\n\r\n"+smuggled), []int{400}},
		{"a chunk that is longer than it says", on.post("Transfer-Encoding: chunked", "1\r\n"+on.Body+"\r\n0\r\n\r\n"+smuggled), []int{400}},
		{"chunks with half an end", on.post("Transfer-Encoding: chunked", fmt.Sprintf("%x\n%s\n0\n\n", len(on.Body), on.Body)), []int{400, 200, 201}},
		{"an endless extension of a chunk", on.post("Transfer-Encoding: chunked", "1;"+strings.Repeat("x", 1<<20)+"\r\n{\r\n0\r\n\r\n"), []int{400}},
		{"many extensions of small chunks", on.post("Transfer-Encoding: chunked", strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\n{\r\n", 1000)+"0\r\n\r\n"), []int{400}},
		{"endless trailers", on.post("Transfer-Encoding: chunked", chunk(on.Body)+"0\r\n"+strings.Repeat("X-T: "+strings.Repeat("x", 1000)+"\r\n", 5000)+"\r\n"), []int{400, 413, 431, closing}},
	})
}

// malformed is what is no HTTP, or none that anybody should speak.
func malformed(t *testing.T, on *target) {
	on.answeredOnce(t, []raw{
		{"HTTP/0.9", "GET " + on.Query + "\r\n\r\n", []int{400}},
		{"HTTP/1.0 without a host", "GET " + on.Query + " HTTP/1.0\r\n\r\n", []int{200, 400}},
		{"HTTP/3.7", "GET " + on.Query + " HTTP/3.7\r\nHost: x\r\n\r\n", []int{400, 505}},
		{"no version", "GET " + on.Query + " HTTP\r\nHost: x\r\n\r\n", []int{400}},
		{"no host", "GET " + on.Query + " HTTP/1.1\r\n\r\n", []int{400}},
		{"a method of control characters", "G\x01T / HTTP/1.1\r\nHost: " + on.Host + "\r\n\r\n", []int{400}},
		{"a method in lower case", strings.Replace(on.get(""), "GET", "get", 1), []int{405, 400, 501}},
		{"a method that is unknown", strings.Replace(on.get(""), "GET", strings.Repeat("X", 1000), 1), []int{405, 400, 501}},
		{"TRACE", strings.Replace(on.get(""), "GET", "TRACE", 1), []int{405}},
		{"CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: " + on.Host + "\r\n\r\n", []int{400, 404, 405, 421}},
		{"two spaces", strings.Replace(on.get(""), " ", "  ", 1), []int{400}},
		{"a tab", strings.Replace(on.get(""), " ", "\t", 1), []int{400}},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", []int{400, 505, closing}},
		{"an upgrade to HTTP/2", on.get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"), []int{200}},
		{"an upgrade to a web socket", on.get("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), []int{200, 400, 426}},
		{"a handshake of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 505) + "\r\n\r\n", []int{400}},
		{"zeros", strings.Repeat("\x00", 4096) + "\r\n\r\n", []int{400}},
		{"an unknown expectation", on.post("Expect: the-unexpected\r\nContent-Length: 2", "{}"), []int{417}},
	})
}

// elsewhere are requests for what the site is not, and for more of it than there is.
func elsewhere(t *testing.T, on *target) {
	path := func(p string) string { return "GET " + p + " HTTP/1.1\r\nHost: " + on.Host + "\r\n\r\n" }
	host := func(h string) string { return "GET " + on.Query + " HTTP/1.1\r\nHost: " + h + "\r\n\r\n" }
	away := []int{301, 307, 308, 400, 404}
	requests := []raw{
		{"another host", host("evil.example"), []int{421}},
		{"another host in the address", "GET http://evil.example" + on.Query + " HTTP/1.1\r\nHost: " + on.Host + "\r\n\r\n", []int{421}},
		{"another host behind this one", host(on.Host + ".evil.example"), []int{421}},
		{"a host with a name and a password", host("x@" + on.Host), []int{400, 421}},
		{"a host with a path", host("evil.example/" + on.Host), []int{400, 421}},
		{"a host that is no name", host("a b"), []int{400}},
		{"a scheme of its own", "GET file:///etc/passwd HTTP/1.1\r\nHost: " + on.Host + "\r\n\r\n", []int{400, 404, 421}},
		{"up and away", path("/../../../../etc/passwd"), away},
		{"up and away, escaped", path("/%2e%2e/%2e%2e/etc/passwd"), away},
		{"up and away, slashes escaped", path("/static/..%2f..%2f..%2fetc%2fpasswd"), away},
		{"up and away, backwards", path(`/static/..\..\etc\passwd`), away},
		{"a zero byte", path("/static/ledger.css%00.html"), away},
		{"a path that breaks the line", path("/x%0d%0aSet-Cookie:%20a=b"), away},
		{"two slashes and a host", path("//evil.example/.."), away},
		{"two slashes and a host, up", path("//evil.example/%2e%2e"), away},
		{"a backslash and a host", path(`/\evil.example/..`), away},
		{"a broken escape", path("/%zz"), []int{400}},
		{"no path", "GET * HTTP/1.1\r\nHost: " + on.Host + "\r\n\r\n", []int{400, 404, 405}},
		{"a path in UTF-8 that is none", path("/\xff\xfe"), away},
		{"a query with a semicolon", path(on.Query + "?a=1;b=2"), []int{400}},
		{"a broken query", path(on.Query + "?%zz=1"), []int{400}},
		{"many ranges", on.get("Range: bytes=" + strings.Repeat("0-0,", 5000) + "0-0\r\n"), []int{200, 206, 416}},
		{"a range beyond all numbers", on.get("Range: bytes=18446744073709551615-\r\n"), []int{200, 206, 416}},
		{"many tags", on.get("If-None-Match: " + strings.Repeat(`"x",`, 7000) + "*\r\n"), []int{304, 200}},
		{"many media types", on.get("Accept: " + strings.Repeat("a/b;q=0.1,", 3000) + "*/*\r\n"), []int{200, 406}},
		{"many cookies", on.get("Cookie: " + strings.Repeat("a=b; ", 6000) + "\r\n"), []int{200, 400}},
	}
	for i, a := range on.answeredOnce(t, requests) {
		for _, h := range a.headers {
			if to := h.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`)) {
				t.Errorf("%s leads to %q", requests[i].name, to)
			}
			if h.Get("Set-Cookie") != "" {
				t.Errorf("%s sets the cookie %q", requests[i].name, h.Get("Set-Cookie"))
			}
		}
	}
}
