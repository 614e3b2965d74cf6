package fanout

import (
	"github.com/tidwall/redcon"

	"ringmain/resp"
)

// emitUnion gives out the names that any part has told, each once.
func emitUnion(emit func([]byte), w *Whole, parts []Part) {
	seen := map[string]bool{}
	var out []byte
	for i := range parts {
		reply := elements{pieces: parts[i].Reply}
		n, _, _ := resp.ArrayHeader(reply.line())
		for range n {
			name, ok := resp.Bulk(reply.next())
			if !ok || seen[string(name)] || !w.Shows(i, name) {
				continue
			}
			seen[string(name)] = true
			out = redcon.AppendBulk(out, name)
		}
	}
	emit(redcon.AppendArray(nil, len(seen)))
	emit(out)
}

// listeners is how many listen, of whom the servers count sum. While the proxy's own
// subscriptions change fewer may be counted than there are, but all of its clients are.
func (w *Whole) listeners(name []byte, sum int64) int64 {
	clients, own := w.More(name)
	return max(0, sum-int64(own)) + int64(clients)
}

// emitCounts gives out the parts' names with the sums of their numbers, which are never
// below 0.
func emitCounts(emit func([]byte), w *Whole, parts []Part) {
	replies := make([]elements, len(parts))
	for i := range parts {
		replies[i] = elements{pieces: parts[i].Reply}
		replies[i].line()
	}
	out := redcon.AppendArray(nil, parts[0].Keys)
	for range parts[0].Keys / 2 {
		name, _ := resp.Bulk(replies[0].next())
		out = redcon.AppendBulk(out, name)
		sum := int64(0)
		for i := range replies {
			if i > 0 {
				replies[i].next()
			}
			n, _ := resp.Integer(replies[i].next())
			sum += n
		}
		out = redcon.AppendInt(out, w.listeners(name, sum))
	}
	emit(out)
}
