package lock

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringmain/quorum"
)

// What the servers keep of a lock: its key holds the client's token, and a companion says
// which acquisition it belongs to and what changed it last.
//
//	<grant, 16 hex digits> <op, 16 hex digits> <pad in ms, 8 hex digits>[ <fencing number>]
//
// Both expire together. A grant's first 8 digits are the second in which it was made,
// the others are random. An op is random, drawn anew for every change: whoever wants to
// change or delete a lock must say which op it believes to be there.
const companionPrefix = "__ringmain:f:"

// companion is what is read of one.
type companion struct {
	grant, op string
	pad       time.Duration
	fence     int64 // 0: none
}

func (c companion) String() string {
	return fmt.Sprintf("%s %s %08x", c.grant, c.op, c.pad.Milliseconds())
}

// parseCompanion takes what it can from a companion; one that is missing or not ours is
// an empty one.
func parseCompanion(s string) (c companion) {
	if len(s) < 42 || s[16] != ' ' || s[33] != ' ' {
		return c
	}
	pad, err := strconv.ParseInt(s[34:42], 16, 64)
	if err != nil {
		return c
	}
	c = companion{grant: s[:16], op: s[17:33], pad: time.Duration(pad) * time.Millisecond}
	if rest, ok := strings.CutPrefix(s[42:], " "); ok {
		c.fence, _ = strconv.ParseInt(rest, 10, 64)
	}
	return c
}

// look reads the lock at KEYS[i]: its token, false if there is none, and its companion,
// "" if it has none. What is not a string is a lock of nobody's. seen returns all locks, with the
// ms that are left, behind what is given. among reports whether the companion's op is
// among ARGV[from], ARGV[from+1], …
//
// A call of Redis' is what costs time in a script, so there are as few as can be.
const (
	luaLook = `local function look(i)
  local token = redis.pcall('GET', KEYS[i])
  if not token then return false, '' end
  if type(token) == 'table' then token = '' end
  local companion = redis.pcall('GET', KEYS[i+1])
  if type(companion) ~= 'string' then companion = '' end
  return token, companion
end
`
	luaSeen = luaLook + `local function seen(reply)
  for i = 1, #KEYS, 2 do
    local token, companion = look(i)
    reply[#reply+1] = token
    reply[#reply+1] = token and redis.call('PTTL', KEYS[i]) or 0
    reply[#reply+1] = companion
  end
  return reply
end
`
	luaAmong = `local function among(companion, from)
  local op = string.sub(companion, 18, 33)
  for i = from, #ARGV do
    if ARGV[i] == op then return true end
  end
  return false
end
`
)

