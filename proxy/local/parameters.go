package local

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ringmain/command"
	"ringmain/resp"
)

// Parameters are what CONFIG GET gives: a Redis's names for what the proxy is set
// to, and for a few things that clients look at before they begin.
type Parameters map[string]string

// DefaultParameters are those that do not depend on the configuration. The proxy
// keeps nothing, and evicts nothing.
func DefaultParameters() Parameters {
	return Parameters{
		"appendonly":              "no",
		"cluster-enabled":         "no",
		"databases":               "1",
		"maxmemory":               "0",
		"maxmemory-policy":        "noeviction",
		"notify-keyspace-events":  "",
		"proto-max-bulk-len":      strconv.Itoa(resp.MaxBulk),
		"save":                    "",
		"slowlog-log-slower-than": "-1",
		"slowlog-max-len":         "0",
	}
}

// configGet is CONFIG GET pattern [pattern …].
func configGet(a *Answers, c *Call) {
	found := map[string]string{}
	for _, pattern := range c.Args[2:] {
		if len(pattern) > maxPattern { // no name is as long
			continue
		}
		if !bytes.ContainsAny(pattern, "[*?") { // a name, which comes back as it was written
			if value, ok := a.Parameters[strings.ToLower(string(pattern))]; ok {
				found[string(pattern)] = value
			}
			continue
		}
		for name, value := range a.Parameters {
			if command.MatchGlob(pattern, []byte(name), true) {
				found[name] = value
			}
		}
	}
	c.Out = resp.AppendMap(c.Out, c.Client.Protocol, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		c.bulk(name)
		c.bulk(found[name])
	}
}
