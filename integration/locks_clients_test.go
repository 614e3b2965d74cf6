package integration

import (
	"testing"

	"ringmain/internal/redistest"
)

// What a client of locks does, by the names of its steps. Each step has keys of its own,
// which begin with "lock:".
var lockSteps = []string{
	"acquire",  // a free lock; its key has the client's token, and a TTL
	"contend",  // it is refused to a second client, which gets it once it is released
	"extend",   // its TTL becomes longer, and shorter
	"release",  // it is free at once; a second release is refused
	"expiry",   // somebody else gets it after its TTL; who had it can neither extend nor release it
	"stranger", // whoever has another token can neither extend nor release it
}

// lockClients are programs under clients/, each with one library of locks that is given
// one Redis.
var lockClients = map[string]func(t *testing.T) []string{
	"redis-py":      interpreted("/usr/bin/python3", "python/locks.py"),
	"redsync":       golang("redsync"),
	"bsm/redislock": golang("redislock"),
	"redlock 4":     node("redlock.js", "4"),
	"redlock 5":     node("redlock.js", "5"),
}

func TestTheLockClientsProgramsAreRight(t *testing.T) {
	for name, program := range lockClients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clientTarget{Server: redistest.Start(t)}.try(t, program(t), lockSteps)
		})
	}
}
