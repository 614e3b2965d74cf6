package local

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringmain/command"
	"ringmain/resp"
)

// section is a part of INFO.
type section struct {
	name string
	// text has its lines.
	text func(a *Answers, v *View) string
	needs
}

// needs are what a section is made of, and who is given it.
type needs uint8

const (
	servers needs = 1 << iota // View.Totals
	loops                     // View.Counts
	asked                     // it is not in the default
	others                    // it tells of others' keys or commands
)

// View is what INFO is made of, beside what the proxy always knows.
type View struct {
	Counts  *Counts       // nil unless a section needs the loops
	Totals  *Totals       // nil unless one needs the servers
	Servers []ServerState // of all pools
	// Channels, Patterns and ShardChannels are what the proxy's clients listen to.
	Channels, Patterns, ShardChannels int
}

// ServerState is how a server stands with the loop that tells.
type ServerState struct {
	Index      int // in what Verdicts gives
	Pool, Name string
	Replica    bool
	Address    string // "": that is not known
	Down       bool
	Version    string // "" as long as it has not told
	InFlight   int    // requests that await their replies
}

// sections are those of INFO, in the order Redis gives them.
var sections = []section{
	{"Server", (*Answers).serverSection, 0},
	{"Clients", (*Answers).clientsSection, loops},
	{"Memory", (*Answers).memorySection, servers | others},
	{"Persistence", (*Answers).persistenceSection, 0},
	{"Stats", (*Answers).statsSection, servers | loops | others},
	{"Replication", (*Answers).replicationSection, 0},
	{"Modules", (*Answers).nothingSection, 0},
	{"Commandstats", (*Answers).commandsSection, loops | asked | others},
	{"Errorstats", (*Answers).errorsSection, loops | others},
	{"Cluster", (*Answers).clusterSection, 0},
	{"Pools", (*Answers).poolsSection, others},
	{"Servers", (*Answers).serversSection, servers | others},
	{"Keyspace", (*Answers).keyspaceSection, servers | others},
}

// wanted reports whether a section is among those asked for, in any case.
func (s *section) wanted(names []string) bool {
	if len(names) == 0 {
		return s.needs&asked == 0
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, s.name) || strings.EqualFold(name, "default") && s.needs&asked == 0 ||
			strings.EqualFold(name, "all") || strings.EqualFold(name, "everything")
	})
}

// InfoNeeds reports whether INFO with these sections (none: the default) needs to ask the
// servers, and the loops.
func InfoNeeds(names []string) (ofServers, ofLoops bool) {
	for i := range sections {
		if s := &sections[i]; s.wanted(names) {
			ofServers = ofServers || s.needs&servers != 0
			ofLoops = ofLoops || s.needs&loops != 0
		}
	}
	return ofServers, ofLoops
}

// InfoOfTenant are those of the sections asked for (none: the default) that tell nothing
// of what is on the servers, where others' keys are, nor of others' commands.
func InfoOfTenant(names []string) []string {
	own := []string{""} // not the default
	for i := range sections {
		if s := &sections[i]; s.needs&others == 0 && s.wanted(names) {
			own = append(own, s.name)
		}
	}
	return own
}

// AppendInfo appends the reply to INFO.
func (a *Answers) AppendInfo(dst []byte, protocol int, names []string, v *View) []byte {
	var out strings.Builder
	for i := range sections {
		s := &sections[i]
		if !s.wanted(names) {
			continue
		}
		if out.Len() > 0 {
			out.WriteString("\r\n")
		}
		out.WriteString("# " + s.name + "\r\n")
		out.WriteString(s.text(a, v))
	}
	return resp.AppendVerbatim(dst, protocol, out.String())
}

func (a *Answers) serverSection(*View) string {
	now := a.Now()
	uptime := int64(now.Sub(a.Started).Seconds())
	return fmt.Sprintf("redis_version:%s\r\nredis_mode:standalone\r\nringmain_version:%s\r\nos:%s %s\r\n"+
		"arch_bits:%d\r\nprocess_id:%d\r\nrun_id:%s\r\ntcp_port:%d\r\nserver_time_usec:%d\r\nuptime_in_seconds:%d\r\n"+
		"uptime_in_days:%d\r\n", a.RedisVersion(), a.Version, runtime.GOOS, runtime.GOARCH, strconv.IntSize, os.Getpid(),
		a.Incarnation, a.Port, now.UnixMicro(), uptime, uptime/86400)
}

func (a *Answers) clientsSection(v *View) string {
	return fmt.Sprintf("connected_clients:%d\r\ncluster_connections:0\r\nmaxclients:%s\r\nblocked_clients:%d\r\ntracking_clients:%d\r\n",
		a.Clients(), a.Parameters["maxclients"], v.Counts.Blocked, v.Counts.Tracking)
}

// memorySection gives the servers' memory, which holds the data, and the proxy's
// beside it.
func (a *Answers) memorySection(v *View) string {
	var text strings.Builder
	for _, name := range []string{"used_memory", "used_memory_rss", "used_memory_peak", "used_memory_dataset", "maxmemory"} {
		fmt.Fprintf(&text, "%s:%d\r\n", name, v.Totals.sums[name])
		if name != "used_memory_dataset" {
			fmt.Fprintf(&text, "%s_human:%s\r\n", name, human(v.Totals.sums[name]))
		}
	}
	ratio := 0.0
	if used := v.Totals.sums["used_memory"]; used > 0 {
		ratio = float64(v.Totals.sums["used_memory_rss"]) / float64(used)
	}
	fmt.Fprintf(&text, "maxmemory_policy:%s\r\nmem_fragmentation_ratio:%.2f\r\nringmain_buffers:%d\r\n", v.Totals.agreed("maxmemory_policy"), ratio, a.Memory())
	return text.String()
}

