package simtest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringmain/internal/history"
	"ringmain/ioloop"
	"ringmain/resp"
)

// patron is a client of a fleet: it sends a pipeline, waits for all replies, and goes on.
// It implements ioloop.Handler.
type patron struct {
	f       *fleet
	number  int
	address string
	conn    ioloop.Conn
	session int
	sent    []*order
	since   time.Duration // when the pipeline was sent
	greeted bool
	ended   bool
	// script, if set, makes the next pipeline in place of chance.
	script func() []*order
	// watching: keys are watched. watched is what was read behind that, and waits for its
	// transaction.
	watching bool
	watched  map[string]any
}

// order is one command, and who takes its reply. Between MULTI and EXEC, call is EXEC's.
type order struct {
	args  []string
	call  *history.Call
	exec  [][]string // of EXEC: the commands
	kind  string     // what the reply may be, besides errors
	slow  bool       // it may block, or take long, for slowTimeout
	taken func(reply any)
}

// errAnswers are what errors a client may get.
var errAnswers = []string{"UNCERTAIN ", "CLUSTERDOWN ", "LOADING ", "EXECABORT ", "UNBLOCKED "}

func (p *patron) start() { p.dial() }

func (p *patron) dial() {
	p.conn, p.greeted = nil, false
	p.f.clients.Dial(p.address, time.Second, p)
}

func (p *patron) later(d time.Duration, do func()) {
	conn := p.conn
	p.f.clients.After(d, func() {
		if p.conn == conn && !p.ended {
			do()
		}
	})
}

func (p *patron) pause() time.Duration { return p.f.between(0, 2*thinkTime) }

const thinkTime = 25 * time.Millisecond

func (p *patron) Opened(conn ioloop.Conn, err error) {
	if err != nil {
		p.later(50*time.Millisecond, p.dial)
		return
	}
	p.f.sessions++
	p.conn, p.session, p.watching, p.watched = conn, p.f.sessions, false, nil
	if p.number%3 == 0 {
		p.send([]*order{{args: []string{"HELLO", "3"}, kind: "%"}})
		return
	}
	p.later(p.pause(), p.next)
}

func (p *patron) next() {
	if p.script == nil && p.f.closing {
		p.end()
		return
	}
	orders := p.choose()
	if orders == nil {
		p.end()
		return
	}
	p.send(orders)
}

func (p *patron) end() {
	p.ended = true
	p.conn.CloseAfterFlush()
}

func (p *patron) choose() []*order {
	if p.script != nil {
		return p.script()
	}
	return p.chance()
}

// send sends a pipeline.
func (p *patron) send(orders []*order) {
	p.since = p.f.w.Now()
	var out []byte
	for _, o := range orders {
		switch {
		case o.exec != nil:
			o.call = p.f.history.SendAll(p.since, p.session, o.exec)
			for key, reply := range p.watched {
				o.call.Watched(key, reply)
			}
			p.watched = nil
		case o.kind != "QUEUED":
			o.call = p.f.history.Send(p.since, p.session, o.args...)
		}
		out = resp.AppendCommand(out, o.args...)
	}
	p.sent = append(p.sent, orders...)
	p.conn.Write(out)
}

func (p *patron) Data(b []byte) (used int) {
	for used < len(b) {
		n, err := element(b[used:])
		if err != nil {
			p.f.fail("client %d: %v", p.number, err)
			p.conn.Abort()
			return len(b)
		}
		if n == 0 {
			return used
		}
		p.take(b[used : used+n])
		used += n
	}
	return used
}

func (p *patron) take(raw []byte) {
	if len(p.sent) == 0 {
		p.f.fail("client %d: %q answers nothing", p.number, raw)
		return
	}
	o := p.sent[0]
	p.sent = p.sent[1:]
	now := p.f.w.Now()
	p.f.w.Logf("client "+strconv.Itoa(p.number), "%.60q: %.60q", strings.Join(o.args, " "), raw)
	if p.f.mutant.flushed && strings.HasPrefix(o.args[0], "FLUSH") && raw[0] == '-' && !bytes.HasPrefix(raw, []byte("-UNCERTAIN")) {
		raw = []byte("+OK\r\n")
	}
	if !o.allows(raw) {
		p.f.fail("client %d: %q is answered %q", p.number, o.args, raw)
	}
	reply := history.Parse(raw)
	took, limit := now-p.since, p.f.patience
	if o.slow {
		limit += slowTimeout
	} else {
		p.f.happened.longest = max(p.f.happened.longest, took)
	}
	if took > limit {
		p.f.fail("client %d: %q is answered after %v", p.number, o.args, took)
	}
	p.outcome(o, reply, "")
	if o.taken != nil {
		o.taken(reply)
	}
	if len(p.sent) == 0 {
		p.later(p.pause(), p.next)
	}
}

