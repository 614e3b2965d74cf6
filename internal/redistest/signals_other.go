//go:build !unix

package redistest

import "syscall"

// There is nothing that freezes a program here: sending these is an error.
const (
	sigStop = syscall.Signal(0x13)
	sigCont = syscall.Signal(0x12)
)
