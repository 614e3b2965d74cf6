package fanout

import (
	"github.com/tidwall/redcon"

	"ringmain/resp"
)

// waitedFor is how many numbers WAITAOF gives: of servers and of replicas.
const waitedFor = 2

// emitLeast gives out what holds of every server: the least of each number.
func emitLeast(emit func([]byte), parts []Part) {
	if _, ok := resp.Integer(parts[0].head()); ok {
		least, _ := resp.Integer(parts[0].head())
		for i := range parts {
			if n, ok := resp.Integer(parts[i].head()); ok {
				least = min(least, n)
			}
		}
		emit(redcon.AppendInt(nil, least))
		return
	}
	var least [waitedFor]int64
	for i := range parts {
		reply := elements{pieces: parts[i].Reply}
		reply.line()
		for j := range least {
			if n, ok := resp.Integer(reply.next()); ok && (i == 0 || n < least[j]) {
				least[j] = n
			}
		}
	}
	out := redcon.AppendArray(nil, waitedFor)
	for _, n := range least {
		out = redcon.AppendInt(out, n)
	}
	emit(out)
}
