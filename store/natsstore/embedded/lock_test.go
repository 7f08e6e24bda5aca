package embedded_test

import (
	"errors"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/natsstore/embedded"
)

// Two servers on the same files would damage them, and no server looks.
func TestOneServerAtATimeHasADirectory(t *testing.T) {
	dir := t.TempDir()
	first, err := embedded.Start(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := embedded.Start(dir, nil); !errors.As(err, new(*daybook.UnavailableError)) {
		t.Errorf("a second server on the directory: %v, want that it is unavailable", err)
		if err == nil {
			second.Close()
		}
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Errorf("closing the server: %v", err)
		}
	}
	next, err := embedded.Start(dir, nil)
	if err != nil {
		t.Fatalf("the directory is not free when its server has ended: %v", err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}
