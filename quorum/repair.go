package quorum

import (
	"strconv"
	"time"

	"ringmain/resp"
)

// Refilling is a copy under way of what the others keep to a server that has lost it.
type Refilling interface {
	// Copied is how many registers have been copied.
	Copied() int
	// Stop gives it up. Nothing is told of it any more.
	Stop()
}

const (
	// repairEvery is the pause after a repair that has failed, or that another proxy makes. With
	// each failure in a row of one server it doubles, up to repairSeldom: each attempt uses
	// something up, if only room in the log.
	repairEvery  = 3 * time.Second
	repairSeldom = time.Minute
	// renewEvery is how often a repair's mark is prolonged, beside what the copying does.
	renewEvery = 2 * time.Second
)

// repair is the filling of a server that has lost its identity, which a majority of the servers
// has kept. Until its end the server takes part in nothing; it is the same for it as being down.
//
// Its mark on the server makes sure that one proxy alone is at it, and that the server was not
// emptied again in the middle: then the mark is gone as well.
type repair struct {
	s     *server
	epoch uint64 // of the server
	mark  string
	began time.Duration
	copy  Refilling
	renew Timer
}

// mend begins to repair a server, if there is one to be repaired that can be: of several the one
// that has waited longest, so that one that cannot be keeps no other one waiting.
func (q *Set) mend() {
	if q.Refill == nil || q.Persistence != FsyncAlways || q.repair != nil {
		return
	}
	whole := 0
	var lost *server
	for _, s := range q.servers {
		switch {
		case q.Link.Down(s.index) != "":
		case s.unfitNow() == "":
			whole++
		case s.unfit != noIdentity && s.unfit != hasData: // one with data may have been emptied
		case s.mendAt <= s.now() && (lost == nil || s.mendAt < lost.mendAt):
			lost = s
		}
	}
	if lost == nil || whole < q.majority() {
		return
	}
	r := &repair{s: lost, epoch: lost.epoch, mark: q.Random(), began: lost.now()}
	q.repair = r
	q.ask(lost.index, r.marked, "EVAL", takeMark, "5", RepairKey, IdentityKey, SettingsKey, foundingKey, mendingKey,
		r.mark, strconv.FormatInt(RepairHold.Milliseconds(), 10), q.Hash, q.set)
}

// marked goes on when the server has answered whether it took the mark.
func (r *repair) marked(reply []byte, failed string) {
	q := r.s.q
	answer, ok := resp.Integer(reply)
	text, refused := resp.ErrorText(reply)
	switch {
	case q.repair != r:
	case r.s.epoch != r.epoch:
		r.fail(restarted)
	case failed != "":
		r.fail(failed)
	case refused:
		r.fail("refuses the mark of a repair: " + string(text))
	case !ok:
		r.fail("has answered with what is not understood")
	case answer == markForeign:
		r.s.foreign, r.s.unfit = true, hasData
		r.end()
		r.s.tell()
	case answer != markTaken: // another proxy is at it, or was
		r.end()
		r.s.examine()
	default:
		r.s.foreign, r.s.unfit = false, noIdentity
		r.renewLater()
		r.copy = q.Refill(r.s.index, r.mark, r.copied)
		r.s.tell()
	}
}

const restarted = "was restarted meanwhile"

const hasData = "has no identity, but data of unknown origin: it is not repaired unless it is emptied (FLUSHALL)"

// The answers of takeMark.
const (
	markTaken   = 1
	markForeign = 3
)

// mendingKey is on a server from the beginning of its first repair to the end of the last: the name of
// the set. What else a server has that has no identity must not be taken for the set's: it would be
// voted for.
const mendingKey = "__ringmain:mending"

const takeMark = `if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local begun = redis.call('MGET', KEYS[4], KEYS[5])
if redis.call('DBSIZE') > 0 and begun[1] ~= ARGV[4] and begun[2] ~= ARGV[4] then return 3 end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
redis.call('MSET', KEYS[3], ARGV[3], KEYS[5], ARGV[4])
redis.call('DEL', KEYS[4])
return 1
`

var renewScript = NewScript("renew", Refill, "return {}")

// renewLater prolongs the mark, as copying may take its time elsewhere.
func (r *repair) renewLater() {
	q := r.s.q
	r.renew = q.Clock.After(renewEvery, func() {
		if q.repair != r {
			return
		}
		q.Log.Info("server of a quorum is being repaired", "quorum", q.Name, "server", r.s.name, "registers", r.registers())
		q.Call(Call{Server: r.s.index, Script: renewScript, Args: []string{r.mark}}, func(Answer) {})
		r.renewLater()
	})
}

func (r *repair) registers() int {
	if r.copy == nil {
		return 0
	}
	return r.copy.Copied()
}

// copied goes on when the server has all that the others have.
func (r *repair) copied(err error) {
	s, q := r.s, r.s.q
	switch {
	case q.repair != r:
		return
	case err != nil:
		r.fail(err.Error())
		return
	case s.epoch != r.epoch:
		r.fail(restarted)
		return
	}
	id := Identity{Set: q.set, Index: s.index, Nodes: q.Nodes, Generation: q.Random()}
	q.ask(s.index, r.finished, "EVAL", finish, "5", RepairKey, IdentityKey, SettingsKey, QuarantineKey, mendingKey,
		r.mark, id.String(), q.Hash, strconv.FormatInt(q.quarantine().Milliseconds(), 10))
}

const finish = `if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('MSET', KEYS[2], ARGV[2], KEYS[3], ARGV[3])
if tonumber(ARGV[4]) > 0 then redis.call('SET', KEYS[4], '1', 'PX', ARGV[4]) end
redis.call('DEL', KEYS[1], KEYS[5])
return 1
`

// finished ends the repair. Whatever the answer was, an examination shows what there is.
func (r *repair) finished(reply []byte, failed string) {
	s, q := r.s, r.s.q
	if q.repair != r {
		return
	}
	done, _ := resp.Integer(reply)
	switch {
	case done == 1:
		s.mendFailed = 0
		q.Log.Info("server of a quorum is repaired", "quorum", q.Name, "server", s.name, "registers", r.registers(),
			"after", (s.now() - r.began).Round(time.Millisecond))
		q.Repaired++
		r.end()
	case failed == "":
		r.fail(RepairLost)
	default:
		r.fail(failed)
	}
	s.examine()
}

// fail gives the repair up for now.
func (r *repair) fail(reason string) {
	q := r.s.q
	if q.repair == r {
		if reason != RepairLost && reason != restarted {
			r.s.mendFailed++
		}
		q.Log.Warn("server of a quorum is not repaired: another attempt follows", "quorum", q.Name, "server", r.s.name, "because", reason)
	}
	r.end()
}

// end is that of a repair, however it went.
func (r *repair) end() {
	q := r.s.q
	if q.repair != r {
		return
	}
	q.repair = nil
	r.s.mendAt = r.s.now() + min(repairEvery<<min(max(r.s.mendFailed-1, 0), 10), repairSeldom)
	if r.renew != nil {
		r.renew.Stop()
	}
	if r.copy != nil {
		r.copy.Stop()
	}
}

// repairing reports whether this proxy is filling the server again.
func (s *server) repairing() bool {
	r := s.q.repair
	return r != nil && r.s == s && r.copy != nil
}

const underRepair = "is being repaired: it has lost what it kept"
