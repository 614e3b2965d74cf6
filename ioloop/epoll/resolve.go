package epoll

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"ringmain/ioloop"
)

// resolve looks host up. A name stands for one server, so several addresses are
// an error; only those of localhost may be two, the IPv4 one is taken then.
func resolve(ctx context.Context, host string, timeout time.Duration) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: %w", ioloop.ErrNoAddress, err)
	}
	return onlyOne(host, ips)
}

func onlyOne(host string, ips []netip.Addr) (netip.Addr, error) {
	distinct := map[netip.Addr]bool{}
	loopback := true
	var found netip.Addr
	for _, ip := range ips {
		ip = ip.Unmap()
		distinct[ip] = true
		loopback = loopback && ip.IsLoopback()
		if !found.IsValid() || ip.Is4() && !found.Is4() {
			found = ip
		}
	}
	if len(distinct) == 1 || loopback && len(distinct) > 0 {
		return found, nil
	}
	return netip.Addr{}, fmt.Errorf("%w: %q has %d addresses", ioloop.ErrNoAddress, host, len(distinct))
}