// All scripts get their keys in pairs: the lock's, its companion's.
var (
	// acquire creates all locks, or none if one is taken.
	// ARGV: token, lease in ms, companion.
	// {1}, or {0, token, remaining ms, companion, …} of all keys.
	acquireScript = quorum.NewScript("lock.acquire", quorum.Vote, luaSeen+`
if #KEYS == 2 then
  if not redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return seen({0}) end
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
  return {1}
end
for i = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then return seen({0}) end
end
for i = 1, #KEYS, 2 do
  redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
  redis.call('SET', KEYS[i+1], ARGV[3], 'PX', ARGV[2])
end
return {1}
`)

	// acquireOrExtend moreover takes locks that the token has already. Those keep their grant
	// and number, and never end earlier than before. ARGV[4]: how many bytes of the token decide;
	// then the ops that may be there. A lock with another op is a later one, perhaps.
	// {1, 1 if all were the token's}; {2, op, …} if one has another op.
	acquireOrExtendScript = quorum.NewScript("lock.acquireOrExtend", quorum.Vote, luaSeen+luaAmong+`
local taken, stale, held, n = false, false, 1, tonumber(ARGV[4])
local reply, ops = seen({0}), {2}
for i = 2, #reply, 3 do
  local token, companion = reply[i], reply[i+2]
  if token then
    taken = taken or string.sub(token, 1, n) ~= string.sub(ARGV[1], 1, n)
    stale = stale or not among(companion, 5)
    ops[#ops+1] = string.sub(companion, 18, 33)
  else
    held = 0
  end
end
if taken then return reply end
if stale then return ops end
for i = 1, #KEYS, 2 do
  local lease, new = tonumber(ARGV[2]), ARGV[3]
  local at = (i-1) / 2 * 3 + 2
  local left, old = reply[at+1], reply[at+2]
  if reply[at] and #old >= 42 then
    local pad = string.sub(new, 35, 42)
    if left > lease then
      lease, pad = left, string.sub(old, 35, 42)
    end
    new = string.sub(old, 1, 17) .. string.sub(new, 18, 34) .. pad .. string.sub(old, 43)
  elseif left > lease then
    lease = left
  end
  redis.call('SET', KEYS[i], ARGV[1], 'PX', lease)
  redis.call('SET', KEYS[i+1], new, 'PX', lease)
end
return {1, held}
`)

	// extend gives all locks a new lease, or none.
	// ARGV: token, lease in ms, op, pad, the oldest grant that may be extended, ops that may
	// be there …
	// {1}; {0, token, remaining ms, companion, …} if one is not the token's; {2, op, …} if one
	// has another op; {3} if one is too old.
	extendScript = quorum.NewScript("lock.extend", quorum.Vote, luaSeen+luaAmong+`
local stale, old = false, false
local ops, companions = {2}, {}
for i = 1, #KEYS, 2 do
  local token, companion = look(i)
  if token ~= ARGV[1] then return seen({0}) end
  stale = stale or not among(companion, 6)
  old = old or string.sub(companion, 1, 8) < ARGV[5]
  ops[#ops+1] = string.sub(companion, 18, 33)
  companions[i] = companion
end
if old then return {3} end
if stale then return ops end
for i = 1, #KEYS, 2 do
  local was = companions[i]
  if #was < 42 then was = string.rep('0', 16) .. ' ' end
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
  redis.call('SET', KEYS[i+1], string.sub(was, 1, 17) .. ARGV[3] .. ' ' .. ARGV[4] .. string.sub(was, 43), 'PX', ARGV[2])
end
return {1}
`)

	// release deletes each lock that is the token's; any token's if that is empty.
	// ARGV: token, the grant that it must be of or "", ops that may be there …
	// For each key 1 (deleted) or 0 (not there), and ""; or 2 (another op) and that.
	releaseScript = quorum.NewScript("lock.release", quorum.Owned, luaLook+luaAmong+`
local reply = {}
for i = 1, #KEYS, 2 do
  local token, companion = look(i)
  local status, op = 0, ''
  if token and (token == ARGV[1] or ARGV[1] == '') and (ARGV[2] == '' or ARGV[2] == string.sub(companion, 1, 16)) then
    if among(companion, 3) then
      redis.call('DEL', KEYS[i], KEYS[i+1])
      status = 1
    else
      status, op = 2, string.sub(companion, 18, 33)
    end
  end
  reply[#reply+1] = status
  reply[#reply+1] = op
end
return reply
`)

	// query reads: {token or false, remaining ms, companion, …} of all keys.
	queryScript = quorum.NewScript("lock.query", quorum.Vote, luaSeen+"return seen({})")

	// fence stores a number beside a lock, unless it has a larger one, or is not the token's or
	// not at one of the ops any more.
	// ARGV: token, number, the grant to write or "" for the one there, ops that may be there …
	// {1, remaining ms, companion}; {2} if it has a larger one; {0}.
	fenceScript = quorum.NewScript("lock.fence", quorum.Vote, luaLook+luaAmong+`
local token, companion = look(1)
if token ~= ARGV[1] or #companion < 42 or not among(companion, 4) then return {0} end
if (tonumber(string.sub(companion, 44)) or 0) > tonumber(ARGV[2]) then return {2} end
local grant = ARGV[3] ~= '' and ARGV[3] or string.sub(companion, 1, 16)
companion = grant .. string.sub(companion, 17, 42) .. ' ' .. ARGV[2]
redis.call('SET', KEYS[2], companion, 'KEEPTTL')
return {1, redis.call('PTTL', KEYS[1]), companion}
`)

	// scan reads one page of the locks there are. ARGV: cursor, the companions' prefix.
	// {cursor, key, token, remaining ms, companion, …}
	scanScript = quorum.NewScript("lock.scan", quorum.Vote, `
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2] .. '*', 'COUNT', 500)
local reply = {page[1]}
for _, name in ipairs(page[2]) do
  local key = string.sub(name, #ARGV[2] + 1)
  local token, companion = redis.pcall('GET', key), redis.pcall('GET', name)
  if type(token) == 'string' and type(companion) == 'string' then
    reply[#reply+1] = key
    reply[#reply+1] = token
    reply[#reply+1] = redis.call('PTTL', key)
    reply[#reply+1] = companion
  end
end
return reply
`)
)

// Scripts are all that an Engine runs, for whoever loads them beforehand.
var Scripts = []*quorum.Script{acquireScript, acquireOrExtendScript, extendScript, releaseScript, queryScript, fenceScript, scanScript}

// scriptKeys are the keys of a call: each lock's and its companion's.
func scriptKeys(keys []string) []string {
	all := make([]string, 0, 2*len(keys))
	for _, k := range keys {
		all = append(all, k, companionPrefix+k)
	}
	return all
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// reading is what one server says of one lock.
type reading struct {
	token string
	held  bool
	// lease is what the server counts down.
	lease     time.Duration
	companion companion
}

// left is what the holder may count on by this server.
func (r reading) left() time.Duration { return max(r.lease-r.companion.pad, 0) }

// readings takes the triples that scripts return for each key.
func readings(values []quorum.Value, keys int) []reading {
	all := make([]reading, keys)
	for i := range all {
		if len(values) < 3*(i+1) {
			break
		}
		v := values[3*i:]
		all[i] = reading{token: v[0].Text, held: !v[0].Null, lease: time.Duration(v[1].Int) * time.Millisecond, companion: parseCompanion(v[2].Text)}
	}
	return all
}
