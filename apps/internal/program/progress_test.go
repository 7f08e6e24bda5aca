package program

import (
	"bytes"
	"strings"
	"testing"
)

// Progress is told in lines where nobody watches a terminal.
func TestProgressInLines(t *testing.T) {
	var b bytes.Buffer
	tell, end := Progress(&b, "orders")
	tell(Done{Things: 250, Events: 1000, Read: 10, Size: 100})
	tell(Done{Things: 500, Events: 2000, Read: 20, Size: 100}) // too soon for another line
	end()
	if got := b.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "250 orders, ") || !strings.Contains(got, ", 10 %, ") {
		t.Errorf("it tells %q", got)
	}
	b.Reset()
	tell, _ = Progress(&b, "orders")
	tell(Done{Things: 250, Events: 1000, Read: 10}) // the size of a pipe is not known
	if got := b.String(); strings.Contains(got, "%") || !strings.HasPrefix(got, "250 orders, ") {
		t.Errorf("it tells %q", got)
	}
}
