package lock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringmain/quorum"
)

// model is a Redis server, as a quorum.Set and the scripts of this package need it. What
// the scripts do is written in Go; a test holds it against the Lua.
type model struct {
	*machine
	index   int
	runID   string
	started time.Duration // of the wall's clock
	keys    map[string]entry
	scripts map[string]bool // by digest
	runs    int
	busy    time.Duration // until when, by the world's clock

	// The ways in which scripts may be wrong, for mutants.
	plainDelete bool // release looks at nothing
	noGrant     bool // release does not look at the grant
	noOps       bool // nobody looks at ops
	extendAny   bool // an acquisition extends whatever the token has
}

type entry struct {
	value   string
	expires time.Duration // by the wall's clock; 0: never
}

// toil has something be done once what came before is, and so long for itself has passed.
func (s *model) toil(service time.Duration, f func()) {
	if service == 0 {
		s.do(f)
		return
	}
	s.busy = max(s.busy, s.w.now) + service
	s.w.after(s.busy-s.w.now, func() { s.do(f) })
}

func newModel(m *machine, index int) *model {
	s := &model{machine: m, index: index}
	s.start(nil)
	return s
}

// start has a process begin, with the keys given.
func (s *model) start(keys map[string]entry) {
	s.runs++
	s.runID = fmt.Sprintf("run-%d-%d", s.index, s.runs)
	s.started = s.Now().Wall
	s.scripts = map[string]bool{}
	s.keys = map[string]entry{}
	for k, e := range keys {
		s.keys[k] = e
	}
}

// dump is what a snapshot keeps.
func (s *model) dump() map[string]entry {
	all := make(map[string]entry, len(s.keys))
	for k, e := range s.keys {
		all[k] = e
	}
	return all
}

func (s *model) get(key string) (string, bool) {
	e, ok := s.keys[key]
	if ok && e.expires != 0 && e.expires <= s.Now().Wall {
		delete(s.keys, key)
		return "", false
	}
	return e.value, ok
}

func (s *model) set(key, value string, lease time.Duration) {
	s.keys[key] = entry{value: value, expires: s.Now().Wall.Truncate(time.Millisecond) + lease}
}

func (s *model) pttl(key string) int64 {
	if _, ok := s.get(key); !ok {
		return -2
	}
	e := s.keys[key]
	if e.expires == 0 {
		return -1
	}
	return (e.expires - s.Now().Wall.Truncate(time.Millisecond)).Milliseconds()
}

func bulk(text string) string { return "$" + strconv.Itoa(len(text)) + "\r\n" + text + "\r\n" }

func (s *model) bulk(key string) string {
	if v, ok := s.get(key); ok {
		return bulk(v)
	}
	return "$-1\r\n"
}

// execute answers a command of a Set.
func (s *model) execute(args []string) string {
	switch args[0] {
	case "INFO":
		up := (s.Now().Wall - s.started) / time.Second
		return bulk(fmt.Sprintf("# Server\r\nrun_id:%s\r\nuptime_in_seconds:%d\r\nrole:master\r\n", s.runID, max(up, 0)))
	case "CONFIG":
		value := map[string]string{"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no"}[args[2]]
		return "*2\r\n" + bulk(args[2]) + bulk(value)
	case "MGET":
		return "*2\r\n" + s.bulk(args[1]) + s.bulk(args[2])
	case "PTTL":
		return fmt.Sprintf(":%d\r\n", s.pttl(args[1]))
	case "EVALSHA":
		if !s.scripts[args[1]] {
			return "-NOSCRIPT No matching script. Please use EVAL.\r\n"
		}
		return s.script(byName(args[1], ""), args[2:])
	case "EVAL":
		if strings.Contains(args[1], "MSET") {
			return s.initialise(args[6:])
		}
		script := byName("", args[1])
		s.scripts[script.SHA] = true
		return s.script(script, args[2:])
	}
	panic(fmt.Sprintf("the model has no command %q", args))
}

// byName finds a script; the Set's own probe is one that is not known.
func byName(sha, text string) *quorum.Script {
	for _, s := range Scripts {
		if s.SHA == sha || s.Text == text {
			return s
		}
	}
	return probe
}

var probe = quorum.NewScript("probe", quorum.Vote, "return {}")

