package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// address is a host and port taken apart. ip is invalid where host is a name.
type address struct {
	host string
	ip   netip.Addr
	port int
}

// String is the same for two ways to write one address.
func (a address) String() string { return a.host + " " + strconv.Itoa(a.port) }

func (a address) loopback() bool {
	return a.host == "localhost" || a.ip.IsValid() && a.ip.IsLoopback()
}

// splitAddress takes host:port apart. The host may be empty, the port 0.
func splitAddress(s string) (address, error) {
	bad := fmt.Errorf("must be host:port, such as 127.0.0.1:6379 or [::1]:6379, is %q", clip(s))
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		return address{}, bad
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return address{}, bad
	}
	a := address{host: strings.ToLower(host), port: int(port)}
	if ip, err := netip.ParseAddr(host); err == nil {
		a.ip = ip.Unmap()
		a.host = a.ip.String()
	} else if host != "" && !isHostName(a.host) {
		return address{}, bad
	}
	return a, nil
}

// isHostName reports whether s can be looked up. A last label of digits alone
// is a mistyped IP address.
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for _, l := range labels {
		if !isName(l) {
			return false
		}
	}
	_, err := strconv.ParseUint(labels[len(labels)-1], 10, 64)
	return err != nil
}

// isName reports whether s is 1 to 64 letters, digits, hyphens and underscores.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// notVisible reports whether r would not show, or not as itself, in a log.
func notVisible(r rune) bool { return r <= ' ' || r > '~' }
