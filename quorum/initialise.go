package quorum

import (
	"strconv"
	"time"

	"ringmain/resp"
)

// initialise gives the server of a set that makes itself an identity, where none is. Why
// there is none is not known: the server may have lost locks a moment ago, so it begins in
// quarantine, for every proxy.
func (s *server) initialise() {
	q := s.q
	id := Identity{Set: q.Nodes, Index: s.index, Nodes: q.Nodes, Generation: q.Random()}
	epoch := s.epoch
	s.unfit = noIdentity
	q.ask(s.index, func(reply []byte, failed string) {
		made, ok := resp.Integer(reply)
		switch {
		case epoch != s.epoch || q.ended:
			return
		case failed == "" && ok:
			if made == 1 {
				q.Log.Info("server of a quorum has got an identity", "quorum", q.Name, "server", s.name)
			}
			s.examine() // which also shows what another proxy was quicker to write
		default:
			if text, is := resp.ErrorText(reply); is {
				failed = "refuses an identity: " + string(text)
			}
			s.trouble = failed
		}
	}, "EVAL", initialise, "3", IdentityKey, SettingsKey, QuarantineKey,
		id.String(), q.Hash, strconv.FormatInt(int64(q.quarantine()/time.Millisecond), 10))
}

// initialise writes identity, settings and quarantine where there is no identity.
const initialise = `if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('MSET', KEYS[1], ARGV[1], KEYS[2], ARGV[2])
if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[3], '1', 'PX', ARGV[3]) end
return 1
`