// initialise is the Set's script that writes an identity where there is none.
func (s *model) initialise(args []string) string {
	if _, is := s.get(quorum.IdentityKey); is {
		return ":0\r\n"
	}
	s.keys[quorum.IdentityKey], s.keys[quorum.SettingsKey] = entry{value: args[0]}, entry{value: args[1]}
	if ms, _ := strconv.Atoi(args[2]); ms > 0 {
		s.set(quorum.QuarantineKey, "1", time.Duration(ms)*time.Millisecond)
	}
	return ":1\r\n"
}

// script carries out the guard and, if it passes, the body.
func (s *model) script(script *quorum.Script, args []string) string {
	n, _ := strconv.Atoi(args[0])
	keys, args := args[1:1+n], args[1+n:]
	guards := 2
	if script.Kind == quorum.Vote {
		guards = 3
	}
	keys = keys[:n-guards]
	identity, settings := args[len(args)-2], args[len(args)-1]
	args = args[:len(args)-2]
	var reply []string
	if script.Kind == quorum.Vote {
		now := s.Now().Wall
		reply = append(reply, bulk(strconv.FormatInt(int64(now/time.Second), 10)), bulk(strconv.FormatInt(int64(now%time.Second/time.Microsecond), 10)))
	}
	has, _ := s.get(quorum.IdentityKey)
	hash, _ := s.get(quorum.SettingsKey)
	_, kept := s.get(quorum.QuarantineKey)
	switch {
	case has != identity:
		reply = append([]string{bulk("identity"), bulk(has)}, reply...)
	case hash != settings:
		reply = append([]string{bulk("settings"), bulk(hash)}, reply...)
	case kept && script.Kind == quorum.Vote:
		reply = append([]string{bulk("quarantine"), fmt.Sprintf(":%d\r\n", s.pttl(quorum.QuarantineKey))}, reply...)
	default:
		reply = append(append([]string{bulk("ok")}, reply...), s.body(script, keys, args)...)
	}
	return "*" + strconv.Itoa(len(reply)) + "\r\n" + strings.Join(reply, "")
}

// body is what the scripts of this package do.
func (s *model) body(script *quorum.Script, keys, args []string) []string {
	switch script {
	case probe:
		return nil
	case acquireScript:
		return s.acquire(keys, args, false)
	case acquireOrExtendScript:
		return s.acquire(keys, args, true)
	case extendScript:
		return s.extend(keys, args)
	case releaseScript:
		return s.release(keys, args)
	case queryScript:
		return s.look(keys)
	case fenceScript:
		return s.fence(keys, args)
	case scanScript:
		return s.scan(args)
	}
	panic("the model has no script " + script.Name)
}

func (s *model) look(keys []string) (reply []string) {
	for i := 0; i < len(keys); i += 2 {
		left := max(s.pttl(keys[i]), -1)
		if _, ok := s.get(keys[i]); !ok {
			left = 0
		}
		companion, _ := s.get(keys[i+1])
		if _, ok := s.get(keys[i]); !ok {
			companion = ""
		}
		reply = append(reply, s.bulk(keys[i]), fmt.Sprintf(":%d\r\n", left), bulk(companion))
	}
	return reply
}

func part(text string, from, to int) string { // as string.sub
	to = min(to, len(text))
	if from > to {
		return ""
	}
	return text[from-1 : to]
}

func (s *model) among(companion string, ops []string) bool {
	return s.noOps || slices.Contains(ops, part(companion, 18, 33))
}

