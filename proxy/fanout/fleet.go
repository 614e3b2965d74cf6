package fanout

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"

	"github.com/tidwall/redcon"

	"ringmain/resp"
)

// Cursors are those that SCAN hands to clients: a place's cursor times the number
// of places, plus the place's number. So a cursor names its place, 0 begins
// with the first, and small cursors stay small: some clients keep them in 53 bits.
type Cursors struct {
	// Place is the number of the place that is asked, Places how many numbers there
	// are.
	Place, Places int
	// Next is the number of the place behind it; 0: it is the last.
	Next int
}

// ParseCursor takes a client's cursor apart: what to ask which place. ok is false
// for what is no cursor.
func ParseCursor(text []byte, places int) (place int, own uint64, ok bool) {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0, 0, false
	}
	return int(n % uint64(places)), n / uint64(places), true
}

// next is the client's cursor for the place's next one: at a place's end, the
// beginning of the next place. ok is false if it has no room in 64 bits.
func (c Cursors) next(own uint64) (cursor uint64, ok bool) {
	if own == 0 {
		return uint64(c.Next), true
	}
	high, low := bits.Mul64(own, uint64(c.Places))
	cursor = low + uint64(c.Place)
	return cursor, high == 0 && cursor >= low
}

// AppendScanRequest appends SCAN with the place's own cursor. args are the
// client's, the name first.
func AppendScanRequest(dst []byte, args [][]byte, own uint64) []byte {
	dst = redcon.AppendArray(dst, len(args))
	dst = redcon.AppendBulk(dst, args[0])
	dst = redcon.AppendBulkString(dst, strconv.FormatUint(own, 10))
	for _, arg := range args[2:] {
		dst = redcon.AppendBulk(dst, arg)
	}
	return dst
}

// emitPage gives out a server's page of SCAN with the client's cursor, less the
// keys that are not the server's.
func emitPage(emit func([]byte), w *Whole, p *Part) {
	reply := elements{pieces: p.Reply}
	reply.line()
	digits, ok := resp.Bulk(reply.next())
	own, err := strconv.ParseUint(string(digits), 10, 64)
	n, _, isArray := resp.ArrayHeader(reply.line())
	if !ok || err != nil || !isArray {
		emit(redcon.AppendError(nil, "ERR node \""+p.Node+"\" sent a reply of the wrong type"))
		return
	}
	cursor, ok := w.Cursors.next(own)
	if !ok {
		emit(redcon.AppendError(nil, "ERR node \""+p.Node+"\" sent a cursor that is too large to be passed on"))
		return
	}
	page := keyList{0, n, reply}
	out := redcon.AppendArray(nil, 2)
	out = redcon.AppendBulkString(out, strconv.FormatUint(cursor, 10))
	emit(redcon.AppendArray(out, page.shown(w, nil)))
	page.shown(w, emit)
}

// keyList are n keys that a part's server has told.
type keyList struct {
	part, n int
	keys    elements
}

// shown gives out, unless emit is nil, those keys that may be shown, and counts
// them. Large lists are rather gone through twice than kept.
func (l keyList) shown(w *Whole, emit func([]byte)) (count int) {
	for range l.n {
		elem := l.keys.next()
		if key, ok := resp.Bulk(elem); ok && w.Shows(l.part, key) {
			count++
			if emit != nil {
				emit(elem)
			}
		}
	}
	return count
}

// emitArrays gives out the keys of all parts as one array.
func emitArrays(emit func([]byte), w *Whole, parts []Part) {
	lists := make([]keyList, len(parts))
	total := 0
	for i := range parts {
		reply := elements{pieces: parts[i].Reply}
		n, _, _ := resp.ArrayHeader(reply.line())
		lists[i] = keyList{i, n, reply}
		total += lists[i].shown(w, nil)
	}
	emit(redcon.AppendArray(nil, total))
	for _, l := range lists {
		l.shown(w, emit)
	}
}

// AppendRandomRequest appends what is asked of each server for RANDOMKEY: two
// requests, for a key and for how many there are, so that each key of the fleet
// has the same chance. They are the parts 2i and 2i+1 of server i.
func AppendRandomRequest(dst []byte, part int) []byte {
	if part%2 == 0 {
		return resp.AppendCommand(dst, "RANDOMKEY")
	}
	return resp.AppendCommand(dst, "DBSIZE")
}

// emitRandom gives out one of the servers' keys, or a null if there is none.
func emitRandom(emit func([]byte), w *Whole, parts []Part) {
	chosen := resp.AppendNull(nil, w.Protocol)
	var total int64
	for i := 0; i+1 < len(parts); i += 2 {
		reply := bytes.Join(parts[i].Reply, nil)
		key, ok := resp.Bulk(reply)
		size, _ := resp.Integer(parts[i+1].head())
		if !ok || size <= 0 || size > math.MaxInt64-total || !w.Shows(i, key) {
			continue
		}
		if total += size; w.Intn(total) < size {
			chosen = reply
		}
	}
	emit(chosen)
}
