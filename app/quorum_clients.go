package app

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"ringmain/config"
	"ringmain/health"
	"ringmain/quorum"
)

// PersistenceOf is what the servers of a quorum keep.
func PersistenceOf(q *config.Quorum) quorum.Persistence {
	switch {
	case q.Embedded > 0:
		return quorum.Embedded
	case q.Persistent():
		return quorum.FsyncAlways
	}
	return quorum.None
}

// QuorumClient makes a client of a server of the quorum of that name, for what is done beside
// all traffic: looking at it, and initialising it. It connects when first used; whoever asked
// for it closes it.
func QuorumClient(cfg *config.Config, name string, server int) (*redis.Client, error) {
	q := cfg.Quorums[name]
	address := q.Nodes[server]
	t := health.Target{
		Username: q.Auth.Username, Password: q.Auth.Password.Reveal(), Timeout: time.Duration(q.Timeouts.Connect),
	}
	t.Network, t.Address = dialled(address)
	if q.Secure.On {
		secrets, err := newCertificates("quorums."+name+".tls", q.Secure.Files(), slog.New(slog.DiscardHandler), forServers)
		if err != nil {
			return nil, err
		}
		t.TLS = func() *tls.Config { return tlsFor(secrets, serverName(address, &q.Secure)) }
	}
	return health.NewClient(t), nil
}

// Asking is how package quorum asks a client's server.
func Asking(ctx context.Context, client *redis.Client) quorum.Ask {
	return func(args ...any) (any, error) { return client.Do(ctx, args...).Result() }
}
