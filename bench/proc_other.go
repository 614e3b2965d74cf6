//go:build !linux

package main

import (
	"errors"
	"runtime"
	"syscall"
	"time"
)

var errNotLinux = errors.New("measuring processes needs Linux")

func cpuTime(int) (time.Duration, error) { return 0, errNotLinux }

func ownCPUTime() (time.Duration, error) { return 0, errNotLinux }

func residentBytes(int) (int64, error) { return 0, errNotLinux }

func fileLimit() uint64 { return 0 }

func raiseFileLimit() error { return errNotLinux }

func machine() string { return runtime.GOOS }

func loadAttributes() *syscall.SysProcAttr { return nil }
