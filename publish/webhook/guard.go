package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ErrForbidden is why an address is not dialled.
var ErrForbidden = errors.New("webhook: the address is not a public one")

// A guard says which addresses may be dialled.
type guard struct{ allow []netip.Prefix }

func newGuard(allow []netip.Prefix) (*guard, error) {
	for _, p := range allow {
		if !p.IsValid() || p.Addr().Is4In6() {
			return nil, fmt.Errorf("webhook: %s cannot be allowed: write addresses of IPv4 as such", p)
		}
	}
	return &guard{append([]netip.Prefix(nil), allow...)}, nil
}

// The addresses that are not public, from the registries of special-purpose addresses of
// IANA, and those of clouds that only their own machines reach.
var forbidden4 = prefixes(
	"0.0.0.0/8",        // this network; the unspecified address reaches this machine
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared by customers of a carrier; metadata of Alibaba Cloud
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // the platform of Azure
	"169.254.0.0/16",   // link-local; metadata of most clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocols of the IETF; metadata of Oracle Cloud
	"192.0.2.0/24",     // documentation
	"192.31.196.0/24",  // AS112
	"192.52.193.0/24",  // AMT
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"192.175.48.0/24",  // AS112
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved; broadcast
)

// Of IPv6 only this part is public, without what follows.
var public6 = netip.MustParsePrefix("2000::/3")

var forbidden6 = prefixes(
	"2001::/23",         // protocols of the IETF, with Teredo, which has addresses of IPv4 within
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4, which has addresses of IPv4 within
	"2620:4f:8000::/48", // AS112
	"3ffe::/16",         // the 6bone that was
	"3fff::/20",         // documentation
)

// nat64 is where a translator shows addresses of IPv4 (RFC 6052), in the last four bytes.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// control refuses a connection to an address that may not be dialled. It is called by the
// dialler with the address that it is about to connect to, whatever name led to it.
func (g *guard) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: %s %s", ErrForbidden, network, address)
	}
	if !g.allows(at.Addr()) {
		return fmt.Errorf("%w: %s", ErrForbidden, at.Addr())
	}
	return nil
}

// allows reports whether an address may be dialled.
func (g *guard) allows(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	if within(addr, g.allow) {
		return true
	}
	if addr.Is4() {
		return !within(addr, forbidden4)
	}
	if nat64.Contains(addr) {
		b := addr.As16()
		return g.allows(netip.AddrFrom4([4]byte(b[12:])))
	}
	return public6.Contains(addr) && !within(addr, forbidden6)
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
