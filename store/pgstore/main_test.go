package pgstore

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The server that the tests share is read from for as long as the tests last.
	goleak.VerifyTestMain(m)
}
