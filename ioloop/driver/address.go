package driver

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// UnixPrefix begins the addresses of Unix sockets.
	UnixPrefix = "unix:"
	// MaxUnixPath is what fits into sockaddr_un, less the final NUL.
	MaxUnixPath = 107
)

// UnixPath takes the path out of an address that begins with unix:. ok tells
// whether it does.
func UnixPath(address string) (path string, ok bool, err error) {
	path, ok = strings.CutPrefix(address, UnixPrefix)
	switch {
	case !ok:
	case strings.HasPrefix(path, "@") || strings.ContainsRune(path, 0):
		err = fmt.Errorf("address %q: abstract sockets are not supported, because anyone may connect to them; "+
			"give an absolute path", address)
	case !filepath.IsAbs(path):
		err = fmt.Errorf("address %q: the path is not absolute", address)
	case len(path) > MaxUnixPath:
		err = fmt.Errorf("address %q: the path has %d bytes, at most %d are possible", address, len(path), MaxUnixPath)
	}
	return path, ok, err
}

// HostPort is a TCP address taken apart. IP is invalid where the host is a name.
type HostPort struct {
	Host string
	IP   netip.Addr
	Port uint16
}

// ParseHostPort takes host:port apart.
func ParseHostPort(address string) (HostPort, error) {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		return HostPort{IP: ap.Addr(), Port: ap.Port()}, nil
	}
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil {
		return HostPort{}, fmt.Errorf("address %q is not host:port", address)
	}
	return HostPort{Host: host, Port: uint16(number)}, nil
}
