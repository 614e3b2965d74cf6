package local

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"ringmain/command"
)

// Records are the logs that all loops share, of commands that took long, and what
// clients may set at run time. Any goroutine may use them.
type Records struct {
	// noticed is the least time, in nanoseconds, from which a command is told of.
	noticed atomic.Int64

	mu       sync.Mutex
	idle     time.Duration   // what idleSeconds says in whole seconds
	settings [settings]int64 // by setting
	// connections and commands are those up to the last CONFIG RESETSTAT.
	connections int64
	commands    uint64
	slow        slowLog
	latency     latencyLog
}

// setting is one that clients may change, as CONFIG SET has it.
type setting int

const (
	idleSeconds   setting = iota // 0: for ever
	slowMicros                   // negative: none are logged
	slowEntries                  // kept
	latencyMillis                // 0: none are logged
	settings
)

// settable are the settings' names, and their ranges.
var settable = map[string]struct {
	setting
	least, most int64
}{
	"timeout":                   {idleSeconds, 0, math.MaxInt32},
	"slowlog-log-slower-than":   {slowMicros, -1, math.MaxInt64},
	"slowlog-max-len":           {slowEntries, 0, MaxSlowEntries},
	"latency-monitor-threshold": {latencyMillis, 0, math.MaxInt64},
}

// MaxSlowEntries bounds the log of slow commands. An entry takes some 300 bytes, and up
// to 2 KiB if it has many short arguments.
const MaxSlowEntries = 10_000

// NewRecords are empty. idle is how long a client may be idle, 0 for ever; commands that
// take threshold or longer are logged, the last entries of them.
func NewRecords(idle, threshold time.Duration, entries int) *Records {
	r := &Records{idle: idle}
	r.settings = [settings]int64{int64(idle / time.Second), threshold.Microseconds(), int64(entries), 0}
	r.reckon()
	return r
}

// reckon finds the least time that is noticed. It is called with mu held, if need be.
func (r *Records) reckon() {
	least := int64(math.MaxInt64)
	if micros := r.settings[slowMicros]; micros >= 0 && r.settings[slowEntries] > 0 {
		least = min(least, micros, math.MaxInt64/1000) * 1000
	}
	if ms := r.settings[latencyMillis]; ms > 0 {
		least = min(least, min(ms, math.MaxInt64/1_000_000)*1_000_000)
	}
	r.noticed.Store(least)
}

// Noticed reports whether a command that took so long is to be noted.
func (r *Records) Noticed(took time.Duration) bool { return int64(took) >= r.noticed.Load() }

// Notices reports whether any command is noted at all.
func (r *Records) Notices() bool { return r.noticed.Load() != math.MaxInt64 }

// ClientIdle is how long a client may be idle; 0: for ever.
func (r *Records) ClientIdle() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.idle
}

// Execution is a command that has its reply.
type Execution struct {
	Command *command.Command
	Args    [][]byte // for people to read, secrets left out, shortened
	// Ended is when the whole reply had come, Took since the command was executed.
	Ended        time.Time
	Took         time.Duration
	Client, Name string
}

// Note takes a command into the logs, if it took long enough for them.
func (r *Records) Note(e *Execution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if micros := r.settings[slowMicros]; micros >= 0 && e.Took.Microseconds() >= micros && e.Command.Flags&command.SkipSlowlog == 0 {
		r.slow.add(e, int(r.settings[slowEntries]))
	}
	if ms := r.settings[latencyMillis]; ms > 0 && e.Took.Milliseconds() >= ms {
		event := "command"
		if e.Command.Flags&command.Fast != 0 {
			event = "fast-command"
		}
		r.latency.add(event, e.Ended, e.Took.Milliseconds())
	}
}

func (r *Records) get(s setting) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settings[s]
}

// set changes several settings together.
func (r *Records) set(values map[setting]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s, value := range values {
		r.settings[s] = value
		if s == idleSeconds {
			r.idle = time.Duration(value) * time.Second
		}
	}
	r.slow.keep(int(r.settings[slowEntries]))
	r.reckon()
}

// sinceReset are numbers of INFO since the last CONFIG RESETSTAT.
func (r *Records) sinceReset(connections int64, commands uint64) (int64, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return connections - r.connections, commands - r.commands
}

// ResetStat has INFO count connections and commands anew.
func (a *Answers) ResetStat() {
	connections, commands := a.Connections(), a.Commands()
	a.Records.mu.Lock()
	defer a.Records.mu.Unlock()
	a.Records.connections, a.Records.commands = connections, commands
}
