package proxy

import (
	"bytes"
	"strings"

	"ringmain/command"
	"ringmain/resp"
	"ringmain/router"
)

// sameServer sends a command whose keys must all live at one place.
func (s *Session) sameServer(cmd *command.Command, r *resp.Request, size int) bool {
	place, found, text := s.commonPlace(cmd, r.Args)
	switch {
	case text != "":
	case found:
		text = s.restriction(cmd, r.Args, place)
	default:
		place = s.anyPlace()
	}
	switch {
	case text != "":
		s.fail(text)
		return true
	case cmd.Blocks(r.Args):
		return s.wait(place, cmd, r, size)
	case found:
		place = s.reader(cmd, place)
	}
	return s.sendScript(place, cmd, r, size)
}

// commonPlace is where all keys of a request live, or the text of an error. None are
// found if it has none, or if they cannot be found: no server executes such a request,
// and any will say what is wrong with it.
func (s *Session) commonPlace(cmd *command.Command, args [][]byte) (place router.Place, found bool, text string) {
	keys := cmd.KeyPositions(args)
	for {
		i, ok := keys.Next()
		if !ok {
			break
		}
		p := s.place(args[i])
		switch {
		case isReserved(args[i]):
			text = errReserved
		case found && p != place && text == "":
			text = resp.TextCrossSlot
		case !found:
			place, found = p, true
		}
	}
	if keys.Invalid() {
		return place, false, ""
	}
	return place, found, text
}

// anyPlace is on the first server of the session's fleet that is not known to be
// down, or the first.
func (s *Session) anyPlace() router.Place {
	f := s.core.snapshot.Fleet(s.scope)
	for i := range f.Count {
		p := f.Place(i)
		if s.connTo(p).Refusal() == nil {
			return p
		}
	}
	return f.Place(0)
}

var (
	sortID   = command.ByName([]byte("sort")).ID()
	sortROID = command.ByName([]byte("sort_ro")).ID()
	copyID   = command.ByName([]byte("copy")).ID()
	moveID   = command.ByName([]byte("move")).ID()
)

// restriction is the text of the error for a request that names more than its
// server has; "" if it does not.
func (s *Session) restriction(cmd *command.Command, args [][]byte, place router.Place) string {
	switch cmd.ID() {
	case sortID, sortROID:
		return s.sortRestriction(args, place)
	case copyID:
		for i := 3; i+1 < len(args); i++ {
			if command.IsWord(args[i], "db") {
				return s.databaseRestriction(cmd, args[i+1], place)
			}
		}
	case moveID:
		return s.databaseRestriction(cmd, args[2], place)
	}
	return ""
}

const (
	errSortBy  = "ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots."
	errSortGet = "ERR GET option of SORT denied in cluster mode when keys formed by the pattern may be in different slots."
)

// sortRestriction refuses SORT's BY and GET patterns unless every key they can
// form lives at the place of the list, as a Redis Cluster does.
func (s *Session) sortRestriction(args [][]byte, place router.Place) string {
	for i := 2; i+1 < len(args); i++ {
		option, pattern := args[i], args[i+1]
		switch {
		case command.IsWord(option, "limit"):
			i += 2
		case command.IsWord(option, "store"):
			i++
		case command.IsWord(option, "by"):
			i++
			if !s.formsKeysAt(place, pattern) {
				return errSortBy
			}
		case command.IsWord(option, "get"):
			i++
			if !s.formsKeysAt(place, pattern) {
				return errSortGet
			}
		}
	}
	return ""
}

// formsKeysAt reports whether a pattern's keys all live at place, whatever takes
// the place of its '*': what stands before that has a whole hash tag. Without a '*'
// it forms none.
func (s *Session) formsKeysAt(place router.Place, pattern []byte) bool {
	snapshot := s.core.snapshot
	fixed, _, forms := bytes.Cut(pattern, []byte("*"))
	return !forms || !mayFormReserved(fixed) && !snapshot.Fleet(s.scope).Partial && len(snapshot.HashedPart(s.scope, fixed)) < len(fixed) &&
		s.place(fixed) == place
}

// mayFormReserved reports whether keys that begin so may be the proxy's own.
func mayFormReserved(fixed []byte) bool {
	n := min(len(fixed), len(reserved))
	return string(fixed[:n]) == reserved[:n]
}

// databaseRestriction refuses to have a key put into another database where the server would
// take the number for another one than the client means.
func (s *Session) databaseRestriction(cmd *command.Command, number []byte, place router.Place) string {
	refuge := s.core.snapshot.RefugeOf(place.Server)
	n, ok := resp.ParseInteger(number)
	switch {
	case place.Rerouted:
		return "ERR " + strings.ToUpper(cmd.Name) + " to a database is not supported while the server of the key is out: the key is in another one's refuge"
	case place.Database != 0, refuge != 0 && ok && n >= int64(refuge):
		return resp.TextDatabase
	}
	return ""
}
