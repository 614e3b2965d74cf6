package quorum

// The keys on the servers that are the quorum's own.
const (
	IdentityKey   = "__ringmain:quorum"
	SettingsKey   = "__ringmain:settings"
	QuarantineKey = "__ringmain:quarantine"
	RepairKey     = "__ringmain:repair"
)

// A guard comes before a script's body. Set puts the identity's, settings' and (Vote)
// quarantine's keys behind the call's keys, and behind its arguments the two values that
// are expected; the guard takes them away again, so that the body sees its own alone.
// What a guard returns itself begins with one of the words below; what the body
// returns stands in the same array behind "ok" and, for Vote, the server's time.
//
// The arrays are flat, because the bodies' are: {"ok", seconds, microseconds, …}. The
// body is a function above the guard, so that it sees none of the guard's variables.
var guards = [...]string{
	Register: registerGuard,
	Vote:     voteGuard,
	Owned:    registerGuard,
	Refill:   refillGuard,
}

const registerGuard = `local settings, identity = table.remove(ARGV), table.remove(ARGV)
local keys = #KEYS
local known = redis.call('MGET', KEYS[keys-1], KEYS[keys])
KEYS[keys], KEYS[keys-1] = nil, nil
if known[1] ~= identity then return {'identity', known[1] or ''} end
if known[2] ~= settings then return {'settings', known[2] or ''} end
`

const voteGuard = `local settings, identity = table.remove(ARGV), table.remove(ARGV)
local keys = #KEYS
local known = redis.call('MGET', KEYS[keys-2], KEYS[keys-1], KEYS[keys])
KEYS[keys], KEYS[keys-1], KEYS[keys-2] = nil, nil, nil
local time = redis.call('TIME')
if known[1] ~= identity then return {'identity', known[1] or '', time[1], time[2]} end
if known[2] ~= settings then return {'settings', known[2] or '', time[1], time[2]} end
if known[3] then return {'quarantine', redis.call('PTTL', '__ringmain:quarantine'), time[1], time[2]} end
`

// Of a refill, the call has the mark itself: there is nothing that the guard could expect.
const refillGuard = `local mark = table.remove(ARGV)
local keys = #KEYS
local known = redis.call('GET', KEYS[keys])
if known ~= mark then return {'repair', known or ''} end
redis.call('PEXPIRE', KEYS[keys], 10000)
KEYS[keys] = nil
`

// The words that a script's answer begins with.
const (
	saysDone       = "ok"
	saysIdentity   = "identity"
	saysSettings   = "settings"
	saysQuarantine = "quarantine"
	saysRepair     = "repair"
)

const passed = `local answer = body()
table.insert(answer, 1, 'ok')
return answer
`

const passedInTime = `local answer = body()
table.insert(answer, 1, time[2])
table.insert(answer, 1, time[1])
table.insert(answer, 1, 'ok')
return answer
`

// guarded is a script's text.
func guarded(kind Kind, body string) string {
	behind := passed
	if kind == Vote {
		behind = passedInTime
	}
	return "local function body()\n" + body + "\nend\n" + guards[kind] + behind
}
