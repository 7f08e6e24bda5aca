package pgstore

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
)

// A server that is not there is named in one line, with its port, and what the driver met
// with and without TLS is told once.
func TestAServerThatIsNotThereIsNamedInOneLine(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := nobody.Addr().String()
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), "postgres://ann:secret@"+address+"/shop", nil)
	if away := (*daybook.UnavailableError)(nil); !errors.As(err, &away) {
		t.Fatalf("it is %v", err)
	}
	told := err.Error()
	if !strings.HasPrefix(told, "daybook: unavailable: open "+address+"/shop, schema daybook, log main: ") ||
		strings.Contains(told, "\n") || strings.Count(told, "refused") != 1 || strings.Contains(told, "secret") {
		t.Errorf("it is told as %q", told)
	}
}
