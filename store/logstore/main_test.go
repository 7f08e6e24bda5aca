package logstore

import (
	"log/slog"
	"os"
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// quiet is for tests that expect what would be logged.
var quiet = slog.New(slog.DiscardHandler)

// victimOf names the directory that this process, started by a test, is to append to until it is killed.
const victimOf = "DAYBOOK_TEST_APPEND_TO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimOf); dir != "" {
		appendUntilKilled(dir)
	}
	// The tests that collect little garbage on purpose must not, all of them together, take what the machine has.
	debug.SetMemoryLimit(1 << 30)
	goleak.VerifyTestMain(m)
}
