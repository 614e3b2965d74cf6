package config

import (
	"cmp"
	"fmt"
)

// maxReplicas bounds those of one server.
const maxReplicas = 16

// ReadsFrom are the ways to choose who answers a read.
func ReadsFrom() []string { return []string{"primary", "replica", "any"} }

// ReplicaName is what a replica is called wherever servers are named: by its primary's
// name and its own address.
func (n *Node) ReplicaName(i int) string { return n.Name + "/" + n.Replicas[i] }

// replicas is how many there are in the pool.
func (p *Pool) replicas() (n int) {
	for i := range p.Nodes {
		n += len(p.Nodes[i].Replicas)
	}
	return n
}

// replicas checks the replicas of a pool's nodes: no two of all its servers are the same,
// nor called the same.
func (v *validator) replicas(path string, nodes []Node) {
	names, addresses := map[string]string{}, map[string]string{}
	for i, n := range nodes {
		names[cmp.Or(n.Name, n.Address)] = fmt.Sprintf("%s[%d]", path, i)
		if a, err := splitAddress(n.Address); err == nil {
			addresses[a.String()] = fmt.Sprintf("%s[%d]", path, i)
		}
	}
	for i, n := range nodes {
		if len(n.Replicas) > maxReplicas {
			v.fault(fmt.Sprintf("%s[%d].replicas", path, i), "must be at most %d, are %d", maxReplicas, len(n.Replicas))
			continue
		}
		n.Name = cmp.Or(n.Name, n.Address)
		for k, text := range n.Replicas {
			at := fmt.Sprintf("%s[%d].replicas[%d]", path, i, k)
			v.serverAddress(at, text)
			a, err := splitAddress(text)
			if err != nil {
				continue
			}
			if other, taken := addresses[a.String()]; taken {
				v.fault(at, "is the address of %s too", other)
				continue
			}
			addresses[a.String()] = at
			if other, taken := names[n.ReplicaName(k)]; taken {
				v.fault(at, "would be called %q, which is the name of %s", clip(n.ReplicaName(k)), other)
			}
		}
	}
}
