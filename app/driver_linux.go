//go:build !foreign

package app

import (
	"golang.org/x/sys/unix"

	"ringmain/ioloop/epoll"
)

// The driver of the loops here.
type (
	netLoop     = epoll.Loop
	netListener = epoll.Listener
	netClient   = epoll.Accepted
)

func newLoop() (*netLoop, error) { return epoll.New() }

func listen(address string) (*netListener, error) { return epoll.Listen(address) }

// openFiles is how many files the process may open, if there is a limit that is
// known.
func openFiles() (int, bool) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return 0, false
	}
	return int(min(files.Cur, 1<<30)), true
}
