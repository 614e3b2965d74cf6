package quorum

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"ringmain/resp"
)

// call is one execution of a script under way. It implements Receiver.
type call struct {
	s      *server
	epoch  uint64
	script *Script
	keys   []string
	args   []string
	done   func(Answer) // nil once it was called
	within time.Duration
	timer  Timer
	sent   time.Duration // by the monotonic clock
	// whole: the script's text was sent, not only its digest.
	whole bool
}

// Call implements Servers.
func (q *Set) Call(c Call, done func(Answer)) {
	s := q.servers[c.Server]
	if why := s.barred(c.Script.Kind); why != "" {
		done(Answer{Outcome: NotDone, Reason: why})
		return
	}
	if s.calls >= maxCalls {
		done(Answer{Outcome: NotDone, Reason: "has too many requests to answer"})
		return
	}
	q.call(s, c, done)
}

// call sends a script, whatever is thought of the server.
func (q *Set) call(s *server, c Call, done func(Answer)) {
	var o *call
	if n := len(q.free); n > 0 {
		o = q.free[n-1]
		q.free = q.free[:n-1]
	} else {
		o = &call{}
	}
	*o = call{s: s, epoch: s.epoch, script: c.Script, keys: c.Keys, args: c.Args, done: done, within: q.Timeout}
	s.calls++
	if c.Within > 0 && c.Within < q.Timeout { // else the Link is as quick
		o.within = c.Within
		o.timer = q.Clock.After(c.Within, o.late)
	}
	o.send()
}

// send sends the digest of a script that the server has, else the text.
func (o *call) send() {
	s := o.s
	q := s.q
	b := q.out[:0]
	guards, expected := 2, 2
	switch o.script.Kind {
	case Vote:
		guards = 3
	case Refill:
		guards, expected = 1, 0
	}
	b = appendHeader(b, '*', 3+len(o.keys)+guards+len(o.args)+expected)
	if o.whole = !s.known[o.script]; o.whole {
		b = appendBulk(appendBulk(b, "EVAL"), o.script.Text)
	} else {
		b = appendBulk(appendBulk(b, "EVALSHA"), o.script.SHA)
	}
	b = appendBulk(b, strconv.Itoa(len(o.keys)+guards))
	for _, k := range o.keys {
		b = appendBulk(b, k)
	}
	switch o.script.Kind {
	case Refill:
		b = appendBulk(b, RepairKey)
	case Vote:
		b = appendBulk(appendBulk(appendBulk(b, IdentityKey), SettingsKey), QuarantineKey)
	default:
		b = appendBulk(appendBulk(b, IdentityKey), SettingsKey)
	}
	for _, a := range o.args {
		b = appendBulk(b, a)
	}
	if expected > 0 {
		b = appendBulk(appendBulk(b, s.expected), q.Hash)
	}
	q.out = b
	o.sent = s.now()
	q.Link.Send(s.index, b, o)
}

func appendHeader(b []byte, kind byte, n int) []byte {
	return append(strconv.AppendInt(append(b, kind), int64(n), 10), "\r\n"...)
}

func appendBulk(b []byte, text string) []byte {
	return append(append(appendHeader(b, '$', len(text)), text...), "\r\n"...)
}

// late ends a call that its caller does not wait for any longer.
func (o *call) late() {
	o.timer = nil
	o.s.trouble = fmt.Sprintf("did not answer within %v", o.within)
	o.tell(Answer{Outcome: Unknown, Reason: o.s.trouble})
}

// tell answers the caller, once.
func (o *call) tell(a Answer) {
	if done := o.done; done != nil {
		o.s.counts[a.Outcome]++
		o.done = nil
		done(a)
	}
}

// end answers the caller, if that was not done, and has the call be used again.
func (o *call) end(a Answer) {
	s := o.s
	s.calls--
	if o.timer != nil {
		o.timer.Stop()
		o.timer = nil
	}
	o.tell(a)
	*o = call{}
	s.q.free = append(s.q.free, o)
}

// Failed implements Receiver.
func (o *call) Failed(sent bool, reason string) {
	o.s.trouble = reason
	outcome := NotDone
	if sent {
		outcome = Unknown
	}
	o.end(Answer{Outcome: outcome, Reason: reason})
}

