package proxy

import (
	"ringmain/command"
	"ringmain/resp"
)

// scriptFleet sends a SCRIPT command, or FUNCTION KILL, to every server of the
// session's fleet.
func (s *Session) scriptFleet(cmd *command.Command, r *resp.Request, size int) bool {
	if cmd.Policy == command.ScriptKill {
		return s.kill(cmd, r, size)
	}
	f := s.core.snapshot.Keys(s.scope, true)
	// A server that cannot be reached is given a script when it is needed there.
	kept := cmd.Policy == command.ScriptLoad && len(r.Args[2]) <= maxScriptBody
	if cmd.Policy == command.ScriptLoad && !kept {
		f = s.core.snapshot.Fleet(s.scope)
	}
	switch {
	case f.Count == 0:
		s.failAllOut(f)
		return true
	case !s.admitted(f.Count, f.Place, size):
		return false
	case !kept && s.refused(f.Count, f.Place):
		return true
	}
	m := s.newFleetMerge(cmd, f, f.Count, f.Place, size)
	switch cmd.Policy {
	case command.ScriptLoad:
		s.core.scripts.keep(r.Args[2])
		m.fleet.kept = append(m.fleet.kept, kept)
	case command.ScriptExists:
		m.fleet.kept = s.core.scripts.knows(m.fleet.kept, r.Args[2:])
		for i := range m.parts {
			m.parts[i].Keys = len(m.fleet.kept)
		}
	case command.ScriptFlush:
		if flushes(r.Args[1:]) {
			s.core.scripts.shared.flush()
		}
	}
	s.sendFleet(m, func(dst []byte, _ int) []byte { return resp.AppendCommand(dst, r.Args...) })
	return true
}

// kill stops what runs on any server, on connections that do not wait for it. As
// in Redis, what the client itself has sent before comes first.
func (s *Session) kill(cmd *command.Command, r *resp.Request, size int) bool {
	if !s.replies.empty() {
		s.drain = true
		return false
	}
	f := s.core.snapshot.Keys(s.scope, true)
	if f.Count == 0 {
		s.failAllOut(f)
		return true
	}
	m := s.newFleetMerge(cmd, f, f.Count, f.Place, size)
	request := resp.AppendCommand(s.scratch(), r.Args...)
	s.core.keepScratch(request)
	for part := range f.Count {
		s.core.nodes[f.Place(part).Server].Control().Send(m, uint64(part), request, cmd.MayWrite(), cmd.Slow)
	}
	return true
}

// knows appends, for each digest, whether its script is known.
func (sc *scripts) knows(dst []bool, digests [][]byte) []bool {
	for _, text := range digests {
		d, ok := parseDigest(text)
		dst = append(dst, ok && sc.find(d) != nil)
	}
	return dst
}
