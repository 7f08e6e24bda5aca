// Package disk tells how much room a disk has.
package disk

// A Space is how much room there is where a directory is.
type Space struct {
	// Size is how many bytes the file system has, and Free how many of them a program
	// without privileges may still fill.
	Size, Free uint64
}

// Of returns how much room there is where a directory is. Where the system cannot tell, the
// error wraps [errors.ErrUnsupported].
func Of(dir string) (Space, error) { return of(dir) }
