package main

import "github.com/daybook-es/daybook/store/logstore"

// Dump shows what is in a file of a log.
type Dump struct {
	File string `arg:"" name:"FILE" type:"existingfile" help:"Any file of a log: a segment, an index, MANIFEST, HEAD, or what was set aside."`
}

// Help returns what the flags do not say.
func (Dump) Help() string {
	return `Shows what the bytes of a file mean, line by line with their places, and where they are damaged. FORMAT.md of package store/logstore says more. The form of the text may change; read and export have one that does not.

  daybook dump LOG/00000001.seg | less`
}

// Run shows the file.
func (d *Dump) Run(c *console) error { return logstore.Dump(c.out, d.File) }
