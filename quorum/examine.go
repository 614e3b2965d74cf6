package quorum

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringmain/resp"
)

// facts are what a server says of itself.
type facts struct {
	runID  string
	up     time.Duration
	role   string
	memory struct{ limit, policy string }
	// promotion is the offset at which the process ceased to be a replica; "-1": it was none.
	promotion string
	cluster   bool
	// rewriting: the append-only file is being written anew.
	rewriting bool
	// config are the parameters of wanted.
	config map[string]string
	// identity and settings are the keys' values, nil where there is none; quarantine is what
	// is left of it.
	identity, settings *string
	quarantine         time.Duration
}

// wanted is what makes a server keep all that it acknowledges.
var wanted = []struct{ name, value string }{
	{"appendonly", "yes"}, {"appendfsync", "always"}, {"no-appendfsync-on-rewrite", "no"},
}

// examination is one look at all that a server must be. The first answer says which
// process it is; the others are then that one's, as the Link speaks with no other.
type examination struct {
	s     *server
	epoch uint64
	facts facts
	left  int    // answers that are awaited
	wrong string // why there is no verdict; "": there is one
}

// examine looks at the server anew. Until the end it is used as it was.
func (s *server) examine() {
	if s.examining {
		s.again = true
		return
	}
	s.examining, s.again, s.age = true, false, 0
	e := &examination{s: s, epoch: s.epoch}
	e.ask(func(reply []byte) error {
		if err := e.facts.readInfo(reply); err != nil {
			return err
		}
		e.identified()
		return nil
	}, "INFO")
}

// ask sends a command whose answer is needed.
func (e *examination) ask(read func(reply []byte) error, args ...string) {
	e.left++
	e.s.q.ask(e.s.index, func(reply []byte, failed string) {
		if e.wrong == "" {
			e.wrong = failed
		}
		if e.wrong == "" {
			if text, is := resp.ErrorText(reply); is {
				e.wrong = fmt.Sprintf("refuses %s: %s", args[0], text)
			} else if err := read(reply); err != nil {
				e.wrong = fmt.Sprintf("has answered %s with what is not understood: %v", args[0], err)
			}
		}
		if e.left--; e.left == 0 {
			e.end()
		}
	}, args...)
}

// identified goes on when it is known which process answers.
func (e *examination) identified() {
	s := e.s
	if e.epoch != s.epoch {
		return
	}
	if s.runID != e.facts.runID {
		s.forget()
		s.runID, s.fresh, s.up = e.facts.runID, true, e.facts.up
		e.epoch = s.epoch
		s.q.Link.Expect(s.index, s.runID)
	}
	if s.q.Persistence == FsyncAlways {
		e.facts.config = map[string]string{}
		for _, w := range wanted {
			e.ask(e.facts.readConfig, "CONFIG", "GET", w.name)
		}
	}
	e.ask(e.facts.readState, "MGET", IdentityKey, SettingsKey)
	e.ask(e.facts.readQuarantine, "PTTL", QuarantineKey)
}

// end makes a verdict of what was found.
func (e *examination) end() {
	s := e.s
	s.examining = false
	switch {
	case s.q.ended:
		return
	case e.epoch != s.epoch: // it is another process now
		s.again = true
	case e.wrong != "":
		if s.trouble = e.wrong; s.unfit == unseen || s.unfit == "" && !s.seen {
			s.age = examineEvery // at the next beat
		}
	default:
		s.conclude(&e.facts)
	}
	if s.again {
		s.examine()
	}
	s.tell()
}

// conclude has the server be used as what was found allows.
func (s *server) conclude(f *facts) {
	q := s.q
	s.trouble = ""
	if s.fresh {
		if q.Persistence == FsyncAlways && f.identity != nil {
			id, _ := ParseIdentity(*f.identity)
			s.spent.began(id, f.config["appendonly"] == "yes")
		}
		s.arrived(f.problem(q.Persistence) == "")
		s.promotion = "-1"
	}
	if f.promotion != s.promotion {
		s.promotion = f.promotion
		s.isolate(q.quarantine(), "was a replica, and may lack locks")
	}
	if f.quarantine > 0 {
		s.kept = s.now() + f.quarantine
	} else {
		s.kept = 0
	}
	s.unfit, s.apart = f.problem(q.Persistence), false
	switch {
	case s.unfit != "":
		s.filed = false
		return
	case !s.filed && f.rewriting && q.Persistence == FsyncAlways:
		s.unfit = firstFile
		return
	}
	s.filed = true
	var id Identity
	id, s.unfit, s.apart = f.verdict(s.index, q.Nodes, q.Hash, q.selfMade())
	if s.unfit == "" && q.Persistence == FsyncAlways {
		s.unfit = s.spent.judge(id)
	}
	switch {
	case s.unfit == noIdentity && q.selfMade():
		s.initialise()
		return
	case s.unfit != "":
		s.identity, s.expected = Identity{}, ""
		if s.unfit == noIdentity && s.foreign {
			s.unfit = hasData
		}
	default:
		if s.last != "" && s.last != *f.identity {
			s.isolate(q.quarantine(), "has got another identity")
		}
		s.identity, s.expected, s.last = id, *f.identity, *f.identity
	}
	q.settle()
}

