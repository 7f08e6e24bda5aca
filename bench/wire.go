package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// A wire is a connection on which one request follows the other. It does as little as a
// client of HTTP/1.1 can: on a machine of which the server needs every processor, a client
// that parses what nobody looks at would be measured more than the server.
type wire struct {
	net.Conn
	from *bufio.Reader
	host string
}

// dialWire connects to a server.
func dialWire(address string) (*wire, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{conn, bufio.NewReaderSize(conn, 16<<10), address}, nil
}

// A reply is what is looked at of an answer. Its strings are good until the next request.
type reply struct {
	status         int
	location, etag string
	token          string
	bytes          int // of the body
	body           []byte
}

// requestOf returns a request as it goes over the wire; a body has POST only. The headers
// have each its end of line.
func requestOf(method, host, path, headers, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n%s", method, path, host, headers)
	if method == "POST" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	if method == "POST" {
		b.WriteString(body)
	}
	return []byte(b.String())
}

// ask sends a request and reads its answer; the body too, if it is wanted.
func (w *wire) ask(request []byte, wanted bool) (r reply, err error) {
	if _, err := w.Write(request); err != nil {
		return r, err
	}
	line, err := w.line()
	if err != nil {
		return r, err
	}
	if len(line) < 12 {
		return r, fmt.Errorf("the server says %q", line)
	}
	if r.status, err = strconv.Atoi(line[9:12]); err != nil {
		return r, fmt.Errorf("the server says %q", line)
	}
	length := -1
	for {
		line, err := w.line()
		if err != nil {
			return r, err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Content-Length":
			if length, err = strconv.Atoi(value); err != nil {
				return r, err
			}
		case "Location":
			r.location = value
		case "Etag":
			r.etag = value
		case "Daybook-Token":
			r.token = value
		}
	}
	switch {
	case r.status == 304:
		return r, nil
	case length >= 0:
		err = w.body(&r, length, wanted)
		return r, err
	}
	for { // in chunks
		line, err := w.line()
		if err != nil {
			return r, err
		}
		n, err := strconv.ParseInt(line, 16, 32)
		if err != nil {
			return r, err
		}
		if err := w.body(&r, int(n), wanted); err != nil {
			return r, err
		}
		if end, err := w.line(); err != nil || end != "" {
			return r, errors.Join(err, errors.New("a chunk has no end"))
		}
		if n == 0 {
			return r, nil
		}
	}
}

// line returns the next line, without its end.
func (w *wire) line() (string, error) {
	line, err := w.from.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(line), "\r\n"), nil
}

// body reads so many bytes of a body.
func (w *wire) body(r *reply, length int, wanted bool) error {
	r.bytes += length
	if !wanted {
		_, err := w.from.Discard(length)
		return err
	}
	part := make([]byte, length)
	_, err := io.ReadFull(w.from, part)
	r.body = append(r.body, part...)
	return err
}
