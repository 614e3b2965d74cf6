package driver

import (
	"fmt"
	"path/filepath"
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
