package logstore

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// Goal: a real file system that is full costs nothing but the appends that it refuses. Method: a tmpfs of
// four megabytes is filled, read, given room, and used again, twice.
func TestAFullFileSystemRefusesAppendsUntilThereIsRoom(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a tmpfs cannot be mounted (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := []string{filepath.Join(disk, "ballast-1"), filepath.Join(disk, "ballast-2")}
	for _, name := range ballast {
		if err := os.WriteFile(name, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(disk, "db")
	s, err := Open(dir, &Options{SegmentBytes: 300 << 10, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	recorded := 0
	add := func() error {
		data := make([]byte, 10_000)
		_, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed", ContentType: "application/octet-stream", Data: data}}, nil)
		if err == nil {
			recorded++
		}
		return err
	}
	for _, name := range ballast {
		var err error
		for err == nil {
			err = add()
		}
		var unavailable *daybook.UnavailableError
		if !errors.As(err, &unavailable) || !vfs.IsNoSpace(err) {
			t.Fatalf("an append to a full disk answers %v, want it to be unavailable", err)
		}
		if n := len(read(t, s, daybook.Stream("order-1"), daybook.Span{})); n != recorded {
			t.Errorf("while the disk is full %d events are read, want %d", n, recorded)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if err := add(); err != nil {
				t.Fatalf("there is room again, and an append answers %v", err)
			}
		}
		if err := s.Health(); err != nil {
			t.Errorf("there is room again, and health is %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, quietly); err != nil {
		t.Fatal(err)
	}
	if n := len(read(t, s, daybook.All(), daybook.Span{})); n != recorded {
		t.Errorf("after opening again there are %d events, want %d", n, recorded)
	}
}
