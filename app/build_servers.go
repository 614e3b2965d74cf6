package app

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/mod/semver"

	"ringmain/backend"
	"ringmain/config"
	"ringmain/discovery"
	"ringmain/embedded"
	"ringmain/ioloop"
	"ringmain/proxy/local"
	"ringmain/router"
)

// servers are the pools as the data path needs them.
type servers struct {
	snapshot *router.Snapshot
	// all are the snapshot's servers, and behind them the replicas that answer reads.
	all     []router.Server
	options []*backend.Options // one for each
	readers [][]int32          // see proxy.Config
	// preconnect are the places to connect to at once.
	preconnect []router.Place
	secrets    map[string]*certificates // by pool, of those with TLS
	// found are those who find out where the servers are, by pool, where that is not in
	// the configuration.
	found map[string]*discovery.Watcher
	// names are those who look names up, by pool, where all their addresses are the servers.
	names map[string]*names
}

// buildServers places the pools' servers, starting the embedded ones.
func (a *App) buildServers() (*servers, error) {
	pools, routes := Placement(a.cfg)
	for i := range pools {
		if a.cfg.Pools[pools[i].Name].Embedded > 0 {
			if err := a.startEmbedded(&pools[i]); err != nil {
				return nil, fmt.Errorf("pool %q: %w", pools[i].Name, err)
			}
		}
	}
	snapshot, err := router.New(1, pools, routes)
	if err != nil {
		return nil, err
	}
	s := &servers{snapshot: snapshot, secrets: map[string]*certificates{}, found: map[string]*discovery.Watcher{}, names: map[string]*names{}}
	for name, p := range a.cfg.Pools {
		if p.Secure.On {
			if s.secrets[name], err = newCertificates("pools."+name+".tls", p.Secure.Files(), a.log, forServers); err != nil {
				return nil, err
			}
		}
	}
	if err := a.buildNames(s); err != nil {
		return nil, err
	}
	a.addReplicas(s)
	for i, server := range s.all {
		p := a.cfg.Pools[server.Pool]
		opt := a.serverOptions(server, p)
		if n := s.names[server.Pool]; n != nil {
			opt.Absent = n.Unknown()
		}
		if c := s.secrets[server.Pool]; c != nil {
			opt.Dial = dialTLS(c, &p.Secure)
		}
		s.options = append(s.options, opt)
		if p.Preconnect {
			s.preconnect = append(s.preconnect, router.Place{Server: int32(i), Database: int32(p.Database)})
		}
	}
	a.buildDiscovery(s)
	return s, nil
}

// startEmbedded starts a pool's servers in this process.
func (a *App) startEmbedded(pool *router.Pool) error {
	running, err := embedded.Start(len(pool.Servers), a.log)
	if err != nil {
		return err
	}
	a.onStop(running.Close)
	for i, address := range running.Addrs() {
		pool.Servers[i].Address = address
	}
	return nil
}

// likely is how many servers there are to be about: where names tell, they may become twice as
// many.
func (s *servers) likely() int {
	n := len(s.all)
	for _, names := range s.names {
		n += 2*max(1, len(names.Addresses())) - discovery.MaxAddresses
	}
	return n
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

// maxLeases bounds the connections to one server, over all loops, that sessions have for
// themselves: while they wait for an element, watch keys or have keys tracked.
const maxLeases = 4096

func (a *App) serverOptions(server router.Server, p *config.Pool) *backend.Options {
	return &backend.Options{
		Pool: server.Pool, Name: server.Name, Address: server.Address, Primary: p.Discovered(),
		Absent:  "has no known primary: no sentinel has told of one yet",
		Connect: time.Duration(p.Timeouts.Connect), Request: time.Duration(p.Timeouts.Request), Slow: time.Duration(p.Timeouts.Slow),
		Username: p.Auth.Username, Password: p.Auth.Password.Reveal(),
		ClientName: "ringmain-" + a.incarnation,
		Queue:      int(a.cfg.Limits.NodeQueue) / a.cfg.Loops, // each loop has its part
		Leases:     maxLeases / a.cfg.Loops,
		Learned:    &backend.Facts{}, Fence: &backend.Fence{}, Rand: rand.Float64, Log: a.log,
	}
}

// dialTLS dials the servers of a pool, or of a quorum, with TLS.
func dialTLS(secrets *certificates, of *config.PoolTLS) func(ioloop.Loop, string, time.Duration, ioloop.Handler) {
	return func(loop ioloop.Loop, address string, timeout time.Duration, h ioloop.Handler) {
		cfg := func() *tls.Config { return tlsFor(secrets, serverName(address, of)) }
		loop.(*netLoop).DialTLS(address, timeout, cfg, h)
	}
}

// tlsFor is the configuration for a server whose certificate must be for name.
func tlsFor(secrets *certificates, name string) *tls.Config {
	c := secrets.config().Clone()
	c.ServerName = name
	return c
}

// serverName is what the certificate of a server at address must be for.
func serverName(address string, of *config.PoolTLS) string {
	return cmp.Or(of.ServerName, hostOf(address))
}

// hostOf is the host of an address that has been checked.
func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}
