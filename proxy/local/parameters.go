package local

import (
	"bytes"
	"fmt"
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
		"appendonly":             "no",
		"cluster-enabled":        "no",
		"latency-tracking":       "no",
		"maxmemory":              "0",
		"maxmemory-policy":       "noeviction",
		"notify-keyspace-events": "",
		"proto-max-bulk-len":     strconv.Itoa(resp.MaxBulk),
		"save":                   "",
	}
}

// parameters are what CONFIG GET gives now.
func (a *Answers) parameters(c *Call) Parameters {
	all := Parameters{"databases": strconv.Itoa(c.Session.Databases())}
	maps.Copy(all, a.Parameters)
	for name, p := range settable {
		all[name] = strconv.FormatInt(a.Records.get(p.setting), 10)
	}
	return all
}

// configGet is CONFIG GET pattern [pattern …].
func configGet(a *Answers, c *Call) {
	all := a.parameters(c)
	found := map[string]string{}
	for _, pattern := range c.Args[2:] {
		if len(pattern) > maxPattern { // no name is as long
			continue
		}
		if !bytes.ContainsAny(pattern, "[*?") { // a name, which comes back as it was written
			if value, ok := all[strings.ToLower(string(pattern))]; ok {
				found[string(pattern)] = value
			}
			continue
		}
		for name, value := range all {
			if command.MatchGlob(pattern, []byte(name), true) {
				found[name] = value
			}
		}
	}
	c.mapping(len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		c.bulk(name)
		c.bulk(found[name])
	}
}

// configSet is CONFIG SET parameter value [parameter value …]: all of them, or none.
// What cannot be changed may be set to what it is.
func configSet(a *Answers, c *Call) {
	pairs := c.Args[2:]
	if len(pairs)%2 != 0 {
		c.fail(resp.TextSyntax)
		return
	}
	all := a.parameters(c)
	refused, why := []byte(nil), ""
	seen := map[string]bool{}
	for i := 0; i < len(pairs); i += 2 {
		name := strings.ToLower(string(pairs[i]))
		value, known := all[name]
		_, may := settable[name]
		switch {
		case why != "":
		case !known:
			c.Out = resp.AppendQuotedError(c.Out, "ERR Unknown option or number of arguments for CONFIG SET - '", pairs[i], "'")
			return
		case !may && value != string(pairs[i+1]):
			refused, why = pairs[i], "can't set immutable config"
		case seen[name]:
			refused, why = pairs[i], "duplicate parameter"
		}
		seen[name] = true
	}
	values := map[setting]int64{}
	for i := 0; i < len(pairs) && why == ""; i += 2 {
		p, may := settable[strings.ToLower(string(pairs[i]))]
		if !may {
			continue
		}
		n, ok := resp.ParseInteger(pairs[i+1])
		switch {
		case !ok:
			refused, why = pairs[i], "argument couldn't be parsed into an integer"
		case n < p.least || n > p.most:
			refused, why = pairs[i], fmt.Sprintf("argument must be between %d and %d inclusive", p.least, p.most)
		}
		values[p.setting] = n
	}
	if why != "" {
		c.Out = resp.AppendQuotedError(c.Out, "ERR CONFIG SET failed (possibly related to argument '", refused, "') - "+why)
		return
	}
	a.Records.set(values)
	c.Set = true
	c.ok()
}
