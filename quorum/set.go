package quorum

import (
	"log/slog"
	"strconv"
	"strings"
	"time"

	"ringmain/resp"
)

// Persistence is what the servers of a set keep.
type Persistence uint8

const (
	// None: a restart may lose what was acknowledged. For locks alone, and those without
	// fences. The set initialises itself.
	None Persistence = iota
	// FsyncAlways: all that was acknowledged, which is verified. Only `ringmain quorum init`
	// initialises the set.
	FsyncAlways
	// Embedded servers are born and die with this process, so that nothing of theirs is
	// ever lost while anybody remembers it. The set initialises itself, and has no quarantine.
	Embedded
)

// Settings are what a Set is made of. All fields are needed but where it says otherwise.
type Settings struct {
	// Name is the quorum's in the configuration.
	Name string
	// Servers are the addresses as they are configured, by which people know them too. Their
	// number is odd.
	Servers     []string
	Persistence Persistence
	// Nodes is a hash of the list of servers, in its order, and Hash is one of all settings that
	// proxies must have in common, of the locks and counters of this quorum. The servers keep
	// them. Neither has a space in it.
	Nodes, Hash string
	// MaxTTL is the longest of the locks'; 0: there are no locks here.
	MaxTTL time.Duration
	// Drift is by which share the rates of clocks may differ: 0.01.
	Drift float64
	// Timeout is node_timeout: the Link keeps to it.
	Timeout time.Duration
	Clock   Clock
	Link    Link
	// Random returns a number that nobody has had before: 64 bits, in hexadecimal.
	Random func() string
	Log    *slog.Logger
	// Refill copies what the others keep to a server that has lost it, under the mark of a repair
	// (see the kind Refill), and calls done once. nil: nobody does, and such servers stay out.
	Refill func(server int, mark string, done func(error)) Refilling
}

const (
	// beat is how often a server is asked for its clock and identity, if no vote tells them.
	beat = 250 * time.Millisecond
	// examineEvery is how often all of it is looked at anew, in beats: what is configured may be
	// changed in a process that runs.
	examineEvery = 8
	// margin is what a quarantine lasts beyond the life of the last lock.
	margin = time.Second
	// maxCalls bounds the calls under way to one server.
	maxCalls = 10_000
)

// Set is a quorum's servers. It implements Servers.
type Set struct {
	Settings
	servers []*server
	// set is the identity's Set that a majority of the servers has shown; "": none has yet.
	set    string
	timer  Timer
	free   []*call // to be used again
	out    []byte  // a request is put together here
	ended  bool
	repair *repair // under way; nil: none is
	// Repaired is how many servers were repaired.
	Repaired uint64
}

// New makes a set, which asks nobody anything before Start.
func New(settings Settings) *Set {
	q := &Set{Settings: settings}
	if q.selfMade() {
		q.set = q.Nodes
	}
	for i, name := range settings.Servers {
		s := &server{q: q, index: i, name: name, known: map[*Script]bool{}, unfit: unseen, stateSince: settings.Clock.Now().Monotonic}
		s.watch.drift, s.watch.memory = settings.Drift, max(settings.MaxTTL, 10*time.Second)
		q.servers = append(q.servers, s)
	}
	return q
}

// Start begins to look at the servers. It is called on the loop, once.
func (q *Set) Start() { q.beat() }

// Close ends that. Calls under way are told by the Link, further ones are refused.
func (q *Set) Close() {
	q.ended = true
	if q.repair != nil {
		q.repair.end()
	}
	if q.timer != nil {
		q.timer.Stop()
	}
}

func (q *Set) beat() {
	if q.ended {
		return
	}
	q.timer = q.Clock.After(beat, q.beat)
	for _, s := range q.servers {
		s.beat()
	}
	q.mend()
}

// Connected tells that a connection to a server has been made.
func (q *Set) Connected(server int) {
	if s := q.servers[server]; !q.ended {
		s.beats = max(s.beats, 1) // a vote of before says nothing of now
		s.beat()
	}
}

