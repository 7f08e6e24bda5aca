package sqlview

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// migrate runs the statements of the files in dir, which are named NUMBER_what.sql from
// 0001 on, after those with numbers up to done, and tells note of each. More than there
// are is a database of a newer program.
func migrate(tx *Tx, files fs.ReadDirFS, dir string, done int, note func(number int) error) error {
	entries, err := files.ReadDir(dir) // in order of name
	if err != nil {
		return err
	}
	if done > len(entries) {
		return fmt.Errorf("a newer version of Daybook has changed its tables here: migration %d is done, and this version has %d", done, len(entries))
	}
	for _, entry := range entries[done:] {
		before, _, _ := strings.Cut(entry.Name(), "_")
		number, err := strconv.Atoi(before)
		if err != nil {
			return err
		}
		statements, err := fs.ReadFile(files, path.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		if err := tx.s.script(tx.ctx, string(statements)); err != nil {
			return fmt.Errorf("migration %s: %w", entry.Name(), err)
		}
		if err := note(number); err != nil {
			return err
		}
	}
	return nil
}
