package proxy

import (
	"bytes"

	"ringmain/backend"
	"ringmain/proxy/local"
	"ringmain/resp"
	"ringmain/router"
)

// unknownDatabases is how many databases a server is taken to have that does not
// tell: Redis's default.
const unknownDatabases = 16

// selectDatabase is SELECT. The servers' own databases are chosen by the same
// numbers, but a pool that keeps its keys in a database of its own has only that one:
// the others are not its clients'. It reports false if the session has to wait.
func (s *Session) selectDatabase(args [][]byte) bool {
	n, text := local.DatabaseNumber(args[1])
	if text != "" {
		s.fail(text)
		return true
	}
	if n == s.client.Database {
		s.answer(replyOK)
		return true
	}
	if !s.replies.empty() { // replies to come are those of another connection
		s.drain = true
		return false
	}
	if n != 0 && !s.databasesAsked {
		s.databasesAsked = true
		if s.askDatabases() {
			return false
		}
	}
	s.databasesAsked = false
	if n != 0 && n >= s.databases() {
		s.fail(resp.TextDatabase)
		return true
	}
	s.client.Database = n
	s.changedDatabase()
	s.answer(replyOK)
	return true
}

var replyOK = []byte("+OK\r\n")

// databases is how many databases the session's client can choose from: as many as
// all its servers have.
func (s *Session) databases() int {
	least := 0
	for i := range s.core.snapshot.Servers {
		if !s.core.snapshot.Reaches(s.scope, int32(i)) {
			continue
		}
		have := s.core.Servers[i].Learned.Databases()
		if have == 0 {
			have = unknownDatabases
		}
		if refuge := int(s.core.snapshot.RefugeOf(int32(i))); refuge != 0 {
			have = min(have, refuge) // which is none for clients
		}
		if least == 0 || have < least {
			least = have
		}
	}
	if s.core.snapshot.OwnDatabase(s.scope) {
		return 1
	}
	return least
}

// askDatabases asks those servers how many databases they have of which that is not
// known; it reports whether there are any. Writable is called when they have answered
// or failed.
func (s *Session) askDatabases() bool {
	ask := &databasesQuestion{s: s}
	for i := range s.core.snapshot.Servers {
		if s.core.snapshot.Reaches(s.scope, int32(i)) && s.core.Servers[i].Learned.Databases() == 0 {
			ask.servers = append(ask.servers, int32(i))
		}
	}
	if len(ask.servers) == 0 || s.core.snapshot.OwnDatabase(s.scope) {
		return false
	}
	ask.left = len(ask.servers)
	ask.replies = make([][]byte, ask.left)
	s.queued = true
	for i, server := range ask.servers {
		s.connTo(router.Place{Server: server}).Send(ask, uint64(i), databasesRequest, false, false)
	}
	return ask.left > 0
}

var databasesRequest = resp.AppendCommand(nil, "CONFIG", "GET", "databases")

// databasesQuestion receives what servers say of how many databases they have.
type databasesQuestion struct {
	s       *Session
	servers []int32
	replies [][]byte
	left    int
}

// maxDatabasesReply bounds a reply that is looked at: it has two short strings.
const maxDatabasesReply = 256

// Reply implements backend.Receiver.
func (q *databasesQuestion) Reply(i uint64, b []byte, last bool) {
	if len(q.replies[i])+len(b) <= maxDatabasesReply {
		q.replies[i] = append(q.replies[i], b...)
	}
	if !last {
		return
	}
	if _, rest, ok := resp.Array(q.replies[i]); ok {
		_, value, _ := resp.Element(rest)
		text, _ := resp.Bulk(value)
		if n, ok := resp.ParseInteger(bytes.TrimSpace(text)); ok && n > 0 {
			q.s.core.Servers[q.servers[i]].Learned.SetDatabases(int(min(n, 1<<31-1)))
		}
	}
	q.answered()
}

// Failed implements backend.Receiver.
func (q *databasesQuestion) Failed(uint64, *backend.Failure) { q.answered() }

func (q *databasesQuestion) answered() {
	if q.left--; q.left == 0 && !q.s.gone {
		q.s.Writable()
	}
}
