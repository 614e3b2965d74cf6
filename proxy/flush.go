package proxy

import (
	"bytes"
	"strconv"

	"ringmain/command"
	"ringmain/resp"
)

// Marker is a key in each refuge, which says to a process that starts whether it may trust
// the server. It is not the clients', and they do not remove it.
const Marker = reserved + "marker"

// FlushHome is the script of a FLUSHALL or FLUSHDB on one server of a pool that reroutes.
// ARGV[1] is the refuge, and KEYS[1] the marker in it; the rest of ARGV is the command.
// Clients see the refuge as a part of their first database.
const FlushHome = `redis.call('SELECT', ARGV[1])
local marker = redis.call('GET', KEYS[1])
redis.call(unpack(ARGV, 2))
if ARGV[2] == 'FLUSHDB' then
  redis.call('SELECT', 0)
  redis.call(unpack(ARGV, 2))
  redis.call('SELECT', ARGV[1])
end
if marker then redis.call('SET', KEYS[1], marker) end
return redis.status_reply('OK')`

var (
	flushallID = command.ByName([]byte("flushall")).ID()
	flushdbID  = command.ByName([]byte("flushdb")).ID()
)

func isFlush(cmd *command.Command) bool { return cmd.ID() == flushallID || cmd.ID() == flushdbID }

// flush is FLUSHALL and FLUSHDB. While a server is out whose keys live nowhere, nothing is
// flushed: they would come back. One that is out and has its keys elsewhere is emptied when it
// returns.
func (s *Session) flush(cmd *command.Command, r *resp.Request, size int) bool {
	f := s.core.snapshot.Flushed(s.scope)
	args := r.Args
	switch {
	case f.Refuge == 0 && cmd.ID() == flushallID && f.Database != 0:
		// The client sees one database of the servers; the others are not its own.
		args = append([][]byte{[]byte("FLUSHDB")}, args[1:]...)
		fallthrough
	case f.Refuge == 0 || cmd.ID() == flushdbID && s.client.Database != 0:
		return s.flushAt(cmd, size, resp.AppendCommand(nil, args...))
	case !flushes(args):
		s.fail("ERR syntax error")
		return true
	}
	words := []string{"EVAL", FlushHome, "1", Marker, strconv.Itoa(int(f.Refuge)), "FLUSHALL"}
	if cmd.ID() == flushdbID {
		words[len(words)-1] = "FLUSHDB"
	}
	for _, arg := range args[1:] {
		words = append(words, string(bytes.ToUpper(arg)))
	}
	return s.flushAt(cmd, size, resp.AppendCommand(nil, words...))
}

// flushes reports whether servers carry a flush out whose options are behind its name.
func flushes(args [][]byte) bool {
	return len(args) == 1 || len(args) == 2 && (bytes.EqualFold(args[1], []byte("async")) || bytes.EqualFold(args[1], []byte("sync")))
}

// flushAt sends a flush to all homes that it empties.
func (s *Session) flushAt(cmd *command.Command, size int, request []byte) bool {
	f := s.core.snapshot.Flushed(s.scope)
	switch {
	case !s.admitted(f.Count, f.Place, size):
		return false
	case s.refused(f.Count, f.Place):
		return true
	}
	s.core.snapshot.Out(s.scope, s.core.flushed)
	s.sendFleet(s.newFleetMerge(cmd, f, f.Count, f.Place, size), func(dst []byte, _ int) []byte { return append(dst, request...) })
	return true
}

// flushed notes for a server that is out that a flush passes.
func (c *Core) flushed(server int32) {
	if a := c.absences[server]; a != nil {
		a.flushed = true
	}
}
