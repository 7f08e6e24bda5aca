package program

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
)

func TestAServerWhoseAddressIsTakenSaysSo(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := other.Addr().String()
	var written bytes.Buffer
	log := slog.New(slog.NewTextHandler(&written, nil))

	listener, err := Listening{}.Listen(taken, log)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if told := written.String(); !strings.Contains(told, "usual="+taken) || !strings.Contains(told, "address="+listener.Addr().String()) {
		t.Errorf("the log does not say where it listens instead:\n%s", told)
	}
	if elsewhere, err := (Listening{Addr: taken}).Listen("127.0.0.1:0", log); err == nil {
		elsewhere.Close()
		t.Errorf("told to listen at %s, it listens at %s", taken, elsewhere.Addr())
	}
}
