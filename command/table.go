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
	{"bitmap", bitmapRows},
	{"cluster", clusterRows},
	{"connection", connectionRows},
	{"generic", genericRows},
	{"geo", geoRows},
	{"hash", hashRows},
	{"hyperloglog", hyperloglogRows},
	{"list", listRows},
	{"pubsub", pubsubRows},
	{"scripting", scriptingRows},
	{"server", serverRows},
	{"set", setRows},
	{"sorted-set", sortedSetRows},
	{"stream", streamRows},
	{"string", stringRows},
	{"transactions", transactionsRows},
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