// firstFile is said of a server which is writing a whole append-only file, when it is not known that
// it had one before: if it has just been told to keep one, it keeps nothing until that is done.
const firstFile = "is writing its append-only file, perhaps its first: it may not keep yet what it acknowledges"

// arrived takes note of a new process. What one that keeps all has acknowledged, it still
// has.
func (s *server) arrived(fit bool) {
	q := s.q
	first := !s.seen
	s.fresh, s.seen = false, true
	switch {
	case q.Persistence == FsyncAlways && fit:
	case first:
		s.isolate(q.quarantine()-s.up, "was started lately, and may have lost locks")
	default:
		s.isolate(q.quarantine(), "was restarted, and may have lost locks")
	}
}

// verdict is what the keys on a server make of it, in a set whose servers and settings have these
// hashes, and which initialises itself or does not. apart: it would do for another set, or for
// proxies with other settings.
func (f *facts) verdict(server int, nodes, hash string, selfMade bool) (id Identity, unfit string, apart bool) {
	if f.identity == nil {
		if selfMade && f.settings != nil && *f.settings != hash {
			return id, otherSettings, true
		}
		return id, noIdentity, false
	}
	id, ok := ParseIdentity(*f.identity)
	switch {
	case !ok:
		return id, "has an identity that is not understood", true
	case id.Nodes != nodes:
		return id, "belongs to a set of other servers than this proxy is configured with", true
	case id.Index != server:
		return id, fmt.Sprintf("is server %d of its set, and stands as %d in this proxy's configuration", id.Index+1, server+1), true
	case selfMade && id.Set != nodes:
		return id, "belongs to a set that persists, which this proxy's configuration does not", true
	case !selfMade && id.Set == id.Nodes:
		return id, "belongs to a set that does not persist, which it must in this proxy's configuration", true
	case f.settings == nil:
		return id, "has half of an identity: its settings are missing", false
	case *f.settings != hash:
		return id, otherSettings, true
	}
	return id, "", false
}

const otherSettings = "has the settings of other proxies: locks and counters of this quorum are configured differently there"

// problem is why a server cannot be one of a set, whatever its keys are.
func (f *facts) problem(p Persistence) string {
	if p == Embedded {
		return ""
	}
	switch {
	case f.role != "master":
		return "is a replica"
	case f.cluster:
		return "is a node of a Redis Cluster"
	case f.memory.limit != "0" && f.memory.policy != "noeviction":
		return "may evict keys: maxmemory-policy is " + strconv.Quote(f.memory.policy)
	case p != FsyncAlways:
		return ""
	case f.promotion != "-1":
		return "was a replica once, and may lack what it had not received"
	}
	var wrong []string
	for _, w := range wanted {
		if has := f.config[w.name]; has != w.value {
			wrong = append(wrong, fmt.Sprintf("%s is %q, not %q", w.name, has, w.value))
		}
	}
	if len(wrong) > 0 {
		return "does not keep all that it acknowledges: " + strings.Join(wrong, ", ")
	}
	return ""
}

func (f *facts) readInfo(reply []byte) error {
	text, ok := resp.Bulk(reply)
	if !ok {
		return errShape
	}
	return f.readText(text)
}

// readText takes what INFO says.
func (f *facts) readText(text []byte) error {
	f.rewriting = false
	f.role, f.promotion, f.memory.limit, f.memory.policy = "", "-1", "0", "noeviction"
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(string(bytes.TrimSpace(line)), ":")
		switch name {
		case "run_id":
			f.runID = value
		case "uptime_in_seconds":
			seconds, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return err
			}
			// It is the difference of two readings in whole seconds.
			f.up = time.Duration(max(seconds, 1)-1) * time.Second
		case "role":
			f.role = value
		case "maxmemory":
			f.memory.limit = value
		case "maxmemory_policy":
			f.memory.policy = value
		case "second_repl_offset":
			f.promotion = value
		case "cluster_enabled":
			f.cluster = value == "1"
		case "aof_rewrite_in_progress", "aof_rewrite_scheduled":
			f.rewriting = f.rewriting || value == "1"
		}
	}
	if f.runID == "" || f.role == "" {
		return errShape
	}
	return nil
}

func (f *facts) readConfig(reply []byte) error {
	pair, ok := texts(reply)
	if !ok || len(pair) != 2 || pair[0] == nil || pair[1] == nil {
		return errShape
	}
	f.config[*pair[0]] = *pair[1]
	return nil
}

func (f *facts) readState(reply []byte) error {
	pair, ok := texts(reply)
	if !ok || len(pair) != 2 {
		return errShape
	}
	f.identity, f.settings = pair[0], pair[1]
	return nil
}

func (f *facts) readQuarantine(reply []byte) error {
	left, ok := resp.Integer(reply)
	if !ok {
		return errShape
	}
	f.quarantine = time.Duration(left) * time.Millisecond
	return nil
}
