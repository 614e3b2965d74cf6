//go:build !linux || foreign

package app

import "ringmain/ioloop/foreign"

// The driver of the loops here.
type (
	netLoop     = foreign.Loop
	netListener = foreign.Listener
	netClient   = foreign.Accepted
)

func newLoop() (*netLoop, error) { return foreign.New() }

func listen(address string) (*netListener, error) { return foreign.Listen(address) }

// openFiles would be how many files the process may open: what limits.clients allows
// is not lowered here.
func openFiles() (int, bool) { return 0, false }
