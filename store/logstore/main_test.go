package logstore

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

// quiet is for tests that expect what would be logged.
var quiet = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
