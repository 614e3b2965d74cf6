package counter

import (
	"strconv"

	"ringmain/quorum"
)

// deliver tells everybody in the batch, which was applied to base, what has come of it.
func (p *proposer) deliver(base value) {
	p.crowd.told(p.live, len(p.queue), p.e.turn())
	buf := make([]byte, 0, 16*p.live)
	for i := range p.batch {
		w := &p.batch[i]
		var r result
		base, r = w.apply(base)
		if w.op == opCopy {
			r = result{text: string(p.state.append(p.last.append(nil)))}
		}
		if !w.answered {
			w.answered = true
			p.e.waiting--
			buf = w.reply(buf, r)
		}
	}
	p.forget()
	p.torn, p.failed, p.phase = 0, 0, ready
}

// expire answers what has waited too long.
func (p *proposer) expire(now quorum.Instant) {
	late := func(w *waiting) bool { return now.Since(w.since) >= p.pattern.Deadline }
	if p.live > 0 {
		for i := range p.batch {
			if w := &p.batch[i]; !w.answered && late(w) {
				p.giveUp(w)
			}
		}
		p.settleDoubt()
	}
	n := 0
	for n < len(p.queue) && late(&p.queue[n]) {
		n++
	}
	p.refuseQueued(n)
}

// settleDoubt gives up a batch in doubt of which somebody was told so: it must not be applied
// again, or what somebody else has changed and been told of since would come before it.
func (p *proposer) settleDoubt() {
	if p.doubt && p.live < len(p.batch) {
		p.abandon(p.why())
	}
}

// refuse answers everything that has not been carried out, because it cannot be for now.
func (p *proposer) refuse() {
	if !p.sent {
		for i := range p.batch {
			if w := &p.batch[i]; !w.answered {
				p.giveUp(w)
			}
		}
	}
	p.refuseQueued(len(p.queue))
}

// abandon answers all of the batch, of which it will not be known whether it was carried out.
func (p *proposer) abandon(reason string) {
	p.reason = reason
	for i := range p.batch {
		if w := &p.batch[i]; !w.answered {
			p.giveUp(w)
		}
	}
}

// refuseNew answers the batch, whose register no server of a majority has, and some have no
// room for.
func (p *proposer) refuseNew() {
	for i := range p.batch {
		w := &p.batch[i]
		if w.answered {
			continue
		}
		after, r := w.apply(value{})
		if after.exists {
			p.e.stats.NoQuorum++
			r = failure("ERR " + p.pattern.Name + ": there are as many keys as max_keys allows, " + strconv.Itoa(p.pattern.MaxKeys))
		}
		w.answered = true
		p.e.waiting--
		w.reply(nil, r)
	}
	p.forget()
	p.phase = ready
}

// refuseQueued answers the first n of the queue.
func (p *proposer) refuseQueued(n int) {
	if n == 0 {
		return
	}
	refused := append([]waiting(nil), p.queue[:n]...) // callbacks may have commands wait here
	left := copy(p.queue, p.queue[n:])
	clear(p.queue[left:])
	p.queue = p.queue[:left]
	for i := range refused {
		p.e.waiting--
		p.e.stats.NoQuorum++
		refused[i].reply(nil, failure(p.noQuorum()))
	}
}

// giveUp answers a command of the batch.
func (p *proposer) giveUp(w *waiting) {
	w.answered = true
	p.live--
	p.e.waiting--
	if p.sent && !w.op.reads() {
		p.e.stats.Uncertain++
		w.reply(nil, failure(uncertain+" the counter may have been changed: "+p.why()))
		return
	}
	p.e.stats.NoQuorum++
	w.reply(nil, failure(p.noQuorum()))
}

// noQuorum says why a command was not carried out.
func (p *proposer) noQuorum() string {
	if p.e.lacking {
		return quorum.Refusal(p.e.servers, quorum.Register)
	}
	return "NOQUORUM not carried out: " + p.why()
}

// why says what keeps a majority from answering, as far as is known.
func (p *proposer) why() string {
	if p.e.lacks() {
		return p.e.servers.Missing(quorum.Register)
	}
	if p.reason == "" {
		return "no majority of the servers answered within " + p.pattern.Deadline.String()
	}
	return p.reason
}