// Replied implements Receiver.
func (o *call) Replied(reply []byte) {
	s := o.s
	if o.epoch != s.epoch {
		// Another process has answered, or one that was given up as another's.
		o.end(Answer{Outcome: Unknown, Reason: restarted})
		return
	}
	if text, is := resp.ErrorText(reply); is {
		o.refused(text)
		return
	}
	s.known[o.script] = true
	s.trouble = ""
	list, ok := values(reply)
	if !ok || len(list) == 0 {
		o.end(Answer{Outcome: Unknown, Reason: "has answered with what is not understood"})
		return
	}
	o.judge(list)
}

// notExecuted are the errors with which Redis refuses a script before anything is written.
var notExecuted = []string{
	"NOSCRIPT", "LOADING", "BUSY", "MASTERDOWN", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOAUTH", "CLUSTERDOWN",
}

// refused takes an error.
func (o *call) refused(text []byte) {
	s := o.s
	code, _, _ := bytes.Cut(text, []byte(" "))
	if string(code) == "READONLY" {
		defer s.examine()
	}
	if string(code) == "NOSCRIPT" {
		delete(s.known, o.script)
		if !o.whole && o.done != nil && (s.expected != "" || o.script.Kind == Refill) {
			o.send()
			return
		}
	}
	reason := fmt.Sprintf("refuses the script %s: %s", o.script.Name, text)
	if s.trouble != reason {
		s.q.Log.Debug("server of a quorum", "quorum", s.q.Name, "server", s.name, "what", reason)
	}
	s.trouble = reason
	for _, known := range notExecuted {
		if string(code) == known {
			o.end(Answer{Outcome: NotDone, Reason: reason})
			return
		}
	}
	o.end(Answer{Outcome: Unknown, Reason: reason})
}

// judge takes what the guard and the body have returned.
func (o *call) judge(list []Value) {
	s := o.s
	word, rest := list[0].Text, list[1:]
	seen := Value{}
	if word != saysDone && len(rest) > 0 {
		seen, rest = rest[0], rest[1:]
	}
	if o.script.Kind == Vote {
		jumped, ok := o.watch(rest)
		switch {
		case !ok:
			o.end(Answer{Outcome: Unknown, Reason: "has answered with what is not understood"})
			return
		case jumped:
			defer s.tell()
		}
		rest = rest[2:]
		s.beats = 0
		// What was under way when the server was found to be one that may have lost locks was
		// executed after it had lost them, perhaps: not only the answer that shows it.
		if word == saysDone && s.until > s.now() && (jumped || o.script != probe) {
			s.kept = 0
			o.end(Answer{Outcome: Unknown, Reason: s.why})
			return
		}
	}
	switch word {
	case saysDone:
		if o.script.Kind == Vote {
			s.kept = 0
		}
		o.end(Answer{Outcome: Done, Values: rest})
	case saysIdentity:
		if seen.Text == s.expected && s.expected != "" { // which has changed since the call
			o.end(Answer{Outcome: NotDone, Reason: "has got another identity"})
			return
		}
		why := "has another identity than before"
		if seen.Text == "" {
			why = noIdentity
		}
		o.end(Answer{Outcome: NotDone, Reason: why})
		s.doubt(why, false)
	case saysSettings:
		o.end(Answer{Outcome: NotDone, Reason: otherSettings})
		s.doubt(otherSettings, true)
	case saysRepair:
		o.end(Answer{Outcome: NotDone, Reason: RepairLost})
	case saysQuarantine:
		s.kept = s.now() + max(time.Millisecond, time.Duration(seen.Int)*time.Millisecond)
		o.end(Answer{Outcome: NotDone, Reason: s.barred(Vote)})
		s.tell()
	default:
		o.end(Answer{Outcome: Unknown, Reason: "has answered with what is not understood"})
	}
}

// watch takes the server's time, which list begins with.
func (o *call) watch(list []Value) (jumped, ok bool) {
	if len(list) < 2 {
		return false, false
	}
	seconds, err := strconv.ParseInt(list[0].Text, 10, 64)
	micros, err2 := strconv.ParseInt(list[1].Text, 10, 64)
	if err != nil || err2 != nil || seconds < 0 || seconds > 1<<33 || micros < 0 || micros >= 1e6 {
		return false, false
	}
	at := time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond
	return o.s.looked(sample{server: at, sent: o.sent, received: o.s.now()}), true
}
