package app

import (
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/mod/semver"

	"ringmain/backend"
	"ringmain/config"
	"ringmain/embedded"
	"ringmain/proxy/local"
	"ringmain/router"
)

// servers are the pools as the data path needs them.
type servers struct {
	snapshot *router.Snapshot
	options  []*backend.Options // by the server's index in the snapshot
	// preconnect are the places to connect to at once.
	preconnect []router.Place
}

// buildServers places the pools' servers, starting the embedded ones.
func (a *App) buildServers() (*servers, error) {
	var pools []router.Pool
	for name, p := range a.cfg.Pools {
		nodes, err := a.nodes(p)
		if err != nil {
			return nil, fmt.Errorf("pool %q: %w", name, err)
		}
		pool := router.Pool{Name: name, HashTag: p.HashTag}
		for _, n := range nodes {
			pool.Servers = append(pool.Servers, router.Server{Name: n.Name, Address: n.Address, Weight: n.Weight})
		}
		pools = append(pools, pool)
	}
	snapshot, err := router.New(1, pools, nil)
	if err != nil {
		return nil, err
	}
	s := &servers{snapshot: snapshot}
	for i, server := range snapshot.Servers {
		s.options = append(s.options, a.serverOptions(server, a.cfg.Pools[server.Pool]))
		s.preconnect = append(s.preconnect, router.Place{Server: int32(i)})
	}
	return s, nil
}

// nodes are a pool's servers; embedded ones are started.
func (a *App) nodes(p *config.Pool) ([]config.Node, error) {
	if p.Embedded == 0 {
		return p.Nodes, nil
	}
	running, err := embedded.Start(p.Embedded, a.log)
	if err != nil {
		return nil, err
	}
	a.onStop(running.Close)
	a.log.Warn("embedded servers are for trying Ringmain out: what they hold is gone when it stops",
		"servers", p.Embedded)
	var nodes []config.Node
	for i, address := range running.Addrs() {
		nodes = append(nodes, config.Node{Name: fmt.Sprintf("embedded-%d", i+1), Address: address, Weight: 1})
	}
	return nodes, nil
}

// redisVersion is the lowest version among the servers that have told theirs.
func (s *servers) redisVersion() string {
	lowest := ""
	for _, opt := range s.options {
		if v := opt.Learned.Version(); v != "" && (lowest == "" || semver.Compare("v"+v, "v"+lowest) < 0) {
			lowest = v
		}
	}
	if lowest == "" {
		return local.RedisVersion
	}
	return lowest
}

func (a *App) serverOptions(server router.Server, p *config.Pool) *backend.Options {
	return &backend.Options{
		Pool: server.Pool, Name: server.Name, Address: server.Address,
		Connect: time.Duration(p.Timeouts.Connect), Request: time.Duration(p.Timeouts.Request), Slow: time.Duration(p.Timeouts.Slow),
		Username: p.Auth.Username, Password: p.Auth.Password.Reveal(),
		ClientName: "ringmain-" + a.incarnation,
		Queue:      int(a.cfg.Limits.NodeQueue) / a.cfg.Loops, // each loop has its part
		Learned:    &backend.Facts{}, Fence: &backend.Fence{}, Rand: rand.Float64, Log: a.log,
	}
}
