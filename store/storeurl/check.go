package storeurl

import (
	"github.com/daybook-es/daybook/store/natsstore"
	"github.com/daybook-es/daybook/store/pgstore"
)

// Check returns what is wrong with the URL of a store, as far as that can be told without
// opening it: nobody is connected to, and nothing is made. Of schemes that this module does not
// have, only what [Registry.Parse] finds. The URL's secrets are not in an error.
func (r Registry) Check(url string) error {
	u, err := r.Parse(url)
	if err != nil {
		return err
	}
	if err := new(Options).require(u); err != nil {
		return err
	}
	return u.redact(u.check())
}

// check checks what the driver of a scheme would be given.
func (u *URL) check() error {
	switch u.Scheme {
	case "log":
		if _, err := u.Directory(); err != nil {
			return err
		}
		if _, err := u.TakeFlag("compress"); err != nil {
			return err
		}
		return u.Done()
	case "nats":
		if u.host != "embedded" {
			return natsstore.CheckURL(u.Rest())
		}
		for _, name := range []string{"dir", "log", "node"} {
			u.Take(name)
		}
		return u.Done()
	case "postgres", "postgresql":
		u.Take("log")
		u.Take("schema")
		return pgstore.CheckURL(u.Rest())
	}
	return nil
}
