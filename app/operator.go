package app

import (
	"context"
	"maps"
	"slices"

	"ringmain/admin"
)

// rerouter decides, in a pool that reroutes, which servers are out. Servers are given by
// their index in the pool. Errors are those of admin.Operator.
type rerouter interface {
	Drain(ctx context.Context, server int) error
	Undrain(ctx context.Context, server int) error
	Adopt(ctx context.Context, empty bool) error
}

// operator is what people ask for at admin.address.
type operator struct {
	app     *App
	servers *servers
}

// Pools implements admin.Operator.
func (o *operator) Pools() []admin.PoolState {
	statuses, names := o.app.health.all(), o.app.health.named()
	var list []admin.PoolState
	for _, name := range slices.Sorted(maps.Keys(o.app.cfg.Pools)) {
		pool := admin.PoolState{Name: name, OnNodeDown: o.app.cfg.Pools[name].OnNodeDown, Trouble: o.app.views[name].trouble()}
		for i, server := range o.servers.all {
			if server.Pool != name || names[i] == "" {
				continue
			}
			s := statuses[i]
			pool.Servers = append(pool.Servers, admin.ServerState{
				Node: names[i], State: s.word(), Since: s.Since.UTC(), Reason: s.Reason, Falls: s.Falls,
			})
		}
		list = append(list, pool)
	}
	return list
}

// Drain implements admin.Operator.
func (o *operator) Drain(ctx context.Context, pool, node string) error {
	return o.onServer(pool, node, func(r rerouter, server int) error { return r.Drain(ctx, server) })
}

// Undrain implements admin.Operator.
func (o *operator) Undrain(ctx context.Context, pool, node string) error {
	return o.onServer(pool, node, func(r rerouter, server int) error { return r.Undrain(ctx, server) })
}

// Adopt implements admin.Operator.
func (o *operator) Adopt(ctx context.Context, pool string, empty bool) error {
	r, err := o.rerouter(pool)
	if err != nil {
		return err
	}
	return r.Adopt(ctx, empty)
}

func (o *operator) onServer(pool, node string, do func(rerouter, int) error) error {
	r, err := o.rerouter(pool)
	if err != nil {
		return err
	}
	for i, n := range o.app.cfg.Pools[pool].Nodes {
		if n.Name == node {
			return do(r, i)
		}
	}
	return admin.NotFound("pool %q has no node %q", pool, node)
}

// rerouter is that of a pool, if the pool reroutes.
func (o *operator) rerouter(pool string) (rerouter, error) {
	p, known := o.app.cfg.Pools[pool]
	if !known {
		return nil, admin.NotFound("there is no pool %q", pool)
	}
	if !p.Reroutes() {
		return nil, admin.Refused("pool %q fails, it does not reroute: its data is neither moved nor deleted (on_node_down)", pool)
	}
	r := o.app.rerouters[pool]
	if r == nil {
		return nil, admin.Refused("pool %q has not begun to reroute", pool)
	}
	return r, nil
}