// outcome tells what has become of a command.
func (p *patron) outcome(o *order, reply any, from string) {
	if o.kind == "QUEUED" {
		return
	}
	o.call.Reply(p.f.w.Now(), reply)
	commands, replies := [][]string{o.args}, []any{reply}
	if o.exec != nil {
		commands = o.exec
		all, done := reply.([]any)
		for i := range commands {
			switch {
			case done && i < len(all):
				p.f.audit.told(commands[i], all[i])
			case reply == nil:
				p.f.audit.told(commands[i], errors.New("aborted"))
			default:
				p.f.audit.told(commands[i], reply)
			}
		}
	} else {
		p.f.audit.told(commands[0], replies[0])
	}
	if err, failed := reply.(error); failed && strings.HasPrefix(err.Error(), "UNCERTAIN") {
		p.f.audit.close(from, o.call, commands)
	}
}

// allows reports whether a reply is of the kind that answers the command.
func (o *order) allows(raw []byte) bool {
	text := string(raw)
	if raw[0] == '-' {
		for _, prefix := range errAnswers {
			if strings.HasPrefix(text[1:], prefix) {
				return o.kind != "QUEUED" || prefix != "UNCERTAIN "
			}
		}
		return o.kind == "QUEUED" || o.args[0] == "FLUSHDB" || o.args[0] == "FLUSHALL"
	}
	switch o.kind {
	case "+", ":", "*", "%":
		return text[:1] == o.kind
	case "QUEUED":
		return text == "+QUEUED\r\n" || o.args[0] == "MULTI" && text == "+OK\r\n"
	case "*-":
		return text[0] == '*' || text == "_\r\n"
	case "$":
		return text[0] == '$' || text == "_\r\n"
	case "+-":
		return text == "+OK\r\n" || text == "$-1\r\n" || text == "_\r\n"
	}
	return text == fmt.Sprintf("$%d\r\n%s\r\n", len(o.kind), o.kind)
}

func (p *patron) Drained()    {}
func (p *patron) HalfClosed() { p.conn.Abort() }

func (p *patron) Closed(error) {
	from := p.conn.LocalAddr()
	for _, o := range p.sent {
		p.outcome(o, errors.New("UNCERTAIN the connection broke"), from)
	}
	p.sent = nil
	if !p.ended {
		p.conn = nil
		p.later(p.pause(), p.dial)
	}
}

// The keys of all clients. Those with a lifetime, of transactions and of lists are apart.
var (
	plainKeys    = []string{"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11"}
	counterKeys  = []string{"n0", "n1", "n2", "n3", "n4", "n5"}
	madeKeys     = []string{"x0", "x1", "x2"}
	lifetimeKeys = []string{"e0", "e1", "e2"}
	tiedKeys     = []string{"{t0}a", "{t0}b", "{t1}a", "{t1}b", "{t2}a", "{t2}b"}
)

func (f *fleet) serial() string {
	f.serials++
	return "v" + strconv.Itoa(f.serials)
}

// one is a command on a key of its own choice.
func (p *patron) one() *order {
	f, rng := p.f, p.f.w.Rand()
	pick := func(of []string) string { return of[rng.IntN(len(of))] }
	some := func(of []string) (keys []string) {
		for range 2 + rng.IntN(4) {
			keys = append(keys, pick(of))
		}
		return keys
	}
	switch rng.IntN(40) {
	case 0:
		token := f.serial()
		return &order{args: []string{"ECHO", token}, kind: token}
	case 1, 2, 3, 4, 5, 6:
		return &order{args: []string{"SET", pick(plainKeys), f.serial()}, kind: "+"}
	case 7:
		return &order{args: []string{"DEL", pick(plainKeys)}, kind: ":"}
	case 8:
		return &order{args: append([]string{"UNLINK"}, some(plainKeys)...), kind: ":"}
	case 9:
		args := []string{"MSET"}
		for _, key := range some(plainKeys) {
			args = append(args, key, f.serial())
		}
		return &order{args: args, kind: "+"}
	case 10, 11, 12:
		return &order{args: append([]string{"MGET"}, some(plainKeys)...), kind: "*"}
	case 13:
		return &order{args: []string{"GETSET", pick(plainKeys), f.serial()}, kind: "$"}
	case 14:
		return &order{args: []string{"EXISTS", pick(plainKeys)}, kind: ":"}
	case 15, 16, 17, 18:
		return &order{args: []string{"INCR", pick(counterKeys)}, kind: ":"}
	case 19:
		return &order{args: []string{"GET", pick(counterKeys)}, kind: "$"}
	case 20, 21:
		return &order{args: []string{"SETNX", pick(madeKeys), f.serial()}, kind: ":"}
	case 22:
		return &order{args: []string{"DEL", pick(madeKeys)}, kind: ":"}
	case 23:
		return &order{args: []string{"GET", pick(madeKeys)}, kind: "$"}
	case 24:
		return &order{args: []string{"SET", pick(lifetimeKeys), f.serial(), "PX", strconv.Itoa(100 + rng.IntN(2000))}, kind: "+"}
	case 25:
		return &order{args: []string{"PEXPIRE", pick(lifetimeKeys), strconv.Itoa(100 + rng.IntN(2000))}, kind: ":"}
	case 26:
		return &order{args: []string{"PTTL", pick(lifetimeKeys)}, kind: ":"}
	case 27, 28:
		return &order{args: []string{"GET", pick(lifetimeKeys)}, kind: "$"}
	case 29, 30, 31, 32:
		if len(f.colds) > 0 {
			return &order{args: []string{"GET", pick(f.colds)}, kind: "$"}
		}
	case 33:
		return &order{args: []string{"GET", pick(tiedKeys)}, kind: "$"}
	}
	return &order{args: []string{"GET", pick(plainKeys)}, kind: "$"}
}

