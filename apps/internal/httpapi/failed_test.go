package httpapi

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhatPassesByItselfIsNoErrorOfTheProgram(t *testing.T) {
	for level, err := range map[string]error{
		"WARN":  Unavailable.Problem("it is being built"),
		"ERROR": errors.New("the disk is on fire"),
	} {
		var written bytes.Buffer
		s := NewServer("test", Options{Logger: slog.New(slog.NewTextHandler(&written, nil))})
		s.Route([]Route{{Method: "GET", Path: "/{$}", Right: Open, Handle: func(http.ResponseWriter, *http.Request) error { return err }}})
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		if want := "level=" + level + ` msg="request failed"`; !strings.Contains(written.String(), want) {
			t.Errorf("of %v the log does not have %s:\n%s", err, want, &written)
		}
	}
}
