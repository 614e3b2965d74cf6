package integration

import (
	"slices"
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

// lockClient is a program under clients/ with one library of locks that is given one
// Redis.
type lockClient struct {
	program func(t *testing.T) []string
	// without is the step that its library has no call for.
	without string
}

func (c lockClient) steps() []string {
	return slices.DeleteFunc(slices.Clone(lockSteps), func(step string) bool { return step == c.without })
}

var lockClients = map[string]lockClient{
	"redis-py":      {program: interpreted("/usr/bin/python3", "python/locks.py")},
	"redsync":       {program: golang("redsync")},
	"bsm/redislock": {program: golang("redislock")},
	"redlock 4":     {program: node("redlock.js", "4")},
	"redlock 5":     {program: node("redlock.js", "5")},
	"redlock-rb":    {program: interpreted("/usr/bin/ruby", "ruby/locks.rb")},
	"php-lock":      {program: interpreted("/usr/bin/php", "php/malkusch.php"), without: "extend"},
	"Laravel":       {program: interpreted("/usr/bin/php", "php/laravel.php")},
}

func TestTheLockClientsProgramsAreRight(t *testing.T) {
	for name, c := range lockClients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clientTarget{Server: redistest.Start(t)}.try(t, c.program(t), c.steps())
		})
	}
}
