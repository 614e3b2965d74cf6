package command

import (
	"slices"
	"strings"
)

// groups are the rows, by the group that Redis's documentation puts them in. They
// stand in files of their own.
var groups = []struct {
	name string
	rows []Command
}{
	{"array", arrayRows},
	{"bitmap", bitmapRows},
	{"bloom-filter", bloomFilterRows},
	{"cluster", clusterRows},
	{"connection", connectionRows},
	{"count-min-sketch", countMinSketchRows},
	{"cuckoo-filter", cuckooFilterRows},
	{"generic", genericRows},
	{"geo", geoRows},
	{"hash", hashRows},
	{"hyperloglog", hyperloglogRows},
	{"json", jsonRows},
	{"list", listRows},
	{"lock", lockRows},
	{"pubsub", pubsubRows},
	{"rate-limit", rateLimitRows},
	{"scripting", scriptingRows},
	{"search", searchRows},
	{"server", serverRows},
	{"set", setRows},
	{"sorted-set", sortedSetRows},
	{"stream", streamRows},
	{"string", stringRows},
	{"suggestion", suggestionRows},
	{"t-digest", tDigestRows},
	{"time-series", timeSeriesRows},
	{"top-k", topKRows},
	{"transactions", transactionsRows},
	{"vector-set", vectorSetRows},
}

// table holds all rows, sorted by Name. A subcommand comes after its container.
var table = func() []Command {
	var all []Command
	for _, g := range groups {
		for _, c := range g.rows {
			c.Group = g.name
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Command) int { return strings.Compare(a.Name, b.Name) })
	return all
}()
