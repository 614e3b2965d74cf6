package command

import (
	"math"
	"strconv"
	"time"
)

// maxBlock is the longest time that BlockTime tells apart from for ever.
const maxBlock = 100 * 365 * 24 * time.Hour

// BlockTime is how long a request that Blocks may be held back by the server; 0: for
// ever, or the server will not hold it back because the argument is wrong.
func (c *Command) BlockTime(args [][]byte) time.Duration {
	unit, at := time.Second, len(args)-1
	switch c.Name {
	case "blmpop", "bzmpop":
		at = 1
	case "wait":
		unit, at = time.Millisecond, 2
	case "waitaof":
		unit, at = time.Millisecond, 3
	case "xread", "xreadgroup":
		unit = time.Millisecond
		_, at = streamOptions(args)
	}
	if at < 1 || at >= len(args) {
		return 0
	}
	n, err := strconv.ParseFloat(string(args[at]), 64)
	switch {
	case err != nil || !(n > 0):
		return 0
	case n*float64(unit) > float64(maxBlock):
		return 0
	}
	return time.Duration(math.Ceil(n * float64(unit)))
}

// waitsForLock reports whether RINGMAIN.LOCK key token PX milliseconds is followed by a WAIT.
func waitsForLock(args [][]byte) bool {
	for i := 3; i < len(args); i += 2 {
		if IsWord(args[i], "wait") {
			return true
		}
	}
	return false
}
