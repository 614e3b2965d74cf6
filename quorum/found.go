package quorum

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// foundingKey is on a server while a set is being founded: the random name of the set to be. It
// keeps two that found at the same time apart.
const foundingKey = "__ringmain:init"

// Founding makes servers a set. It is done in two steps: only
// when all servers have taken the first one is any of them told the second. So one that is
// interrupted leaves what can be seen to be half of it.
type Founding struct {
	// Nodes and Hash are as in Settings.
	Nodes, Hash string
	// Quarantine is for how long the servers cast no votes afterwards, because locks may be held
	// that they have forgotten; 0: none can be.
	Quarantine time.Duration
	Random     func() string
}

// Founder is a server with what was found on it.
type Founder struct {
	Name string
	Look *Look
	Ask  Ask
}

// ErrNothingChanged is part of every error after which the servers are as they were.
var ErrNothingChanged = errors.New("nothing was changed")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNothingChanged, fmt.Sprintf(format, args...))
}

// together checks what a set needs of its servers whatever their keys are.
func together(servers []Founder) error {
	processes := map[string]string{}
	for _, s := range servers {
		if other, twice := processes[s.Look.RunID()]; twice {
			return refused("%s is the same server as %s", s.Name, other)
		}
		processes[s.Look.RunID()] = s.Name
		if problem := s.Look.Problem(FsyncAlways); problem != "" {
			return refused("%s %s", s.Name, problem)
		}
		if s.Look.facts.rewriting {
			return refused("%s %s: try again when that is done", s.Name, firstFile)
		}
	}
	return nil
}

// Found makes the servers, in their order, a set. already: they are one, and were left alone.
func (f *Founding) Found(servers []Founder) (already bool, err error) {
	if err := together(servers); err != nil {
		return false, err
	}
	sets := map[string]string{} // the name of the first server, by set
	var whole, blank []string
	for i, s := range servers {
		first, others := s.Look.Keys()
		switch id, why := f.verdict(s, i); {
		case s.Look.facts.identity == nil && s.Look.facts.settings != nil:
			return false, refused("%s has half of an identity: an earlier `ringmain quorum init` was interrupted, or the server has lost a part of "+
				"what it had. If no Ringmain has used this quorum yet, empty the servers (FLUSHALL) and run this again; "+
				"else the running Ringmain repairs the server, if repair is auto", s.Name)
		case s.Look.facts.identity == nil && first+others > 0:
			return false, refused("%s is not empty (keys: %d). If nobody needs what it has, empty it (FLUSHALL)", s.Name, first+others)
		case s.Look.facts.identity == nil:
			blank = append(blank, s.Name)
		case why == otherSettings:
			return false, refused("%s %s. To change those of a whole set: ringmain quorum change", s.Name, why)
		case why != "":
			return false, refused("%s %s", s.Name, why)
		default:
			whole = append(whole, s.Name)
			sets[id.Set] = s.Name
		}
	}
	switch {
	case len(sets) > 1:
		return false, refused("%s are initialised, but not as servers of one set: empty those (FLUSHALL) that belong to the wrong one", strings.Join(whole, ", "))
	case len(blank) == 0:
		return true, nil
	case len(whole) > 0 && len(whole) <= len(servers)/2:
		return false, refused("a majority has lost what was granted and counted, or was never initialised: %s. To begin anew with nothing, stop all Ringmains, "+
			"empty all servers (FLUSHALL), %s too, and run this again", strings.Join(blank, ", "), strings.Join(whole, ", "))
	case len(whole) > 0:
		return false, refused("there is a set (%s) already, without what %s had, or should have: the running Ringmain repairs that, if repair is auto. "+
			"To begin anew with nothing, empty all servers (FLUSHALL)", strings.Join(whole, ", "), strings.Join(blank, ", "))
	}
	return false, f.write(servers)
}

func (f *Founding) verdict(s Founder, index int) (Identity, string) {
	id, why, _ := s.Look.facts.verdict(index, f.Nodes, f.Hash, false)
	return id, why
}

// write carries both steps out.
func (f *Founding) write(servers []Founder) error {
	set := f.Random()
	for i, s := range servers {
		made, err := s.Ask("EVAL", foundFirst, 2, foundingKey, SettingsKey, set, f.Hash)
		if err == nil && made == int64(1) {
			continue
		}
		if err == nil {
			err = errors.New("it is not empty any more")
		}
		// One that does not answer may have done it.
		for _, undo := range servers[:i+1] {
			if _, failed := undo.Ask("EVAL", foundUndo, 2, foundingKey, SettingsKey, set); failed != nil {
				return fmt.Errorf("%s: %w; %s may be left with half of an identity, as it cannot be undone there: %w", s.Name, err, undo.Name, failed)
			}
		}
		return refused("%s: %v", s.Name, err)
	}
	for i, s := range servers {
		id := Identity{Set: set, Index: i, Nodes: f.Nodes, Generation: f.Random()}
		made, err := s.Ask("EVAL", foundSecond, 3, foundingKey, IdentityKey, QuarantineKey, set, id.String(),
			strconv.FormatInt(f.Quarantine.Milliseconds(), 10))
		if err == nil && made != int64(1) {
			err = errors.New("somebody else has changed it meanwhile")
		}
		if err != nil {
			return fmt.Errorf("%s has half of an identity, %d of %d servers have theirs: %w. "+
				"If no Ringmain has used this quorum yet, empty the servers (FLUSHALL) and run this again", s.Name, i, len(servers), err)
		}
	}
	return nil
}

const (
	foundFirst = `if redis.call('DBSIZE') > 0 then return 0 end
redis.call('MSET', KEYS[1], ARGV[1], KEYS[2], ARGV[2])
return 1`
	foundUndo = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return 1`
	foundSecond = `if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[2])
if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[3], '1', 'PX', ARGV[3]) end
return 1`
)
