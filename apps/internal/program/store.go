package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/daybook-es/daybook/store/storeurl"
)

// CheckStore returns what is wrong with the URL of a store, as far as that can be told without
// opening anything: nobody is connected to, and no directory is made.
func CheckStore(stores storeurl.Registry, url string) error {
	if err := stores.Check(url); err != nil {
		return fmt.Errorf("--store: %w", err)
	}
	u, err := stores.Parse(url)
	if err != nil || u.Scheme != "log" {
		return err
	}
	dir, err := u.Directory()
	if err != nil {
		return err
	}
	// It is made when it is opened, with those above it that are missing.
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is no directory", dir)
		case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
			dir = filepath.Dir(dir)
		default:
			return err
		}
	}
}

// StoreDir returns the directory in which a store is; empty if it is none of this machine.
func StoreDir(stores storeurl.Registry, url string) string {
	u, err := stores.Parse(url)
	if err != nil || u.Scheme != "log" {
		return ""
	}
	dir, err := u.Directory()
	if err != nil {
		return ""
	}
	return dir
}

// StoreName returns the URL of a store as a log may name it: without what is secret in it.
func StoreName(stores storeurl.Registry, url string) string {
	u, err := stores.Parse(url)
	switch {
	case err != nil:
		return hidden // who knows what is in it
	case u.Scheme == "log":
		return url
	}
	return u.String()
}
