// Package sealed keeps content in files that tell whether they are what was written: a
// line with the SHA-256 of the rest in hexadecimal digits, and the rest.
package sealed

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
)

// Line returns the line that goes before content.
func Line(content []byte) []byte {
	digest := sha256.Sum256(content)
	return append(hex.AppendEncode(nil, digest[:]), '\n')
}

// Open returns the content of a file that was sealed, which shares the file's memory, and
// reports whether it is what was written.
func Open(file []byte) (content []byte, sound bool) {
	end := bytes.IndexByte(file, '\n') + 1
	return file[end:], bytes.Equal(file[:end], Line(file[end:]))
}

// Write puts a sealed file in place of one that may be there: after a crash it is the old
// one or the new one. The directory is not synced: after a loss of power it may be the old
// one although Write returned nil.
func Write(file string, content []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	for _, part := range [][]byte{Line(content), content} {
		if _, err := temporary.Write(part); err != nil {
			return errors.Join(err, temporary.Close())
		}
	}
	// The name must not come to stand for bytes that a loss of power can still take.
	if err := temporary.Sync(); err != nil {
		return errors.Join(err, temporary.Close())
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}
