package hostile

import (
	"fmt"
	"strings"
	"testing"
)

// megabyte is what a command may have, just about.
const megabyte = 1 << 20

// sized returns a command with a body of a media type.
func (on *target) sized(media, body string) string {
	return "POST " + on.Command + " HTTP/1.1\r\nHost: " + on.Host + "\r\nContent-Type: " + media + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)) + body
}

// tooLarge are requests of which a part is larger than anything may be.
func tooLarge(t *testing.T, on *target) {
	on.answeredOnce(t, []raw{
		{"an address of a megabyte", "GET /" + strings.Repeat("a", megabyte) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{414, 431}},
		{"a query of a megabyte", "GET " + on.Query + "?a=" + strings.Repeat("a", megabyte) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{414, 431}},
		{"a header of a megabyte", on.get("X-A: " + strings.Repeat("a", megabyte) + "\r\n"), []int{431}},
		{"a cookie of a megabyte", on.get("Cookie: a=" + strings.Repeat("a", megabyte) + "\r\n"), []int{431}},
		{"a hundred thousand headers", on.get(strings.Repeat("X-A: a\r\n", 100_000)), []int{431}},
		{"a line without end", strings.Repeat("A", 2*megabyte), []int{400, 431, closing}},
		{"a body that says it is a gigabyte", on.post("Content-Length: 1073741824", "{"), []int{413}},
		{"the same, which asks first", on.post("Expect: 100-continue\r\nContent-Length: 1073741824", ""), []int{413}},
		{"a body in chunks of which there is no end", on.post("Transfer-Encoding: chunked", strings.Repeat("10000\r\n"+strings.Repeat("x", 0x10000)+"\r\n", 64)), []int{413, closing}},
		{"one chunk that says it is a gigabyte", on.post("Transfer-Encoding: chunked", "40000000\r\n"+strings.Repeat(" ", 4*megabyte)), []int{413, closing}},
	})
}

// brokenJSON are bodies that are no command.
func brokenJSON(t *testing.T, on *target) {
	body := func(name, json string, may ...int) raw { return raw{name, on.sized("application/json", json), may} }
	inside := strings.TrimSuffix(on.Body, "}")
	var members strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&members, `,"m%d":%d`, i, i)
	}
	on.answeredOnce(t, []raw{
		body("half of it", on.Body[:len(on.Body)/2], 400),
		body("twice", on.Body+on.Body, 400),
		body("arrays in arrays", strings.Repeat("[", megabyte-1), 400),
		body("arrays in arrays, closed", strings.Repeat("[", 400_000)+strings.Repeat("]", 400_000), 400),
		body("objects in objects", strings.Repeat(`{"a":`, 200_000), 400),
		body("depth in an unknown member", inside+`,"x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+"}", 400),
		body("a number of a megabyte", inside+`,"x":`+strings.Repeat("9", megabyte/2)+"}", 400),
		body("a number beyond all floats", inside+`,"x":1e999999999}`, 400),
		body("a number with a million zeros", "1"+strings.Repeat("0", megabyte-1), 400),
		body("a text of a megabyte", inside+`,"x":"`+strings.Repeat("a", megabyte/2)+`"}`, 400),
		body("a text of escapes", inside+`,"x":"`+strings.Repeat(`\u0000`, megabyte/12)+`"}`, 400),
		body("sixty thousand members", inside+members.String()+"}", 400),
		body("a member twice", inside+","+strings.TrimPrefix(on.Body, "{"), 400),
		body("a member twice, escaped", `{"\u0061":1,"a":2}`, 400),
		body("invalid UTF-8", "{\"\xff\xfe\":1}", 400),
		body("half a pair of surrogates", `{"\ud800":1}`, 400),
		body("UTF-16", "\xff\xfe{\x00}\x00", 400),
		body("a mark of the byte order", "\xef\xbb\xbf"+on.Body, 400),
		body("white space of a megabyte", strings.Repeat(" ", megabyte-len(on.Body))+on.Body, 400, 200, 201, 422),
		body("nothing but zeros", strings.Repeat("\x00", megabyte), 400),
		body("NaN", `{"x":NaN}`, 400),
		{"gzip", strings.Replace(on.sized("application/json", "\x1f\x8b\x08\x00\x00\x00\x00\x00"), "\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n", 1), []int{400, 415}},
		{"a form in parts", on.sized("multipart/form-data; boundary=x", strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n", 10_000)+"--x--"), []int{415}},
		{"text", on.sized("text/plain", on.Body), []int{415}},
		{"another character set", on.sized("application/json; charset=utf-16", on.Body), []int{415}},
		{"a media type of a thousand parameters", on.sized("application/json; "+strings.Repeat("a=b; ", 1000), on.Body), []int{415, 201, 200}},
		{"no media type", "POST " + on.Command + " HTTP/1.1\r\nHost: " + on.Host + "\r\nContent-Length: 2\r\n\r\n{}", []int{415}},
	})
}

// formBombs are forms that cost much for their size.
func formBombs(t *testing.T, on *target) {
	const form = "application/x-www-form-urlencoded"
	var fields strings.Builder
	for i := range 80_000 {
		fmt.Fprintf(&fields, "f%d=&", i)
	}
	on.answeredOnce(t, []raw{
		{"half a million empty fields", on.sized(form, strings.Repeat("a&", megabyte/2-1)), []int{400, 413, 422}},
		{"half a million separators", on.sized(form, strings.Repeat("&", megabyte-1)), []int{400, 413, 422}},
		{"eighty thousand names", on.sized(form, fields.String()), []int{400, 413, 422}},
		{"broken escapes", on.sized(form, "a=%zz"), []int{400}},
		{"semicolons", on.sized(form, "a=1;b=2"), []int{400}},
		{"escapes of a megabyte", on.sized(form, "a="+strings.Repeat("%41", megabyte/3-1)), []int{400, 413, 422}},
		{"zero bytes and invalid UTF-8", on.sized(form, "key=%00&total=%ff%fe"), []int{400, 422}},
		{"a key of a megabyte", on.sized(form, on.Form+"&key="+strings.Repeat("k", megabyte/2)), []int{400, 413, 422}},
		{"more than there may be", on.sized(form, on.Form+"&x="+strings.Repeat("x", megabyte)), []int{413}},
	})
}
