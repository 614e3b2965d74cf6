package integration

import (
	"strings"

	"ringmain/internal/difftest"
)

// tolerated is a difference that is meant to be.
type tolerated struct {
	// command is its name in the list that users read.
	command string
	matches func(args []string, got, want *difftest.Reply) bool
}

var differences []tolerated

// tolerate names the difference that explains two replies; empty if none does.
func tolerate(args []string, got, want *difftest.Reply) string {
	name := nameOf(args)
	for _, d := range differences {
		if d.command == name && d.matches(args, got, want) {
			return d.command
		}
	}
	return ""
}

const crossSlot = "-CROSSSLOT Keys in request don't hash to the same slot\r\n"

// refused is how an error begins that says that a command is not served.
func refused(name string) string {
	return "-ERR command '" + strings.ToLower(name) + "' is not supported: "
}
