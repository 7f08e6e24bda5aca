package storeurl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/daybook-es/daybook/store/logstore"
)

// Log opens the log in a directory; see package logstore. What stands behind log:// is the
// path: log:///var/lib/orders begins at the root, and log://data/orders where the program
// runs, as the paths data/orders and ./data/orders do. The parameter compress is true or
// false.
func Log(_ context.Context, u *URL, o *Options) (Store, error) {
	dir, err := u.Directory()
	if err != nil {
		return nil, err
	}
	compress, err := u.TakeFlag("compress")
	if err != nil {
		return nil, err
	}
	if err := u.Done(); err != nil {
		return nil, err
	}
	options := &logstore.Options{Owner: o.Owner, Logger: o.Logger, Compress: compress}
	if o.ReadOnly {
		return opened(logstore.OpenReader(dir, options))
	}
	if o.Existing {
		if _, err := os.Stat(filepath.Join(dir, "MANIFEST")); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: there is no log", u)
		}
	}
	return opened(logstore.Open(dir, options))
}

// Directory returns the directory that a URL of scheme log names.
func (u *URL) Directory() (string, error) {
	dir, err := u.unescape(u.host + u.path)
	if err != nil {
		return "", err
	}
	if dir == "" {
		return "", fmt.Errorf("%s: the directory is missing: write log:///var/lib/orders, or log://data/orders", u)
	}
	return dir, nil
}
