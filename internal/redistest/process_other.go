//go:build !linux

package redistest

import (
	"fmt"
	"net"
	"syscall"
	"time"
)

// childAttributes has nothing to offer here: a child outlives a parent that
// was killed.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

// listening returns nil when somebody listens on the port.
func listening(_, port int) error {
	c, err := net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}
