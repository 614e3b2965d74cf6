package proxy

import (
	"bytes"

	"ringmain/command"
	"ringmain/resp"
)

// scriptFleet sends a SCRIPT command, or FUNCTION KILL, to every server of the
// session's fleet.
func (s *Session) scriptFleet(cmd *command.Command, r *resp.Request, size int) bool {
	if cmd.Policy == command.ScriptKill {
		return s.kill(cmd, r, size)
	}
	f := s.core.snapshot.Fleet(s.scope)
	if !s.admitted(f.Count, f.Place, size) {
		return false
	}
	// A server that cannot be reached is given a script when it is needed there.
	kept := cmd.Policy == command.ScriptLoad && len(r.Args[2]) <= maxScriptBody
	if !kept && s.refused(f.Count, f.Place) {
		return true
	}
	m := s.newFleetMerge(cmd, f, 1, size)
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
		if flushes(r.Args) {
			s.core.scripts.shared.flush()
		}
	}
	request := resp.AppendCommand(s.scratch(), r.Args...)
	s.core.keepScratch(request)
	for part := range f.Count {
		s.connTo(f.Place(part)).Send(m, uint64(part), request, cmd.MayWrite(), cmd.Slow)
	}
	return true
}

// flushes reports whether servers carry a SCRIPT FLUSH out.
func flushes(args [][]byte) bool {
	return len(args) == 2 || len(args) == 3 && (bytes.EqualFold(args[2], []byte("async")) || bytes.EqualFold(args[2], []byte("sync")))
}

// kill stops what runs on any server, on connections that do not wait for it. As
// in Redis, what the client itself has sent before comes first.
func (s *Session) kill(cmd *command.Command, r *resp.Request, size int) bool {
	if !s.replies.empty() {
		s.drain = true
		return false
	}
	f := s.core.snapshot.Fleet(s.scope)
	m := s.newFleetMerge(cmd, f, 1, size)
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
