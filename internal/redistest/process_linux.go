package redistest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// childAttributes has the child killed when this process ends, and keeps the
// terminal's Ctrl-C from it, so that its owner decides in which order to stop.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

var errNotListening = errors.New("the port does not listen yet")

// listening returns nil when the process pid itself listens on the IPv4 port.
func listening(pid, port int) error {
	inodes, err := listenerInodes(port)
	if err != nil {
		return err
	}
	fds := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(fds)
	if err != nil {
		return err
	}
	for _, e := range entries {
		target, err := os.Readlink(fds + "/" + e.Name())
		if err == nil && inodes[target] {
			return nil
		}
	}
	return errNotListening
}

// listenerInodes returns the sockets that listen on port, as /proc/PID/fd
// names them.
func listenerInodes(port int) (map[string]bool, error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return nil, err
	}
	const listen = "0A"
	inodes := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listen {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == port {
			inodes["socket:["+f[9]+"]"] = true
		}
	}
	return inodes, nil
}
