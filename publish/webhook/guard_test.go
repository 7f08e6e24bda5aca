package webhook

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"
)

func TestOnlyPublicAddressesAreDialled(t *testing.T) {
	forbidden := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
		"127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255",
		"192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
		"203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",

		"::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1", "100::1",
		"2001::1", "2001:0:53aa:64c::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1",
		// Addresses of IPv4 in each form that IPv6 has for them.
		"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "::10.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.1.2.3", "64:ff9b:1::10.0.0.1",
		"2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "::ffff:0:127.0.0.1",
	}
	public := []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "128.0.0.1", "168.63.129.17", "169.253.1.1", "172.15.255.255",
		"172.32.0.1", "192.0.1.1", "192.167.1.1", "198.17.1.1", "198.20.0.1", "223.255.255.255",
		"2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "2400::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
	}
	none, err := newGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := newGuard([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")})
	if err != nil {
		t.Fatal(err)
	}
	dial := func(g *guard, addr string) error {
		network := "tcp4"
		if netip.MustParseAddr(addr).Is6() {
			network = "tcp6"
		}
		return g.control(network, netip.AddrPortFrom(netip.MustParseAddr(addr), 443).String(), nil)
	}
	for _, addr := range forbidden {
		if err := dial(none, addr); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s may be dialled: %v", addr, err)
		}
		if err := dial(all, addr); err != nil {
			t.Errorf("%s is allowed and may not be dialled: %v", addr, err)
		}
	}
	for _, addr := range public {
		if err := dial(none, addr); err != nil {
			t.Errorf("%s may not be dialled: %v", addr, err)
		}
	}
	for _, strange := range [][2]string{{"tcp4", "example.com:443"}, {"tcp4", "1.1.1.1"}, {"unix", "/run/secret"}, {"udp4", "1.1.1.1:443"}, {"tcp4", ""}} {
		if err := none.control(strange[0], strange[1], nil); !errors.Is(err, ErrForbidden) {
			t.Errorf("%v may be dialled: %v", strange, err)
		}
	}
}

func TestWhatIsAllowedIsNoMoreThanWhatIsNamed(t *testing.T) {
	g, err := newGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16")})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "64:ff9b::10.1.2.3": true, "fd12::1": true, "1.1.1.1": true,
		"10.2.0.1": false, "127.0.0.1": false, "fd13::1": false, "::1": false, "2002:a01:203::": false,
	} {
		if got := g.allows(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s may be dialled: %v; want %v", addr, got, want)
		}
	}
	if _, err := newGuard([]netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}); err == nil {
		t.Error("a prefix that no address is ever in is allowed")
	}
	if _, err := newGuard([]netip.Prefix{{}}); err == nil {
		t.Error("no prefix is allowed")
	}
}

// The environment is read once in a process, so no test can set it and look for a request.
func TestTheProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	s, err := New("https://example.com/", []Secret{NewSecret()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.client.Transport.(*http.Transport).Proxy != nil {
		t.Error("there is a proxy, which would reach what this program may not")
	}
}
