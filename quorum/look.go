package quorum

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Look is what was found on one server by a program that asks it command by command, beside any
// Set: it looks at the same, and judges it in the same way.
type Look struct {
	facts facts
	keys  map[int]int // by databases
}

// Ask has a server carry out a command. The reply is a string, an int64, nil, or an []any of
// these; an error reply of the server is an error.
type Ask func(args ...any) (any, error)

// LookAt looks at a server that is to keep as much as p says.
func LookAt(p Persistence, ask Ask) (*Look, error) {
	l := &Look{keys: map[int]int{}}
	l.facts.config = map[string]string{}
	info, err := ask("INFO")
	if err == nil {
		text, _ := info.(string)
		if err = l.facts.readText([]byte(text)); err == nil {
			l.readKeys(text)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("INFO: %w", err)
	}
	if p == FsyncAlways {
		for _, w := range wanted {
			pair, err := askTexts(ask, 2, "CONFIG", "GET", w.name)
			if err != nil {
				return nil, err
			}
			if pair[1] != nil {
				l.facts.config[w.name] = *pair[1]
			}
		}
	}
	own, err := askTexts(ask, 2, "MGET", IdentityKey, SettingsKey)
	if err != nil {
		return nil, err
	}
	l.facts.identity, l.facts.settings = own[0], own[1]
	left, err := ask("PTTL", QuarantineKey)
	ms, ok := left.(int64)
	if err == nil && !ok {
		err = errShape
	}
	if err != nil {
		return nil, fmt.Errorf("PTTL: %w", err)
	}
	l.facts.quarantine = time.Duration(ms) * time.Millisecond
	return l, nil
}

// askTexts asks for an array of n strings, nil where one is missing.
func askTexts(ask Ask, n int, args ...any) ([]*string, error) {
	reply, err := ask(args...)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", args[0], err)
	}
	array, _ := reply.([]any)
	if len(array) != n {
		return nil, fmt.Errorf("%v: %w", args[0], errShape)
	}
	list := make([]*string, n)
	for i, element := range array {
		if text, ok := element.(string); ok {
			list[i] = &text
		}
	}
	return list, nil
}

// readKeys finds what INFO says of each database: db0:keys=1,expires=0,avg_ttl=0.
func (l *Look) readKeys(info string) {
	for line := range bytes.Lines([]byte(info)) {
		name, value, _ := strings.Cut(string(line), ":")
		digits, isDatabase := strings.CutPrefix(name, "db")
		db, err := strconv.Atoi(digits)
		count, _, _ := strings.Cut(strings.TrimPrefix(value, "keys="), ",")
		if keys, wrong := strconv.Atoi(count); isDatabase && err == nil && wrong == nil {
			l.keys[db] = keys
		}
	}
}

// Problem is why the server cannot be one of a set, whatever its keys are; "": it can.
func (l *Look) Problem(p Persistence) string { return l.facts.problem(p) }

// RunID tells one process from another.
func (l *Look) RunID() string { return l.facts.runID }

// Initialised reports whether the server has the identity of some set.
func (l *Look) Initialised() bool { return l.facts.identity != nil }

// Stranger is why a server that was initialised is none of the set, in which it is the server
// with that index, or of none that has these settings; "": it is.
func (l *Look) Stranger(server int, nodes, hash string, p Persistence) string {
	_, unfit, _ := l.facts.verdict(server, nodes, hash, p != FsyncAlways)
	return unfit
}

// Quarantine is how long no vote of the server counts yet, as far as it is said there.
func (l *Look) Quarantine() time.Duration { return max(0, l.facts.quarantine) }

// Keys is how many keys the server has in its first database, which is that of sets, and in
// all others.
func (l *Look) Keys() (first, others int) {
	for db, keys := range l.keys {
		if db == 0 {
			first += keys
		} else {
			others += keys
		}
	}
	return first, others
}
