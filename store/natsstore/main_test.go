package natsstore

import (
	"testing"

	"github.com/daybook-es/daybook/internal/natstest"
)

// Some tests have servers in processes of their own, which are this program.
func TestMain(m *testing.M) { natstest.Main(m) }