func (s *model) acquire(keys, args []string, extend bool) []string {
	held, stale := true, false
	ops := []string{":2\r\n"}
	for i := 0; i < len(keys); i += 2 {
		token, ok := s.get(keys[i])
		n := 0
		if extend {
			n, _ = strconv.Atoi(args[3])
		}
		if ok && (!extend || part(token, 1, n) != part(args[0], 1, n)) {
			return append([]string{":0\r\n"}, s.look(keys)...)
		}
		held = held && ok
		if ok {
			companion, _ := s.get(keys[i+1])
			stale = stale || !s.among(companion, args[4:]) && !s.extendAny
			ops = append(ops, bulk(part(companion, 18, 33)))
		}
	}
	if stale {
		return ops
	}
	ms, _ := strconv.Atoi(args[1])
	for i := 0; i < len(keys); i += 2 {
		lease, companion := time.Duration(ms)*time.Millisecond, args[2]
		if _, ok := s.get(keys[i]); ok {
			left := time.Duration(s.pttl(keys[i])) * time.Millisecond
			if old, _ := s.get(keys[i+1]); len(old) >= 42 {
				pad := part(companion, 35, 42)
				if left > lease {
					pad = part(old, 35, 42)
				}
				companion = part(old, 1, 17) + part(companion, 18, 34) + pad + old[42:]
			}
			lease = max(lease, left)
		}
		s.set(keys[i], args[0], lease)
		s.set(keys[i+1], companion, lease)
	}
	switch {
	case !extend:
		return []string{":1\r\n"}
	case held:
		return []string{":1\r\n", ":1\r\n"}
	}
	return []string{":1\r\n", ":0\r\n"}
}

func (s *model) extend(keys, args []string) []string {
	lost, stale, old := false, false, false
	ops := []string{":2\r\n"}
	for i := 0; i < len(keys); i += 2 {
		token, _ := s.get(keys[i])
		companion, _ := s.get(keys[i+1])
		lost = lost || token != args[0]
		stale = stale || !s.among(companion, args[5:])
		old = old || part(companion, 1, 8) < args[4]
		ops = append(ops, bulk(part(companion, 18, 33)))
	}
	switch {
	case lost:
		return append([]string{":0\r\n"}, s.look(keys)...)
	case old:
		return []string{":3\r\n"}
	case stale:
		return ops
	}
	ms, _ := strconv.Atoi(args[1])
	for i := 0; i < len(keys); i += 2 {
		was, _ := s.get(keys[i+1])
		if len(was) < 42 {
			was = strings.Repeat("0", 16) + " "
		}
		s.set(keys[i], args[0], time.Duration(ms)*time.Millisecond)
		s.set(keys[i+1], part(was, 1, 17)+args[2]+" "+args[3]+part(was, 43, len(was)), time.Duration(ms)*time.Millisecond)
	}
	return []string{":1\r\n"}
}

func (s *model) release(keys, args []string) (reply []string) {
	for i := 0; i < len(keys); i += 2 {
		status, op := 0, ""
		token, ok := s.get(keys[i])
		companion, _ := s.get(keys[i+1])
		mine := (args[0] == "" || token == args[0]) && (s.noGrant || args[1] == "" || args[1] == part(companion, 1, 16))
		switch {
		case ok && (s.plainDelete || mine && s.among(companion, args[2:])):
			delete(s.keys, keys[i])
			delete(s.keys, keys[i+1])
			status = 1
		case ok && mine:
			status, op = 2, part(companion, 18, 33)
		}
		reply = append(reply, fmt.Sprintf(":%d\r\n", status), bulk(op))
	}
	return reply
}

func (s *model) fence(keys, args []string) []string {
	token, _ := s.get(keys[0])
	companion, _ := s.get(keys[1])
	if token != args[0] || len(companion) < 42 || !s.among(companion, args[3:]) {
		return []string{":0\r\n"}
	}
	has, _ := strconv.ParseInt(part(companion, 44, len(companion)), 10, 64)
	n, _ := strconv.ParseInt(args[1], 10, 64)
	if has > n {
		return []string{":2\r\n"}
	}
	grant := args[2]
	if grant == "" {
		grant = part(companion, 1, 16)
	}
	companion = grant + part(companion, 17, 42) + " " + args[1]
	s.keys[keys[1]] = entry{value: companion, expires: s.keys[keys[1]].expires}
	return []string{":1\r\n", fmt.Sprintf(":%d\r\n", s.pttl(keys[0])), bulk(companion)}
}

// scan has one page.
func (s *model) scan(args []string) []string {
	reply := []string{bulk("0")}
	for k := range s.dump() {
		key, is := strings.CutPrefix(k, args[1])
		if !is {
			continue
		}
		token, ok := s.get(key)
		companion, also := s.get(k)
		if ok && also {
			reply = append(reply, bulk(key), bulk(token), fmt.Sprintf(":%d\r\n", s.pttl(key)), bulk(companion))
		}
	}
	return reply
}
