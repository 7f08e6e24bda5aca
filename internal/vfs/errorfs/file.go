package errorfs

import "github.com/daybook-es/daybook/internal/vfs"

// A file fails as its file system's fault says. The methods that cannot fail are the inner file's.
type file struct {
	vfs.File
	fs *FS
}

// part returns how many of n bytes a call with this effect treats.
func (e Effect) part(n int64) int64 {
	switch e {
	case Part, PartCounted:
		return n / 2
	case Whole:
		return n
	default:
		return 0
	}
}

// counted returns how many of the bytes treated it admits.
func (e Effect) counted(n int) int {
	if e == PartCounted {
		return n
	}
	return 0
}

// ReadAt implements [vfs.File].
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	effect, fault := f.fs.meet(ReadAt, f.Name())
	if fault == nil {
		return f.File.ReadAt(b, off)
	}

	n, _ := f.File.ReadAt(b[:effect.part(int64(len(b)))], off)
	return effect.counted(n), fault
}

// WriteAt implements [vfs.File].
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	effect, fault := f.fs.meet(WriteAt, f.Name())
	if fault == nil {
		return f.File.WriteAt(b, off)
	}

	n, err := f.File.WriteAt(b[:effect.part(int64(len(b)))], off)
	if err != nil {
		return n, err
	}
	return effect.counted(n), fault
}

// Size implements [vfs.File].
func (f *file) Size() (n int64, err error) {
	err = f.fs.do(Size, f.Name(), func() (err error) {
		n, err = f.File.Size()
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Truncate implements [vfs.File].
func (f *file) Truncate(n int64) error {
	return f.fs.do(Truncate, f.Name(), func() error { return f.File.Truncate(n) })
}

// Sync implements [vfs.File].
func (f *file) Sync() error {
	effect, fault := f.fs.meet(Sync, f.Name())
	if fault == nil {
		return f.File.Sync()
	}

	if effect == Whole {
		if err := f.File.Sync(); err != nil {
			return err
		}
	} else if loser, ok := f.File.(interface{ LoseSync() error }); ok {
		loser.LoseSync()
	}
	return fault
}

// Preallocate implements [vfs.File].
func (f *file) Preallocate(off, n int64) error {
	effect, fault := f.fs.meet(Preallocate, f.Name())
	if fault == nil {
		return f.File.Preallocate(off, n)
	}

	if err := f.File.Preallocate(off, effect.part(n)); err != nil {
		return err
	}
	return fault
}

// Close implements [vfs.File]. The handle is released even if it fails.
func (f *file) Close() error {
	_, fault := f.fs.meet(Close, f.Name())
	if err := f.File.Close(); err != nil {
		return err
	}
	return fault
}
