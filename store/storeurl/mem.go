package storeurl

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook/store/memstore"
)

// Mem opens a new, empty store in memory; see package memstore. It has no name under which
// another part of the program could have it too: hand over the store instead. What the
// options say of one that exists is always so.
func Mem(_ context.Context, u *URL, o *Options) (Store, error) {
	if u.host+u.path+u.userinfo != "" {
		return nil, fmt.Errorf("%s: a store in memory has no name: write mem://", u)
	}
	if err := u.Done(); err != nil {
		return nil, err
	}
	return o.guarded(memstore.New()), nil
}