// human is a size as Redis shows it to people.
func human(n int64) string {
	units, v := "BKMGTP", float64(n)
	for v >= 1024 && len(units) > 1 {
		v /= 1024
		units = units[1:]
	}
	if units[0] == 'B' {
		return strconv.FormatInt(n, 10) + "B"
	}
	return fmt.Sprintf("%.2f%c", v, units[0])
}

// persistenceSection is of the proxy, which is ready as soon as it is there: clients
// wait for that, also while one server of many loads its data.
func (a *Answers) persistenceSection(*View) string { return "loading:0\r\nasync_loading:0\r\n" }

func (a *Answers) statsSection(v *View) string {
	connections, commands := a.Records.sinceReset(a.Connections(), a.Commands())
	text := fmt.Sprintf("total_connections_received:%d\r\ntotal_commands_processed:%d\r\ntotal_net_input_bytes:%d\r\n"+
		"total_net_output_bytes:%d\r\ntotal_error_replies:%d\r\n", connections, commands, v.Counts.Received, v.Counts.Sent, v.Counts.errors())
	for _, name := range []string{"instantaneous_ops_per_sec", "expired_keys", "evicted_keys", "keyspace_hits", "keyspace_misses"} {
		text += name + ":" + strconv.FormatInt(v.Totals.sums[name], 10) + "\r\n"
	}
	return text + fmt.Sprintf("pubsub_channels:%d\r\npubsub_patterns:%d\r\npubsubshard_channels:%d\r\n", v.Channels, v.Patterns, v.ShardChannels)
}

func (a *Answers) replicationSection(*View) string {
	return "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:" + a.Incarnation + "\r\nmaster_repl_offset:0\r\n"
}

func (a *Answers) clusterSection(*View) string { return "cluster_enabled:0\r\n" }
func (a *Answers) nothingSection(*View) string { return "" }

func (a *Answers) commandsSection(v *View) string {
	var text strings.Builder
	each := func(cmd *command.Command) {
		n := &v.Counts.Commands[cmd.ID()]
		if n.Calls == 0 && n.Rejected == 0 {
			return
		}
		micros := n.Spent.Microseconds()
		fmt.Fprintf(&text, "cmdstat_%s:calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d\r\n",
			cmd.Name, n.Calls, micros, float64(micros)/float64(max(1, n.Calls)), n.Rejected, n.Failed)
	}
	for cmd := range command.All() {
		each(cmd)
		for sub := range cmd.Subcommands() {
			each(sub)
		}
	}
	return text.String()
}

func (a *Answers) errorsSection(v *View) string {
	var text strings.Builder
	for _, word := range slices.Sorted(maps.Keys(v.Counts.Errors)) {
		fmt.Fprintf(&text, "errorstat_%s:count=%d\r\n", word, v.Counts.Errors[word])
	}
	return text.String()
}

func (a *Answers) poolsSection(v *View) string {
	var text strings.Builder
	for i, n := 0, 0; i < len(v.Servers); n++ { // a pool's servers stand together
		from, up := i, 0
		if v.Servers[from].Replica { // they stand behind all servers
			break
		}
		for ; i < len(v.Servers) && v.Servers[i].Pool == v.Servers[from].Pool && !v.Servers[i].Replica; i++ {
			if !v.Servers[i].Down {
				up++
			}
		}
		fmt.Fprintf(&text, "pool%d:name=%s,servers=%d,up=%d\r\n", n, v.Servers[from].Pool, i-from, up)
	}
	return text.String()
}

// Verdict is what the health checks have found of a server.
type Verdict struct {
	Down   bool
	State  string // the word for that
	Since  time.Time
	Reason string // why it changed last, for people
}

func (v *Verdict) fields() string {
	return fmt.Sprintf(",since=%d,reason=%s", v.Since.Unix(), strings.NewReplacer("\r", " ", "\n", " ").Replace(v.Reason))
}

// serversSection says over how many servers the sums are: without one that did
// not answer they are too small. It then lists the servers of all pools.
func (a *Answers) serversSection(v *View) string {
	t := v.Totals
	var text strings.Builder
	fmt.Fprintf(&text, "servers:%d\r\nservers_answering:%d\r\nservers_not_answering:%s\r\n",
		t.answering+len(t.missing), t.answering, strings.Join(t.missing, ","))
	var verdicts []Verdict
	if a.Verdicts != nil {
		verdicts = a.Verdicts()
	}
	for i, s := range v.Servers {
		state, judged := "up", ""
		if s.Down {
			state = "down"
		}
		switch {
		case s.Index >= len(verdicts):
		case s.Down && !verdicts[s.Index].Down:
			judged = ",reason=connections to it fail" // a verdict may follow
		default:
			judged = verdicts[s.Index].fields()
			if verdicts[s.Index].Down {
				state = verdicts[s.Index].State
			}
		}
		fmt.Fprintf(&text, "server%d:name=%s,pool=%s,state=%s,version=%s,address=%s,in_flight=%d%s\r\n", i, s.Name, s.Pool, state, s.Version, s.Address, s.InFlight, judged)
	}
	return text.String()
}

func (a *Answers) keyspaceSection(v *View) string {
	var text strings.Builder
	for _, number := range slices.Sorted(maps.Keys(v.Totals.keyspaces)) {
		k := v.Totals.keyspaces[number]
		if k.keys > 0 {
			fmt.Fprintf(&text, "db%d:keys=%d,expires=%d,avg_ttl=%d\r\n", number, k.keys, k.expires, k.averageTTL())
		}
	}
	return text.String()
}
