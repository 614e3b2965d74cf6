package lock

import (
	"math"
	"strconv"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/resp"
)

// errorReply encodes the text of an error.
func errorReply(text string) []byte { return redcon.AppendError(nil, text) }

func intReply(n int64) []byte { return redcon.AppendInt(nil, n) }

// intsReply encodes an array of numbers.
func intsReply(all ...int64) []byte {
	b := redcon.AppendArray(nil, len(all))
	for _, n := range all {
		b = redcon.AppendInt(b, n)
	}
	return b
}

// okOrNull is SET's reply.
func okOrNull(ok bool, protocol int) []byte {
	if ok {
		return redcon.AppendOK(nil)
	}
	return resp.AppendNull(nil, protocol)
}

// flag is the reply of commands that answer 1 or 0.
func flag(ok bool) []byte {
	if ok {
		return intReply(1)
	}
	return intReply(0)
}

// number reads an integer as Redis does: canonical digits only.
func number(b []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == string(b)
}

// duration is n units of time, if that is above zero and can be expressed.
func duration(n int64, unit time.Duration) (time.Duration, bool) {
	return time.Duration(n) * unit, n > 0 && n <= math.MaxInt64/int64(unit)
}
