package counter

import "ringmain/quorum"

// The registers' names on the servers. No client's key can be one of those that are our own.
const (
	clientRegister = "__ringmain:c:" // followed by the client's key
	fenceRegister  = "__ringmain:r:fence:"
	// epochRegister counts the servers that were filled again, floorKey is not a register: what a
	// server that was filled again has promised for every register.
	epochRegister = "__ringmain:r:epoch"
	floorKey      = "__ringmain:r:floor"
)

// A register is one string: the ballot promised, the ballot accepted, the state. So a
// script writes it in one step, or not at all.

// A script's first value says what became of it.
const (
	rejected = 0 // a ballot that is as high was promised: the second value
	obeyed   = 1
	full     = 2 // there is no room for a new register
)

// prepareScript promises to accept nothing below a ballot. ARGV: the ballot, and how many
// keys the server may have at most if the register is new ("0": any number).
// It returns what was accepted last: ballot and state in one, nothing if the register is new.
var prepareScript = quorum.NewScript("counter prepare", quorum.Register, `
local r = redis.call('GET', KEYS[1])
if not r then
  local floor = redis.call('GET', '__ringmain:r:floor')
  if floor and floor >= ARGV[1] then return {0, floor} end
  if ARGV[2] ~= '0' and redis.call('DBSIZE') >= tonumber(ARGV[2]) then return {2} end
  redis.call('SET', KEYS[1], ARGV[1] .. '`+noBallot+`')
  return {1, ''}
end
local promise = string.sub(r, 1, 33)
if promise >= ARGV[1] then return {0, promise} end
redis.call('SETRANGE', KEYS[1], 0, ARGV[1])
return {1, string.sub(r, 34)}
`)

// acceptScript accepts a state, unless a higher ballot was promised. ARGV: the ballot, and
// the whole register: the next promise, the ballot, the state.
var acceptScript = quorum.NewScript("counter accept", quorum.Register, `
local promise = redis.call('GETRANGE', KEYS[1], 0, 32)
if promise == '' then promise = redis.call('GET', '__ringmain:r:floor') or '' end
if promise > ARGV[1] then return {0, promise} end
redis.call('SET', KEYS[1], ARGV[2])
return {1}
`)

// readScript returns what was accepted last: the ballot and the value, with a part of what
// follows it; nothing if the register is new.
var readScript = quorum.NewScript("counter read", quorum.Register,
	`return {1, redis.call('GETRANGE', KEYS[1], 33, 86)}`)
