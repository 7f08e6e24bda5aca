package index

// Check reads a whole index file of some size and returns what is wrong with it: every
// page must be what was written for that segment, and none may be missing or too many.
func Check(read func(b []byte, offset int64) error, size int64, id Identity) error {
	f, err := Open(read, id)
	if err != nil {
		return err
	}
	contents := f.postingsAt() + 4*int64(f.postings)
	pages := 1 + (contents+contentBytes-1)/contentBytes
	if size != pages*pageBytes {
		return ErrDamaged
	}
	page := make([]byte, pageBytes)
	for n := range pages {
		if err := f.page(page, n); err != nil {
			return err
		}
	}
	return nil
}
