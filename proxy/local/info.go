package local

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"ringmain/resp"
)

// section is a part of INFO.
type section struct {
	name string
	// text has its lines; t is nil unless servers is set.
	text func(a *Answers, t *Totals) string
	// servers: it needs the servers' totals.
	servers bool
}

// sections are those of INFO, in the order Redis gives them.
var sections = []section{
	{"Server", (*Answers).serverSection, false},
	{"Clients", (*Answers).clientsSection, false},
	{"Memory", (*Answers).memorySection, true},
	{"Persistence", (*Answers).persistenceSection, false},
	{"Stats", (*Answers).statsSection, true},
	{"Replication", (*Answers).replicationSection, false},
	{"Cluster", (*Answers).clusterSection, false},
	{"Servers", (*Answers).serversSection, true},
	{"Keyspace", (*Answers).keyspaceSection, true},
}

// wanted reports whether a section is among those asked for, in any case.
func (s *section) wanted(asked []string) bool {
	return len(asked) == 0 || slices.ContainsFunc(asked, func(name string) bool {
		return strings.EqualFold(name, s.name) || strings.EqualFold(name, "default") ||
			strings.EqualFold(name, "all") || strings.EqualFold(name, "everything")
	})
}

// InfoNeedsServers reports whether INFO with these sections (none: the default)
// needs to ask the servers.
func InfoNeedsServers(asked []string) bool {
	return slices.ContainsFunc(sections, func(s section) bool { return s.servers && s.wanted(asked) })
}

// InfoOfTenant are those of the sections asked for (none: the default) that tell nothing
// of what is on the servers, where others' keys are.
func InfoOfTenant(asked []string) []string {
	own := []string{""} // not the default
	for i := range sections {
		if s := &sections[i]; !s.servers && s.wanted(asked) {
			own = append(own, s.name)
		}
	}
	return own
}

// AppendInfo appends the reply to INFO. t may be nil if no server had to be asked.
func (a *Answers) AppendInfo(dst []byte, protocol int, asked []string, t *Totals) []byte {
	var out strings.Builder
	for i := range sections {
		s := &sections[i]
		if !s.wanted(asked) {
			continue
		}
		if out.Len() > 0 {
			out.WriteString("\r\n")
		}
		out.WriteString("# " + s.name + "\r\n")
		out.WriteString(s.text(a, t))
	}
	return resp.AppendVerbatim(dst, protocol, out.String())
}

func (a *Answers) serverSection(*Totals) string {
	uptime := int64(a.Now().Sub(a.Started).Seconds())
	return fmt.Sprintf("redis_version:%s\r\nredis_mode:standalone\r\nringmain_version:%s\r\nos:%s\r\n"+
		"arch_bits:%d\r\nprocess_id:%d\r\nrun_id:%s\r\ntcp_port:%d\r\nuptime_in_seconds:%d\r\n"+
		"uptime_in_days:%d\r\n", a.RedisVersion(), a.Version, runtime.GOOS, strconv.IntSize, os.Getpid(),
		a.Incarnation, a.Port, uptime, uptime/86400)
}

func (a *Answers) clientsSection(*Totals) string {
	return fmt.Sprintf("connected_clients:%d\r\nmaxclients:%s\r\nblocked_clients:0\r\n", a.Clients(), a.Parameters["maxclients"])
}

// memorySection gives the servers' memory, which holds the data, and the proxy's
// beside it.
func (a *Answers) memorySection(t *Totals) string {
	return fmt.Sprintf("used_memory:%d\r\nused_memory_human:%s\r\nused_memory_rss:%d\r\nmaxmemory:%d\r\nringmain_buffers:%d\r\n",
		t.sums["used_memory"], human(t.sums["used_memory"]), t.sums["used_memory_rss"], t.sums["maxmemory"], a.Memory())
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

func (a *Answers) persistenceSection(*Totals) string { return "loading:0\r\n" }

func (a *Answers) statsSection(t *Totals) string {
	text := fmt.Sprintf("total_connections_received:%d\r\ntotal_commands_processed:%d\r\n", a.Connections(), a.Commands())
	for _, name := range []string{"instantaneous_ops_per_sec", "expired_keys", "evicted_keys", "keyspace_hits", "keyspace_misses"} {
		text += name + ":" + strconv.FormatInt(t.sums[name], 10) + "\r\n"
	}
	return text
}

func (a *Answers) replicationSection(*Totals) string { return "role:master\r\nconnected_slaves:0\r\n" }
func (a *Answers) clusterSection(*Totals) string     { return "cluster_enabled:0\r\n" }

// serversSection says over how many servers the sums are: without one that did
// not answer they are too small.
func (a *Answers) serversSection(t *Totals) string {
	return fmt.Sprintf("servers:%d\r\nservers_answering:%d\r\nservers_not_answering:%s\r\n",
		t.answering+len(t.missing), t.answering, strings.Join(t.missing, ","))
}

func (a *Answers) keyspaceSection(t *Totals) string {
	if t.keys == 0 {
		return ""
	}
	return fmt.Sprintf("db0:keys=%d,expires=%d,avg_ttl=%d\r\n", t.keys, t.expires, t.averageTTL())
}
