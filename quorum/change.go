package quorum

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Agreed is what all proxies of a set must have in common: Nodes is the hash of the list of
// servers, Hash that of the settings.
type Agreed struct{ Nodes, Hash string }

// ErrOther is that of a server which goes by neither of two configurations.
var ErrOther = errors.New("goes by neither the old nor the new configuration")

// Change has a server, one at that place in both lists, go by another configuration from now on:
// proxies that still have the old one get no vote from it any more. Nor does anybody else before
// the quarantine is over, which is that of the old configuration: until then there may be locks
// that were granted by it. What the server keeps, and which set it is one of, stays.
//
// changed is false where it was so before.
func Change(ask Ask, server int, from, to Agreed, quarantine time.Duration) (changed bool, err error) {
	own, err := askTexts(ask, 2, "MGET", IdentityKey, SettingsKey)
	switch {
	case err != nil:
		return false, err
	case own[0] == nil:
		return false, errors.New(noIdentity)
	case own[1] == nil:
		return false, ErrOther
	}
	id, ok := ParseIdentity(*own[0])
	has := Agreed{id.Nodes, *own[1]}
	switch {
	case !ok || id.Index != server:
		return false, ErrOther
	case has == to:
		return false, nil
	case has != from:
		return false, ErrOther
	}
	if id.Set == id.Nodes { // it initialises itself
		id.Set = to.Nodes
	}
	id.Nodes = to.Nodes
	done, err := ask("EVAL", change, 3, IdentityKey, SettingsKey, QuarantineKey,
		*own[0], *own[1], id.String(), to.Hash, strconv.FormatInt(quarantine.Milliseconds(), 10))
	if err == nil && done != int64(1) {
		err = errors.New("was changed by somebody else meanwhile")
	}
	if err != nil {
		return false, fmt.Errorf("EVAL: %w", err)
	}
	return true, nil
}

// change compares and swaps identity and settings. A quarantine that lasts longer stays.
const change = `local known = redis.call('MGET', KEYS[1], KEYS[2])
if known[1] ~= ARGV[1] or known[2] ~= ARGV[2] then return 0 end
redis.call('MSET', KEYS[1], ARGV[3], KEYS[2], ARGV[4])
local ms = tonumber(ARGV[5])
if ms > redis.call('PTTL', KEYS[3]) then redis.call('SET', KEYS[3], '1', 'PX', ms) end
return 1
`

// Quarantine is how long a server that may have lost locks casts no vote: longer than any lock
// lives on of which the TTL is maxTTL at most, where clocks differ by that share. Zero: there are
// no locks.
func Quarantine(maxTTL time.Duration, drift float64) time.Duration {
	if maxTTL == 0 {
		return 0
	}
	return maxTTL + time.Duration(float64(maxTTL)*drift) + margin
}
