package driver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ringmain/ioloop"
)

// Resolver returns the addresses of a host name, in any order. It must return
// once ctx ends: a loop that stops waits for it. Several goroutines may call it.
type Resolver func(ctx context.Context, host string) ([]netip.Addr, error)

// goResolver asks name servers itself, as a binary without cgo does anyway: the
// C library's resolver cannot be interrupted.
var goResolver = net.Resolver{PreferGo: true}

// LookUp is the Resolver of programs.
func LookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	return goResolver.LookupNetIP(ctx, "ip", host)
}

// Resolve looks host up with r, for at most timeout.
func Resolve(ctx context.Context, r Resolver, host string, timeout time.Duration) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ips, err := r(ctx, host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: %w", ioloop.ErrNoAddress, err)
	}
	return onlyOne(host, ips)
}

// localhost is one machine in both families.
var localhost = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}

// onlyOne returns the address that a name stands for. Several are an error,
// because a name stands for one server, and the keys would move from one to the
// other; only of 127.0.0.1 and ::1 the first is taken.
func onlyOne(host string, ips []netip.Addr) (netip.Addr, error) {
	distinct := make([]netip.Addr, 0, len(ips))
	for _, ip := range ips {
		distinct = append(distinct, ip.Unmap())
	}
	slices.SortFunc(distinct, netip.Addr.Compare) // IPv4 first
	distinct = slices.Compact(distinct)
	switch {
	case len(distinct) == 0:
		return netip.Addr{}, fmt.Errorf("%w: %q has no address", ioloop.ErrNoAddress, host)
	case len(distinct) == 1 || slices.Equal(distinct, localhost):
		return distinct[0], nil
	}
	return netip.Addr{}, fmt.Errorf("%w: %q has %d addresses, but a node is one server (give it the address or "+
		"the name of one of them): %s", ioloop.ErrNoAddress, host, len(distinct), list(distinct))
}

// maxListed bounds the addresses that an error names.
const maxListed = 16

func list(ips []netip.Addr) string {
	var names []string
	for _, ip := range ips[:min(len(ips), maxListed)] {
		names = append(names, ip.String())
	}
	if len(ips) > maxListed {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}
