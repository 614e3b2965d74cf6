package config

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

const (
	unixPrefix = "unix:"
	// maxUnixPath is what the kernel's socket address has room for, with a zero
	// at its end.
	maxUnixPath = 107
)

// address is a host and port taken apart, or the path of a Unix socket. ip is
// invalid where host is a name.
type address struct {
	path string
	host string
	ip   netip.Addr
	port int
}

// String is the same for two ways to write one address.
func (a address) String() string {
	switch {
	case a.path != "":
		return unixPrefix + a.path
	case a.host == "localhost":
		return "127.0.0.1 " + strconv.Itoa(a.port)
	}
	return a.host + " " + strconv.Itoa(a.port)
}

// local reports whether only this machine can connect.
func (a address) local() bool {
	return a.path != "" || a.host == "localhost" || a.ip.IsValid() && a.ip.IsLoopback()
}

// collides reports whether only one of a and b can be listened on. Port 0 is a
// free one each time.
func (a address) collides(b address) bool {
	if a.path != "" || b.path != "" {
		return a.path == b.path
	}
	return a.port == b.port && a.port != 0 && (a.covers(b) || b.covers(a))
}

// covers reports whether b's host is a's, or one of those that a's stands for.
func (a address) covers(b address) bool {
	switch a.host {
	case "", "::": // both versions of IP
		return true
	case "0.0.0.0":
		return b.ip.Is4() || b.host == "localhost"
	}
	return a.String() == b.String()
}

// splitAddress takes host:port or unix:/path apart. The host may be empty, the
// port 0.
func splitAddress(s string) (address, error) {
	if file, isUnix := strings.CutPrefix(s, unixPrefix); isUnix {
		return unixAddress(file)
	}
	bad := fmt.Errorf("must be host:port, such as 127.0.0.1:6379 or [::1]:6379, or unix:/path, is %q", clip(s))
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

func unixAddress(file string) (address, error) {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case !path.IsAbs(file) || strings.HasSuffix(file, "/") || strings.ContainsFunc(file, control):
		return address{}, fmt.Errorf("must be unix: and the absolute path of a socket, such as unix:/run/redis.sock, is %q",
			clip(unixPrefix+file))
	case len(file) > maxUnixPath:
		return address{}, fmt.Errorf("the path of a socket must be at most %d bytes, is %d", maxUnixPath, len(file))
	}
	return address{path: path.Clean(file)}, nil
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
	return s != "" && len(s) <= 64 && isWord(strings.ReplaceAll(s, "-", "_"))
}

// notVisible reports whether r would not show, or not as itself, in a log.
func notVisible(r rune) bool { return r <= ' ' || r > '~' }
