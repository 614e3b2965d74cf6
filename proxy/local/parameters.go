package local

import (
	"slices"
	"strconv"

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
	var names []string
	for name := range a.Parameters {
		if slices.ContainsFunc(c.Args[2:], func(pattern []byte) bool {
			return command.MatchGlob(pattern, []byte(name), true)
		}) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	c.Out = resp.AppendMap(c.Out, c.Client.Protocol, len(names))
	for _, name := range names {
		c.bulk(name)
		c.bulk(a.Parameters[name])
	}
}
