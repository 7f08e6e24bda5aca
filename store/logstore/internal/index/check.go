package index

// Check reads a whole index file of some size and returns what is wrong with it: every
// page must be what was written for that segment, and none may be missing or too many.
func Check(read func(b []byte, offset int64) error, size int64, id Identity) error {
	f, err := Open(read, id)
	if err != nil {
		return err
	}
	if size != f.size() {
		return ErrDamaged
	}
	p := new(page)
	for n := range size / pageBytes {
		if err := f.page(p, n); err != nil {
			return err
		}
	}
	return nil
}
