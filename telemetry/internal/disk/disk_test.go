package disk

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestADiskTellsHowMuchRoomItHas(t *testing.T) {
	space, err := Of(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil || space.Size == 0 || space.Free > space.Size {
		t.Errorf("%+v, %v", space, err)
	}
	if _, err := Of(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("a directory that is not there has room")
	}
}
