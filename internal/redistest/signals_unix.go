//go:build unix

package redistest

import "syscall"

// What freezes a program and lets it go on.
const (
	sigStop = syscall.SIGSTOP
	sigCont = syscall.SIGCONT
)