// chance makes a pipeline.
func (p *patron) chance() (orders []*order) {
	f, rng := p.f, p.f.w.Rand()
	if p.watched != nil {
		return p.commit()
	}
	if p.watching {
		p.watching = false
		return []*order{{args: []string{"UNWATCH"}, kind: "+"}}
	}
	kind := rng.IntN(60)
	if f.mutant.watchers && rng.IntN(2) == 0 {
		kind = 3
	}
	switch kind {
	case 0, 1, 2:
		return p.transaction()
	case 3, 4, 5:
		return p.watch()
	case 6:
		return p.pop()
	case 7:
		return []*order{{args: []string{"RPUSH", "l" + strconv.Itoa(rng.IntN(2)), f.serial()}, kind: ":"}}
	case 8:
		if rng.IntN(4) == 0 {
			return []*order{{args: []string{[]string{"FLUSHDB", "FLUSHALL"}[rng.IntN(2)]}, kind: "+", slow: true}}
		}
	case 9:
		return []*order{{args: []string{"KEYS", "*"}, kind: "*", slow: true}}
	case 10:
		return []*order{{args: []string{"DBSIZE"}, kind: ":"}} // not RANDOMKEY: the proxy's choice does not follow from the seed
	case 11, 12:
		return []*order{{args: []string{"SCAN", "0", "COUNT", "100"}, kind: "*"}}
	}
	if rng.IntN(4) == 0 && f.outage() && len(f.colds) < 200 {
		key := "cold:" + strconv.Itoa(len(f.colds))
		f.colds, f.keys = append(f.colds, key), append(f.keys, key)
		orders = append(orders, &order{args: []string{"SET", key, f.serial()}, kind: "+"})
	}
	for range 1 + rng.IntN(6) {
		orders = append(orders, p.one())
	}
	return orders
}

// tied are commands on keys of one tag.
func (p *patron) tied(tag int) (commands [][]string) {
	rng := p.f.w.Rand()
	for range 1 + rng.IntN(4) {
		key := tiedKeys[2*tag+rng.IntN(2)]
		if rng.IntN(3) == 0 {
			commands = append(commands, []string{"GET", key})
		} else {
			commands = append(commands, []string{"SET", key, p.f.serial()})
		}
	}
	return commands
}

// exec is MULTI, the commands and EXEC.
func exec(commands [][]string) []*order {
	orders := []*order{{args: []string{"MULTI"}, kind: "QUEUED"}}
	for _, args := range commands {
		orders = append(orders, &order{args: args, kind: "QUEUED"})
	}
	return append(orders, &order{args: []string{"EXEC"}, exec: commands, kind: "*-"})
}

func (p *patron) transaction() []*order { return exec(p.tied(p.f.w.Rand().IntN(3))) }

// watch reads a key behind WATCH; the next pipeline is the transaction.
func (p *patron) watch() []*order {
	key := tiedKeys[p.f.w.Rand().IntN(len(tiedKeys))]
	return []*order{
		{args: []string{"WATCH", key}, kind: "+", taken: func(reply any) { p.watching = reply == "OK" }},
		{args: []string{"GET", key}, kind: "$", taken: func(reply any) {
			if _, failed := reply.(error); p.watching && !failed {
				p.watched = map[string]any{key: reply}
			}
		}},
	}
}

// commit is the transaction behind watch.
func (p *patron) commit() []*order {
	p.watching = false
	for key := range p.watched {
		return exec([][]string{{"SET", key, p.f.serial()}})
	}
	panic("nothing is watched")
}

func (p *patron) pop() []*order {
	key := "l" + strconv.Itoa(p.f.w.Rand().IntN(2))
	timeout := []string{"0.05", "0.3", "1"}[p.f.w.Rand().IntN(3)]
	return []*order{{args: []string{"BLPOP", key, timeout}, kind: "*-", slow: true}}
}