// Changed tells that a connection has met another process than Expect asked for: the server
// was restarted, or is another one.
func (q *Set) Changed(server int) {
	if !q.ended {
		q.servers[server].changed()
	}
}

// Len implements Servers.
func (q *Set) Len() int { return len(q.servers) }

func (q *Set) majority() int { return len(q.servers)/2 + 1 }

// Persistent implements Servers.
func (q *Set) Persistent() bool { return q.Persistence != None }

// selfMade sets initialise themselves.
func (q *Set) selfMade() bool { return q.Persistence != FsyncAlways }

// quarantine is how long a server that may have lost locks casts no vote: longer than any
// lock lives on.
func (q *Set) quarantine() time.Duration {
	if q.Persistence == Embedded {
		return 0
	}
	return Quarantine(q.MaxTTL, q.Drift)
}

// Barred implements Servers.
func (q *Set) Barred(server int, kind Kind) string { return q.servers[server].barred(kind) }

// Missing implements Servers.
func (q *Set) Missing(kind Kind) string {
	can, without := 0, 0
	var reasons []string
	names := map[string][]string{} // of the servers, by reason
	for _, s := range q.servers {
		why := s.barred(kind)
		if why == "" {
			why = s.trouble // it may, but did not answer last
		}
		if why == "" {
			can++
		} else {
			if names[why] == nil {
				reasons = append(reasons, why)
			}
			names[why] = append(names[why], s.name)
		}
		if s.unfit == noIdentity {
			without++
		}
	}
	text := strconv.Itoa(can) + "/" + strconv.Itoa(q.Len()) + " servers of quorum " + strconv.Quote(q.Name) + " can vote"
	for i, why := range reasons {
		who := strings.Join(names[why], ", ")
		if len(names[why]) > 1 {
			who += ": each"
		}
		reasons[i] = who + " " + why
	}
	if len(reasons) > 0 {
		text += ": " + strings.Join(reasons, "; ")
	}
	if without >= q.majority() {
		text += "; run: ringmain quorum init " + q.Name
	}
	return text
}

// Refusal is the error for a command that finds no majority, without its '-'. Its first word
// is LOCKSET if there is none because proxies, or servers, do not agree on what the set is,
// else NOQUORUM.
func (q *Set) Refusal(kind Kind) string {
	apart, configured := 0, 0
	for _, s := range q.servers {
		if s.apart {
			configured++
		}
		if s.apart || q.set != "" && s.identity.Set != "" && s.identity.Set != q.set {
			apart++
		}
	}
	spare := q.Len() - q.majority()
	switch {
	case configured > spare:
		return "LOCKSET " + q.Missing(kind) + "; give all proxies the same configuration (ringmain quorum change has the servers go by a new one)"
	case apart > spare:
		return "LOCKSET " + q.Missing(kind)
	}
	return "NOQUORUM " + q.Missing(kind)
}

// Refusal is the text of the error for a command that finds no majority of a set's servers.
func Refusal(s Servers, kind Kind) string {
	if q, ok := s.(interface{ Refusal(Kind) string }); ok {
		return q.Refusal(kind)
	}
	return "NOQUORUM " + s.Missing(kind)
}

// settle finds out which set it is, from what the servers have shown.
func (q *Set) settle() {
	for _, s := range q.servers {
		same := 0
		for _, other := range q.servers {
			if s.identity.Set != "" && s.identity.Set == other.identity.Set {
				same++
			}
		}
		if q.set == "" && same >= q.majority() {
			q.set = s.identity.Set
		}
	}
}

// ask sends a command of the set's own. then gets the reply, or nil and why there is none;
// the bytes are valid during the call only.
func (q *Set) ask(server int, then func(reply []byte, failed string), args ...string) {
	q.Link.Send(server, resp.AppendCommand(nil, args...), &question{then: then})
}

type question struct {
	then func(reply []byte, failed string)
}

// Replied implements Receiver.
func (a *question) Replied(reply []byte) { a.then(reply, "") }

// Failed implements Receiver.
func (a *question) Failed(_ bool, reason string) { a.then(nil, reason) }
