package scripts

import (
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// specimen is a text and the entry that it is.
type specimen struct{ id, text string }

// composed are texts of our own which do what scripts do whose text no package registry
// has.
var composed = []specimen{
	{"release/aioredlock", `
		local holder = redis.call("get", KEYS[1]) -- false: nobody
		if not holder then return redis.status_reply("OK")
		elseif holder == ARGV[1] then return redis.call("del", KEYS[1])
		else return redis.error_reply("ERROR") end`},
	{"release/spring", `
		local holder = redis.call("get", KEYS[1])
		if holder == ARGV[1] then redis.call("unlink", KEYS[1]) return true end
		return false`},
	{"extend/flat", `
		if (redis.call("get", KEYS[1]) == ARGV[1]) then return redis.call("pexpire", KEYS[1], ARGV[2]) end
		return 0`},
	{"extend/rslock", `
		if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 else
			if redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) ~= nil then return 1 else return 0 end
		end`},
	{"extend/spring", `
		if redis.call("get", KEYS[1]) == ARGV[1] then redis.call("pexpire", KEYS[1], ARGV[2]) return true end
		return false`},
	{"extend/laravel", `
		if redis.call('GET', KEYS[1]) == ARGV[1] then
			if (tonumber(ARGV[2]) > 0) then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end
			redis.call('PERSIST', KEYS[1])
			return 1
		else return 0 end`},
	{"extend/python-redis-lock", `
		if redis.call('get', KEYS[1]) ~= ARGV[2] then return 1
		elseif redis.call('ttl', KEYS[1]) < 0 then return 2
		else redis.call('expire', KEYS[1], ARGV[1]) return 0 end`},
	{"take/spring", `
		local holder = redis.call("get", KEYS[1])
		if holder == ARGV[1] then redis.call("pexpire", KEYS[1], ARGV[2]) return true
		elseif not holder then redis.call("set", KEYS[1], ARGV[1], "px", ARGV[2]) return true end
		return false`},
	{"take/redlock-rb", `
		if (redis.call('EXISTS', KEYS[1]) == 0 and ARGV[3] == 'yes') or redis.call('GET', KEYS[1]) == ARGV[1] then
			return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
		end`},
	{"take/aioredlock", `
		local holder = redis.call("get", KEYS[1])
		if not holder or holder == ARGV[1] then return redis.call("set", KEYS[1], ARGV[1], "px", ARGV[2])
		else return redis.error_reply("ERROR") end`},
	{"take/redlock.net", `
		local holder = redis.call("get", KEYS[1])
		if holder == false then return redis.call("set", KEYS[1], ARGV[1], "px", ARGV[2]) and 1 or 0
		elseif holder == ARGV[1] then return redis.call("pexpire", KEYS[1], ARGV[2])
		else return -1 end`},
	{"query/pottery", `
		if redis.call("get", KEYS[1]) == ARGV[1] then
			local left = redis.call("pttl", KEYS[1])
			return (left > 0) and left or 0
		else return 0 end`},
	{"query/aioredlock", `
		local holder = redis.call("get", KEYS[1])
		if not holder then return redis.error_reply("ERROR")
		elseif holder == ARGV[1] then return redis.call("ttl", KEYS[1])
		else return redis.error_reply("ERROR") end`},
	{"query/redlock-rb", `return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}`},
	{"unsupported/spring", `
		local holder = redis.call("get", KEYS[1])
		if holder == ARGV[1] and redis.call("unlink", KEYS[1]) == 1 then redis.call("publish", ARGV[2], KEYS[1]) return true end
		return false`},
	{"unsupported/python-redis-lock", `
		if redis.call('get', KEYS[1]) ~= ARGV[1] then return 1 else
			redis.call('del', KEYS[2]) redis.call('lpush', KEYS[2], 1) redis.call('del', KEYS[1])
			return 0
		end`},
	{"unsupported/python-redis-lock", `
		if redis.call('get', KEYS[1]) ~= ARGV[1] then return 1 else
			redis.call('del', KEYS[2]) redis.call('lpush', KEYS[2], 1) redis.call('pexpire', KEYS[2], ARGV[2])
			redis.call('del', KEYS[1])
			return 0
		end`},
	{"unsupported/python-redis-lock", `
		redis.call("del", KEYS[2]) redis.call("lpush", KEYS[2], 1)
		return redis.call("del", KEYS[1])`},
	{"unsupported/python-redis-lock", `
		redis.call("del", KEYS[2]) redis.call("lpush", KEYS[2], 1) redis.call("pexpire", KEYS[2], ARGV[2])
		return redis.call("del", KEYS[1])`},
	{"unsupported/redisson", `
		if (redis.call("exists", KEYS[1]) == 0) or (redis.call("hexists", KEYS[1], ARGV[2]) == 1) then
			redis.call("hincrby", KEYS[1], ARGV[2], 1)
			redis.call("pexpire", KEYS[1], ARGV[1])
			return nil
		end
		return redis.call("pttl", KEYS[1])`},
	{"unsupported/redisson", `
		if redis.call("exists", KEYS[1]) == 0 then
			redis.call("hincrby", KEYS[1], ARGV[2], 1)
			redis.call("pexpire", KEYS[1], ARGV[1])
			return nil
		end
		if redis.call("hexists", KEYS[1], ARGV[2]) == 1 then
			redis.call("hincrby", KEYS[1], ARGV[2], 1)
			redis.call("pexpire", KEYS[1], ARGV[1])
			return nil
		end
		return redis.call("pttl", KEYS[1])`},
	{"unsupported/redisson", `
		if redis.call("hexists", KEYS[1], ARGV[3]) == 0 then return nil end
		local count = redis.call("hincrby", KEYS[1], ARGV[3], -1)
		if count > 0 then
			redis.call("pexpire", KEYS[1], ARGV[2])
			return 0
		else
			redis.call("del", KEYS[1])
			redis.call("publish", KEYS[2], ARGV[1])
			return 1
		end
		return nil`},
}

// specimens are all texts that there are: the libraries' own in testdata, by what known.txt
// says of their digests, and the composed ones.
func specimens(t testing.TB) []specimen {
	t.Helper()
	all := append([]specimen{}, composed...)
	files, err := filepath.Glob("testdata/*.lua")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d texts in testdata, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum(text)
		digest := hex.EncodeToString(sum[:])
		if name := strings.TrimSuffix(filepath.Base(file), ".lua"); name != digest {
			t.Fatalf("%s: its SHA-1 is %s: it is not the text that its library sends", file, digest)
		}
		entry, ok := BySHA(digest)
		if !ok {
			t.Fatalf("%s is not in known.txt", file)
		}
		all = append(all, specimen{entry.id, string(text)})
	}
	return all
}
