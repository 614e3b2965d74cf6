package fanout

import (
	"bytes"

	"github.com/tidwall/redcon"

	"ringmain/resp"
)

// capable are the parts without those that could not be executed, whose servers
// are down or busy; all of them if that leaves none.
func capable(parts []Part) []Part {
	var able []Part
	for _, p := range parts {
		if p.Failure == "" && !p.fails("BUSY") && !p.fails("LOADING") {
			able = append(able, p)
		}
	}
	if len(able) == 0 {
		return parts
	}
	return able
}

// fails reports whether the reply is an error with a code.
func (p *Part) fails(code string) bool {
	rest, ok := bytes.CutPrefix(p.head(), []byte("-"+code))
	return ok && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\r')
}

// emitExist gives out which scripts all servers have, or one does and the others
// would be given: that only the proxy knows a text does not make it a script.
func emitExist(emit func([]byte), w *Whole, parts []Part) {
	replies := make([]elements, len(parts))
	for i := range parts {
		replies[i] = elements{pieces: parts[i].Reply}
		replies[i].line()
	}
	out := redcon.AppendArray(nil, len(w.Kept))
	for _, kept := range w.Kept {
		having := 0
		for i := range replies {
			if n, ok := resp.Integer(replies[i].next()); ok && n == 1 {
				having++
			}
		}
		var n int64
		if having == len(parts) || kept && having > 0 {
			n = 1
		}
		out = redcon.AppendInt(out, n)
	}
	emit(out)
}

// emitKilled gives out what stopping a script on all servers has come to: that one
// cannot be stopped, or that one was, or what has failed, or that none ran.
func emitKilled(emit func([]byte), parts []Part) {
	best, text := 0, ""
	for i := range parts {
		p := &parts[i]
		rank := 3
		switch {
		case p.fails("UNKILLABLE"):
			rank = 5
		case p.Failure == "" && p.usable(OK):
			rank = 4
		case p.fails("NOTBUSY"):
			rank = 2
		}
		if rank > best {
			best, text = rank, ""
			if rank != 4 {
				text = p.failure()
			}
		}
	}
	if text == "" {
		emit(redcon.AppendOK(nil))
		return
	}
	emit(redcon.AppendError(nil, text))
}
