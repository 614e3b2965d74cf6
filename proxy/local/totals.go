package local

import (
	"bytes"
	"cmp"
	"math"
	"strconv"
	"strings"

	"ringmain/resp"
)

// Totals are sums over what servers say of themselves in INFO. One goroutine uses
// it.
type Totals struct {
	own       int // see NewTotals
	refuge    int
	answering int
	missing   []string // names of servers that did not answer

	sums      map[string]int64
	words     map[string]string // "" where servers differ
	keyspaces map[int]*keyspace // by the number that clients know
}

// keyspace sums up one database.
type keyspace struct {
	keys, expires int64
	ttl           float64 // average times keys that expire
}

// NewTotals begins with no server. own is the pool's own database, which clients see as
// number 0, and no other; or 0 if they see all there are. refuge is the database in which
// servers keep keys of others, of which clients see neither the number nor any behind it; 0:
// there is none.
func NewTotals(own, refuge int) *Totals {
	return &Totals{own: own, refuge: refuge, sums: map[string]int64{}, words: map[string]string{}, keyspaces: map[int]*keyspace{}}
}

// summed are the fields of INFO that are added up.
var summed = map[string]bool{
	"used_memory": true, "used_memory_rss": true, "used_memory_peak": true, "used_memory_dataset": true, "maxmemory": true,
	"instantaneous_ops_per_sec": true, "expired_keys": true, "evicted_keys": true, "keyspace_hits": true, "keyspace_misses": true,
}

// Add adds the server of that name, with its reply to INFO in pieces; one that has
// none, or not of INFO's type, is counted as missing. refuge says that the server's is used.
func (t *Totals) Add(server string, reply [][]byte, refuge bool) {
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
		if name == "maxmemory_policy" {
			if before, ok := t.words[name]; ok && before != value {
				value = ""
			}
			t.words[name] = value
		}
		if digits, ok := strings.CutPrefix(name, "db"); ok {
			t.addKeyspace(digits, value, refuge)
		}
	}
}

// agreed is the value of a field of which all servers have the same one, else mixed.
func (t *Totals) agreed(name string) string { return cmp.Or(t.words[name], "mixed") }

// maxDatabases bounds the databases that are told of.
const maxDatabases = 1 << 12

// addKeyspace adds a line such as db0:keys=1,expires=0,avg_ttl=0.
func (t *Totals) addKeyspace(digits, value string, refuge bool) {
	n, err := strconv.Atoi(digits)
	markers := int64(0)
	switch {
	case err != nil || n < 0 || t.own != 0 && n != t.own:
		return
	case t.own != 0:
		n = 0
	case t.refuge == 0 || n < t.refuge:
	case n > t.refuge || !refuge:
		return
	default:
		n, markers = 0, 1 // that every refuge has, see proxy.Marker
	}
	k := t.keyspaces[n]
	if k == nil {
		if len(t.keyspaces) == maxDatabases {
			return
		}
		k = &keyspace{}
		t.keyspaces[n] = k
	}
	fields := map[string]int64{}
	for pair := range strings.SplitSeq(value, ",") {
		name, v, _ := strings.Cut(pair, "=")
		fields[name] = number(v)
	}
	k.keys = add(k.keys, max(0, fields["keys"]-markers))
	k.expires = add(k.expires, fields["expires"])
	k.ttl += float64(fields["avg_ttl"]) * float64(fields["expires"])
}

func (k *keyspace) averageTTL() int64 {
	if k.expires == 0 {
		return 0
	}
	return int64(min(k.ttl/float64(k.expires), math.MaxInt32*1000))
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
