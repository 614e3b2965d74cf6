package proxy

import (
	"ringmain/command"
	"ringmain/resp"
	"ringmain/router"
)

// The view may change between the commands of a transaction. What was found of its place
// before is found anew.

const errScattered = "EXECABORT Transaction discarded because its keys have moved where it cannot be executed: a server is out or back, or has come or gone."

// at takes a place for the transaction's.
func (tx *transaction) at(p router.Place, found *router.Snapshot) {
	tx.place, tx.placed, tx.epoch = p, true, found.Epoch
}

// elsewhere is the text of the error for keys that do not live at the transaction's place; ""
// if it has none, or will not be executed anyway.
func (tx *transaction) elsewhere(p router.Place) string {
	if !tx.placed || tx.lost || tx.place == p {
		return ""
	}
	return resp.TextCrossSlot
}

// followView has the transaction's place follow a view that has changed. It reports false
// if its keys have no place in common any more, or not one where all of it can be executed.
// Keys that are watched elsewhere than at home count as changed: who writes them may do so
// where nobody watches.
func (s *Session) followView() bool {
	tx, snapshot := s.tx, s.core.snapshot
	switch {
	case !tx.placed || tx.epoch == snapshot.Epoch || tx.lost:
		return true
	case tx.lease != nil && (tx.place.Rerouted || tx.lease.Ending()): // they may live elsewhere now
		s.loseWatched()
		return true
	case tx.lease != nil: // it would have been lost with its server
		tx.epoch = snapshot.Epoch
		return true
	}
	tx.placed = false
	together := true
	tx.eachForServer(func(cmd *command.Command, args [][]byte) {
		place, found, text := s.commonPlace(cmd, args)
		switch {
		case text == "" && !found:
		case text != "" || tx.elsewhere(place) != "" || s.restriction(cmd, args, place) != "":
			together = false
		default:
			tx.at(place, snapshot)
		}
	})
	return together
}

// loseWatched gives up the connection on which keys are watched: EXEC answers as if they had
// changed.
func (s *Session) loseWatched() {
	tx := s.tx
	l := tx.lease
	tx.lease, tx.lost = nil, true
	if tx.borrowed {
		l.Conn().Send(chore{s, l, false}, 0, requestUnwatch, false, false)
	} else {
		s.giveBack(l, false)
	}
}

// eachForServer calls do with each command that a server is to execute. args are valid during
// the call only.
func (tx *transaction) eachForServer(do func(cmd *command.Command, args [][]byte)) {
	var args [][]byte
	for i := range tx.queued {
		q := &tx.queued[i]
		if q.local() {
			continue
		}
		n, rest, _ := resp.ArrayHeader(tx.raw[q.start:q.end])
		args = args[:0]
		for range n {
			element, after, _ := resp.Element(rest)
			arg, _ := resp.Bulk(element)
			args, rest = append(args, arg), after
		}
		do(q.cmd, args)
	}
}
