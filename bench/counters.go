package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ringmain/internal/redistest"
)

// Names of the sides that count.
const (
	countersSide = "counters"
	plainSide    = "plain, no AOF"
	durableSide  = "plain, fsync always"
)

// counterLoad is INCR by redis-benchmark.
type counterLoad struct {
	addr     string
	clients  int
	pipeline int
	keys     int
	rps      float64 // of the last run, to know how many commands the next one takes
}

// counterPrefix begins the names of all keys that are counted, also plain ones.
const counterPrefix = "counter:"

func (l *counterLoad) run(ctx context.Context, within time.Duration) (sample, int, error) {
	if l.rps == 0 {
		l.rps = 10000 // the warming up is for finding out
	}
	n := max(int(l.rps*within.Seconds()), l.clients*l.pipeline)
	before, err := l.total()
	if err != nil {
		return sample{}, 0, err
	}
	key := counterPrefix + "hot"
	if l.keys > 1 {
		key = counterPrefix + "__rand_int__"
	}
	s, err := redisBenchmark(ctx, l.addr, "-n", strconv.Itoa(n), "-c", strconv.Itoa(l.clients), "-P", strconv.Itoa(l.pipeline),
		"-r", strconv.Itoa(l.keys), "INCR", key)
	if err != nil {
		return sample{}, 0, err
	}
	l.rps = s.rps
	after, err := l.total()
	if err != nil {
		return sample{}, 0, err
	}
	// It ends with whole batches, so that each client may have sent a few more.
	if grown := after - before; grown < int64(n) || grown > int64(n+2*l.clients*l.pipeline) {
		return sample{}, 0, fmt.Errorf("%d increments of %d keys made their sum grow by %d", n, l.keys, grown)
	}
	return s, n, nil
}

// total is the sum of the counters.
func (l *counterLoad) total() (int64, error) {
	c, err := redistest.Dial(l.addr, runLimit)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	names := []string{counterPrefix + "hot"}
	if l.keys > 1 {
		names = nil
		for i := range l.keys {
			names = append(names, fmt.Sprintf("%s%012d", counterPrefix, i))
		}
	}
	for _, name := range names {
		if err := c.Send("GET", name); err != nil {
			return 0, err
		}
	}
	if err := c.Flush(); err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, name := range names {
		v, err := c.Receive()
		if err != nil {
			return 0, fmt.Errorf("GET %s: %w", name, err)
		}
		if v == nil {
			continue
		}
		n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("GET %s: %w", name, err)
		}
		sum += n
	}
	return sum, nil
}

// counterDuels are counters beside plain INCR, all through Ringmain.
func (q *quorumFleet) counterDuels() []*duel {
	var all []*duel
	for _, load := range []struct {
		name           string
		pipeline, keys int
	}{
		{hotP1, 1, 1}, {hotP16, 16, 1}, {thousandKeys, 1, 1000},
	} {
		on := func(name string, proxy *redistest.Server, servers ...*redistest.Server) side {
			l := &counterLoad{addr: proxy.Addr(), clients: manyClients, pipeline: load.pipeline, keys: load.keys}
			return side{name: name, run: l.run, proxies: []*redistest.Server{proxy}, servers: servers}
		}
		all = append(all, &duel{name: load.name, clients: manyClients, pipeline: load.pipeline, sides: []side{
			on(plainSide, q.plainProxy, q.plain),
			on(durableSide, q.durableProxy, q.durable),
			on(countersSide, q.proxy, q.members...),
		}})
	}
	return all
}
