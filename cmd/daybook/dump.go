package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/daybook-es/daybook/store/logstore"
)

// Dump shows what is in a file of a log.
type Dump struct {
	File string `arg:"" name:"FILE" type:"path" help:"Any file of a log: a segment, an index, MANIFEST, HEAD, or what was set aside."`
}

// Help returns what the flags do not say.
func (Dump) Help() string {
	return `Shows what the bytes of a file mean, line by line with their places, and where they are damaged. FORMAT.md of package store/logstore says more. The form of the text may change; read and export have one that does not.

A segment that was scavenged or compressed is another file, such as 00000001-2.seg after the second time. MANIFEST and stats --segments name those that there are.

  daybook dump LOG/00000001.seg | less`
}

// Run shows the file.
func (d *Dump) Run(c *console) error {
	err := logstore.Dump(c.out, d.File)
	if errors.Is(err, fs.ErrNotExist) {
		if next := d.next(); next != "" {
			return fmt.Errorf("%s is not there any more: %s has taken its place", d.File, next)
		}
	}
	return err
}

// next returns the file that has taken the place of a segment or of an index, or "".
func (d *Dump) next() string {
	ext := filepath.Ext(d.File)
	if ext != ".seg" && ext != ".idx" {
		return ""
	}
	number, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(d.File), ext), "-")
	// An error is about the pattern: the directory has brackets in its name.
	names, _ := filepath.Glob(filepath.Join(filepath.Dir(d.File), number+"-*"+ext))
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}
