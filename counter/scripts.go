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
	// refillKey is on a server while it is filled again: its floor. It is the same for each attempt
	// until the server was whole, since it promises nothing meanwhile.
	refillKey = "__ringmain:refill"
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

// promiseScript is prepareScript for many registers at once, whether they are new or not. ARGV: the ballot.
// For each it returns two values.
var promiseScript = quorum.NewScript("counter promise", quorum.Register, `
local floor = redis.call('GET', '__ringmain:r:floor') or ''
local answer = {}
for i, name in ipairs(KEYS) do
  local r = redis.call('GET', name)
  local promise = r and string.sub(r, 1, 33) or floor
  if promise >= ARGV[1] then
    answer[2*i-1], answer[2*i] = 0, promise
  elseif r then
    redis.call('SETRANGE', name, 0, ARGV[1])
    answer[2*i-1], answer[2*i] = 1, string.sub(r, 34)
  else
    redis.call('SET', name, ARGV[1] .. '`+noBallot+`')
    answer[2*i-1], answer[2*i] = 1, ''
  end
end
return answer
`)

// proposeScript is acceptScript for many registers at once, for which nothing above the ballot is
// promised. ARGV: the ballot; then, for each, the ballot and state to be accepted.
var proposeScript = quorum.NewScript("counter propose", quorum.Register, `
local floor = redis.call('GET', '__ringmain:r:floor') or ''
local answer = {}
for i, name in ipairs(KEYS) do
  local promise = redis.call('GETRANGE', name, 0, 32)
  if promise == '' then promise = floor end
  if promise > ARGV[1] then
    answer[i] = 0
  else
    redis.call('SET', name, ARGV[1] .. ARGV[i+1])
    answer[i] = 1
  end
end
return answer
`)

// begunScript returns the floor that an earlier attempt to fill the server again has set, if it was not
// emptied since.
var begunScript = quorum.NewScript("counter begun", quorum.Refill,
	`return {redis.call('GET', '__ringmain:refill') or ''}`)

// floorScript sets what a server that is filled again has promised for all registers. ARGV: the ballot.
var floorScript = quorum.NewScript("counter floor", quorum.Refill, `
redis.call('MSET', '__ringmain:r:floor', ARGV[1], '__ringmain:refill', ARGV[1])
return {}
`)

// filledScript has the next attempt set another floor: from now on the server may become whole, and
// promise what is above this one.
var filledScript = quorum.NewScript("counter filled", quorum.Refill, `
redis.call('DEL', '__ringmain:refill')
return {}
`)

// scanScript returns which process it is, the cursor for the next call, and the names of some
// registers. ARGV: the cursor, about how many.
var scanScript = quorum.NewScript("counter scan", quorum.Register, `
local page = redis.call('SCAN', ARGV[1], 'MATCH', '__ringmain:[cr]:*', 'COUNT', ARGV[2])
local found = {string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), page[1]}
for _, name in ipairs(page[2]) do
  if name ~= '__ringmain:r:floor' then table.insert(found, name) end
end
return found
`)

// missingScript returns which of the registers KEYS a server that is filled again has not got yet.
// ARGV: its floor.
var missingScript = quorum.NewScript("counter missing", quorum.Refill, `
local missing = {}
for _, name in ipairs(KEYS) do
  if redis.call('GETRANGE', name, 0, 32) < ARGV[1] then table.insert(missing, name) end
end
return missing
`)

// copyScript writes the registers KEYS of a server that is filled again, unless they are newer. ARGV: its
// floor, which is promised for each; then, for each, the ballot and state to be accepted.
var copyScript = quorum.NewScript("counter copy", quorum.Refill, `
for i, name in ipairs(KEYS) do
  local accepted = ARGV[i+1]
  if redis.call('GETRANGE', name, 33, 65) <= string.sub(accepted, 1, 33) then
    redis.call('SET', name, ARGV[1] .. accepted)
  end
end
return {}
`)
