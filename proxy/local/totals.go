package local

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"ringmain/resp"
)

// Totals are sums over what servers say of themselves in INFO. One goroutine uses
// it.
type Totals struct {
	database  string // the line of Keyspace that counts, as "db0"
	answering int
	missing   []string // names of servers that did not answer

	sums          map[string]int64
	keys, expires int64
	ttl           float64 // average times keys that expire
}

// NewTotals begins with no server. database names the line of Keyspace that
// counts, as "db0".
func NewTotals(database string) *Totals {
	return &Totals{database: database, sums: map[string]int64{}}
}

// summed are the fields of INFO that are added up.
var summed = map[string]bool{
	"used_memory": true, "used_memory_rss": true, "maxmemory": true, "instantaneous_ops_per_sec": true,
	"expired_keys": true, "evicted_keys": true, "keyspace_hits": true, "keyspace_misses": true,
}

// Add adds the server of that name, with its reply to INFO in pieces; one that has
// none, or not of INFO's type, is counted as missing.
func (t *Totals) Add(server string, reply [][]byte) {
	text, ok := resp.Bulk(bytes.Join(reply, nil))
	if !ok {
		t.missing = append(t.missing, server)
		return
	}
	t.answering++
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if summed[name] {
			t.sums[name] = add(t.sums[name], number(value))
		}
		if name == t.database {
			t.addKeyspace(value)
		}
	}
}

// addKeyspace adds a line such as keys=1,expires=0,avg_ttl=0.
func (t *Totals) addKeyspace(value string) {
	fields := map[string]int64{}
	for pair := range strings.SplitSeq(value, ",") {
		name, v, _ := strings.Cut(pair, "=")
		fields[name] = number(v)
	}
	t.keys = add(t.keys, fields["keys"])
	t.expires = add(t.expires, fields["expires"])
	t.ttl += float64(fields["avg_ttl"]) * float64(fields["expires"])
}

func (t *Totals) averageTTL() int64 {
	if t.expires == 0 {
		return 0
	}
	return int64(min(t.ttl/float64(t.expires), math.MaxInt32*1000))
}

// number reads a count; what is none, or negative, is 0.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// add adds counts, at most to the largest number.
func add(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}
